package directory

import (
	"context"
	"slices"

	"devicebridge/bridge/graph"
)

// operation is one thing that may be asked for.
type operation struct {
	// name is the subject below the prefix; request and reply name the schemas.
	name, description, request, reply string
	// permission is what Graph asks for, for the words of a refusal.
	permission string
	// smaller says how to get an answer that fits a message.
	smaller string
	writes  bool
	// paged: it takes a page token.
	paged bool
	run   func(ctx context.Context, data []byte) (any, error)
}

// The permissions of Graph's pages. Where those of different age differ, both
// are told.
const (
	readDevices   = "Device.Read.All"
	readDirectory = "Directory.Read.All"
	writeDevices  = "Directory.AccessAsUser.All of a signed-in administrator, or Device.ReadWrite.All of an application"
	deleteDevices = "Directory.AccessAsUser.All of a signed-in administrator; an application cannot"
	writeObjects  = "Directory.AccessAsUser.All of a signed-in administrator, or Directory.ReadWrite.All"
)

const (
	// A page token takes no other member, so a list is narrowed at its beginning.
	fewer     = "begin with a smaller `top`, or name the members that are needed in `select`"
	narrowed  = "begin without `pageToken`, and name the members that are needed in `select`"
	narrower  = "name the members that are needed in `select`"
	paged     = "ask memberOf.list or transitiveMemberOf.list with `top` and `select`"
	unlimited = "Graph limits the answer to what was asked for"
)

// operations lists them all. Their names, and those of their schemas, are put
// together here.
func (s *Service) operations() []operation {
	all := slices.Concat(
		s.reads(), s.writes(), s.members(),
		s.related(graph.MemberOf, "the groups and administrative units that have a device as a member"),
		s.related(graph.TransitiveMemberOf, "the groups and administrative units that a device is a member of, directly or not"),
		s.related(graph.RegisteredOwners, "the registered owners of a device"), s.references(graph.RegisteredOwners, "registered owners"),
		s.related(graph.RegisteredUsers, "the registered users of a device"), s.references(graph.RegisteredUsers, "registered users"),
	)
	for i := range all {
		o := &all[i]
		o.paged = o.reply == "list" || o.reply == "objects" || o.reply == "delta"
		o.name, o.request, o.reply = "directory.devices."+o.name, "directory-"+o.request+"-request", "directory-"+o.reply+"-reply"
	}
	return all
}

func (s *Service) reads() []operation {
	return []operation{
		{
			name: "list", request: "list", reply: "list", permission: readDevices, smaller: fewer, run: request(s.list),
			description: "list the directory's devices, page by page",
		},
		{
			name: "get", request: "get", reply: "device", permission: readDevices, smaller: narrower, run: request(s.get),
			description: "give one of the directory's devices, by object id or device id",
		},
		{
			name: "count", request: "count", reply: "count", permission: readDevices, smaller: unlimited, run: request(s.count),
			description: "count the directory's devices, or those that match",
		},
		{
			name: "delta", request: "delta", reply: "delta", permission: readDevices, smaller: narrowed, run: request(s.delta),
			description: "give what changed among the directory's devices, page by page; begins with all of them",
		},
	}
}

func (s *Service) writes() []operation {
	return []operation{
		{
			name: "create", request: "create", reply: "device", permission: writeDevices, writes: true, run: request(s.create),
			description: "register a new device in the directory; only where writing is switched on",
		},
		{
			name: "update", request: "update", reply: "done", permission: writeDevices, writes: true, run: request(s.update),
			description: "change a device of the directory; only where writing is switched on",
		},
		{
			name: "delete", request: "key", reply: "done", permission: deleteDevices, writes: true, run: request(s.remove),
			description: "delete a device of the directory; only where writing is switched on",
		},
	}
}

func (s *Service) members() []operation {
	return []operation{
		{
			name: "checkMemberObjects", request: "check", reply: "ids", permission: readDevices, smaller: unlimited, run: request(s.check),
			description: "give those of up to 20 groups, administrative units and roles that a device is a member of, directly or not",
		},
		{
			name: "getMemberObjects", request: "membership", reply: "ids", permission: readDevices, smaller: paged, run: request(s.memberships),
			description: "give all groups, administrative units and roles that a device is a member of, directly or not",
		},
	}
}

// related gives the list of a relationship.
func (s *Service) related(r graph.Relationship, what string) []operation {
	return []operation{{
		name: string(r) + ".list", request: "objects", reply: "objects", permission: readDirectory, smaller: fewer,
		description: "list " + what + ", page by page", run: request(s.relatedOf(r)),
	}}
}

// references gives the changes of a relationship.
func (s *Service) references(r graph.Relationship, what string) []operation {
	return []operation{
		{
			name: string(r) + ".add", request: "reference", reply: "done", permission: writeObjects, writes: true,
			description: "add a user to the " + what + " of a device; only where writing is switched on",
			run:         request(s.referenceOf(r, s.Graph.AddReference)),
		},
		{
			name: string(r) + ".remove", request: "reference", reply: "done", permission: writeObjects, writes: true,
			description: "remove a user from the " + what + " of a device; only where writing is switched on",
			run:         request(s.referenceOf(r, s.Graph.RemoveReference)),
		},
	}
}
