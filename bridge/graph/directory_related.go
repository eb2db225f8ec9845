package graph

import (
	"context"
	"net/http"

	"devicebridge/events"
)

// Relationship is what a device may have to other objects of the directory.
type Relationship string

// The relationships that Graph lists.
const (
	// MemberOf: the groups and administrative units that have the device as a member.
	MemberOf Relationship = "memberOf"
	// TransitiveMemberOf: the same, and those that they in turn are members of.
	TransitiveMemberOf Relationship = "transitiveMemberOf"
	// RegisteredOwners: the users who joined or registered the device.
	RegisteredOwners Relationship = "registeredOwners"
	// RegisteredUsers: the users who are registered with it.
	RegisteredUsers Relationship = "registeredUsers"
)

// ObjectPage is a page of objects; its members are as in DevicePage.
type ObjectPage struct {
	Objects []events.DirectoryObject
	Count   *int64
	Next    *Link
}

// RelatedLink gives the first page of a device's relationship.
func (d *Directory) RelatedLink(key DeviceKey, r Relationship, q Query) (Link, error) {
	target, err := d.objectURL(key, string(r))
	if err != nil {
		return Link{}, fail(opListRelated, err)
	}
	link := q.link(target)
	if q.Filter != "" && !link.Eventual {
		// Graph's page aad-advanced-queries: on the relationships of a directory object
		// every filter is an advanced query.
		q.Count = true
		link = q.link(target)
	}
	return link, nil
}

// Related GETs a page of objects: the one of RelatedLink, or the Next of one
// before. Its errors are as in Devices.
func (d *Directory) Related(ctx context.Context, link Link) (ObjectPage, error) {
	const operation = opListRelated
	page, next, err := d.readPage(ctx, operation, link)
	if err != nil && page.Value == nil {
		return ObjectPage{}, fail(operation, err)
	}
	objects, leftOut, ok := objectsOf[events.DirectoryObject](*page.Value)
	if !ok {
		return ObjectPage{}, fail(operation, errNoList)
	}
	d.tellLeftOut(operation, leftOut)
	result := ObjectPage{Objects: objects, Count: countOf(page.Count), Next: next}
	if err != nil {
		return result, fail(operation, err)
	}
	return result, nil
}

// reference names an object in the body of a request.
type reference struct {
	ID string `json:"@odata.id"`
}

// AddReference makes a user, by object id, a registered owner or user of a
// device: Graph's pages device-post-registeredowners and -registeredusers. Of the
// errors see CreateDevice.
func (d *Directory) AddReference(ctx context.Context, key DeviceKey, r Relationship, objectID string) error {
	const operation = opAddReference
	if err := checkReference(r, objectID); err != nil {
		return fail(operation, err)
	}
	content := reference{ID: d.client.root + "/directoryObjects/" + objectID}
	return d.changeObject(ctx, operation, http.MethodPost, content, key, string(r), "$ref")
}

// RemoveReference undoes AddReference.
func (d *Directory) RemoveReference(ctx context.Context, key DeviceKey, r Relationship, objectID string) error {
	const operation = opRemoveReference
	if err := checkReference(r, objectID); err != nil {
		return fail(operation, err)
	}
	return d.changeObject(ctx, operation, http.MethodDelete, nil, key, string(r), objectID, "$ref")
}

func checkReference(r Relationship, objectID string) error {
	if r != RegisteredOwners && r != RegisteredUsers {
		return &ArgumentError{"relationship", "is not changed at the device; only registeredOwners and registeredUsers are"}
	}
	return checkObjectID("objectId", objectID)
}
