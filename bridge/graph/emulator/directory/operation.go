package directory

import (
	"net/http"

	"devicebridge/bridge/graph/emulator"
)

// Operation is one of the calls of the directory.
type Operation string

// The operations, for counters and for faults that are meant for one of them.
const (
	OpList               Operation = "list"               // GET devices
	OpCount              Operation = "count"              // GET devices/$count
	OpGet                Operation = "get"                // GET devices/{id}
	OpCreate             Operation = "create"             // POST devices
	OpUpdate             Operation = "update"             // PATCH devices/{id}
	OpDelete             Operation = "delete"             // DELETE devices/{id}
	OpDelta              Operation = "delta"              // GET devices/delta
	OpMemberOf           Operation = "memberOf"           // GET devices/{id}/memberOf
	OpTransitiveMemberOf Operation = "transitiveMemberOf" // GET devices/{id}/transitiveMemberOf
	OpOwners             Operation = "registeredOwners"   // GET devices/{id}/registeredOwners
	OpUsers              Operation = "registeredUsers"    // GET devices/{id}/registeredUsers
	OpAddOwner           Operation = "addOwner"           // POST devices/{id}/registeredOwners/$ref
	OpAddUser            Operation = "addUser"            // POST devices/{id}/registeredUsers/$ref
	OpRemoveOwner        Operation = "removeOwner"        // DELETE devices/{id}/registeredOwners/{id}/$ref
	OpRemoveUser         Operation = "removeUser"         // DELETE devices/{id}/registeredUsers/{id}/$ref
	OpCheckMemberObjects Operation = "checkMemberObjects" // POST devices/{id}/checkMemberObjects
	OpGetMemberObjects   Operation = "getMemberObjects"   // POST devices/{id}/getMemberObjects
)

// The permissions of Graph's permissions reference that the directory's calls know.
const (
	readDevices    = "Device.Read.All"
	writeDevices   = "Device.ReadWrite.All"
	readDirectory  = "Directory.Read.All"
	writeDirectory = "Directory.ReadWrite.All"
	asUser         = "Directory.AccessAsUser.All"
)

// operation is what is documented of a call.
type operation struct {
	op     Operation
	method string
	// anyOf are the permissions of which the token needs one. Personal accounts are not supported by any call.
	anyOf emulator.Permissions
	// unit is the cost in resource units; Graph's page on throttling limits gives some of them, the others are assumed.
	unit int
	// options are the query options that the call takes.
	options []string
}

// writes says whether the call changes something.
func (o operation) writes() bool {
	return o.method != http.MethodGet && o.op != OpCheckMemberObjects && o.op != OpGetMemberObjects
}

// operations is the one table of permissions and query options. Where Graph's pages of different years disagree
// (whether an app may create and update; see the pages "Create device" and "Update device") what any of them allows is.
func operations() []operation {
	read := emulator.Permissions{
		Work:        []string{readDevices, readDirectory, writeDirectory, asUser},
		Application: []string{readDevices, writeDevices, readDirectory, writeDirectory},
	}
	members := emulator.Permissions{
		Work:        []string{readDirectory, writeDirectory, asUser},
		Application: []string{readDirectory, writeDirectory},
	}
	actions := emulator.Permissions{
		Work:        []string{readDevices, readDirectory, writeDirectory, asUser},
		Application: []string{readDevices, readDirectory, writeDirectory},
	}
	link := emulator.Permissions{Work: []string{writeDirectory, asUser}, Application: []string{writeDirectory}}
	create := emulator.Permissions{Work: []string{asUser}, Application: []string{writeDevices}}
	update := emulator.Permissions{Work: []string{asUser}, Application: []string{writeDevices, writeDirectory}}
	remove := emulator.Permissions{Work: []string{asUser}}
	list := []string{"$select", "$filter", "$search", "$orderby", "$top", "$count", "$expand", "$skiptoken"}
	related := []string{"$select", "$filter", "$search", "$orderby", "$top", "$count", "$skiptoken"}
	return []operation{
		{OpList, http.MethodGet, read, 2, list},
		{OpCount, http.MethodGet, read, 2, []string{"$filter", "$search"}},
		{OpGet, http.MethodGet, read, 1, []string{"$select", "$expand"}},
		{OpCreate, http.MethodPost, create, 1, nil},
		{OpUpdate, http.MethodPatch, update, 1, nil},
		{OpDelete, http.MethodDelete, remove, 1, nil},
		{OpDelta, http.MethodGet, read, 2, []string{"$select", "$filter", "$deltatoken", "$skiptoken"}},
		{OpMemberOf, http.MethodGet, members, 2, related},
		{OpTransitiveMemberOf, http.MethodGet, members, 2, related},
		{OpOwners, http.MethodGet, members, 2, related},
		{OpUsers, http.MethodGet, members, 2, related},
		{OpAddOwner, http.MethodPost, link, 1, nil},
		{OpAddUser, http.MethodPost, link, 1, nil},
		{OpRemoveOwner, http.MethodDelete, link, 1, nil},
		{OpRemoveUser, http.MethodDelete, link, 1, nil},
		{OpCheckMemberObjects, http.MethodPost, actions, 1, nil},
		{OpGetMemberObjects, http.MethodPost, actions, 1, nil},
	}
}

// Operations gives the names of all calls.
func Operations() []Operation {
	table := operations()
	list := make([]Operation, 0, len(table))
	for _, o := range table {
		list = append(list, o.op)
	}
	return list
}
