package directory

import (
	"fmt"
	"slices"
	"strings"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// The types of Object, as in @odata.type without the number sign.
const (
	TypeGroup              = "microsoft.graph.group"
	TypeAdministrativeUnit = "microsoft.graph.administrativeUnit"
	TypeUser               = "microsoft.graph.user"
)

func objectTypes() []string { return []string{TypeGroup, TypeAdministrativeUnit, TypeUser} }

// Object is a group, an administrative unit or a user that devices are related to.
type Object struct {
	// Type is one of TypeGroup, TypeAdministrativeUnit and TypeUser.
	Type string
	// Members are as Graph's JSON has them; "id", a GUID, and "displayName" are required.
	Members map[string]any
	// MemberOf are the ids of the groups that a group is nested in.
	MemberOf []string
}

// ID gives the object id.
func (o Object) ID() string {
	s, _ := o.Members["id"].(string)
	return s
}

// links are the ids of what a device is related to.
type links struct{ memberOf, owners, users []string }

// objects are the directory's groups, units and users. They stay as they were made.
type objects struct {
	list []Object
	byID map[string]int
}

// newObjects checks the objects, and that what they are members of is there. The error names the field.
func newObjects(list []Object) (objects, error) {
	o := objects{byID: map[string]int{}}
	for i, object := range list {
		name, _ := object.Members["displayName"].(string)
		_, taken := o.byID[strings.ToLower(object.ID())]
		switch {
		case !slices.Contains(objectTypes(), object.Type):
			return objects{}, fmt.Errorf("Objects[%d].Type: %q is not one of %q", i, object.Type, objectTypes())
		case !wire.IsGUID(object.ID()):
			return objects{}, fmt.Errorf("Objects[%d].Members: id %q is not a GUID", i, object.ID())
		case taken:
			return objects{}, fmt.Errorf("Objects[%d].Members: id %q is already taken", i, object.ID())
		case name == "":
			return objects{}, fmt.Errorf("Objects[%d].Members: displayName is missing", i)
		}
		members, err := plain(object.Members)
		if err != nil {
			return objects{}, fmt.Errorf("Objects[%d].Members: %w", i, err)
		}
		o.byID[strings.ToLower(object.ID())] = i
		o.list = append(o.list, Object{Type: object.Type, Members: members, MemberOf: slices.Clone(object.MemberOf)})
	}
	for i, object := range o.list {
		if err := o.check(object.MemberOf, TypeGroup, TypeAdministrativeUnit); err != nil {
			return objects{}, fmt.Errorf("Objects[%d].MemberOf: %w", i, err)
		}
	}
	return o, nil
}

// check says whether all ids are of objects of one of the types.
func (o objects) check(ids []string, types ...string) error {
	for _, id := range ids {
		object, ok := o.find(id)
		if !ok || !slices.Contains(types, object.Type) {
			return fmt.Errorf("there is no object %q of the type %s", id, strings.Join(types, " or "))
		}
	}
	return nil
}

func (o objects) find(id string) (Object, bool) {
	i, ok := o.byID[strings.ToLower(id)]
	if !ok {
		return Object{}, false
	}
	return o.list[i], true
}

// links checks the relations of an entry.
func (o objects) links(e Entry) (links, error) {
	if err := o.check(e.MemberOf, TypeGroup, TypeAdministrativeUnit); err != nil {
		return links{}, fmt.Errorf("memberOf: %w", err)
	}
	if err := o.check(e.Owners, TypeUser); err != nil {
		return links{}, fmt.Errorf("registeredOwners: %w", err)
	}
	if err := o.check(e.Users, TypeUser); err != nil {
		return links{}, fmt.Errorf("registeredUsers: %w", err)
	}
	return links{slices.Clone(e.MemberOf), slices.Clone(e.Owners), slices.Clone(e.Users)}, nil
}

// transitive gives ids and all that they are nested in, each once, in the order of distance.
func (o objects) transitive(ids []string) []string {
	var all []string
	seen := map[string]bool{}
	for queue := slices.Clone(ids); len(queue) > 0; queue = queue[1:] {
		id := strings.ToLower(queue[0])
		if object, ok := o.find(id); ok && !seen[id] {
			seen[id] = true
			all = append(all, object.ID())
			queue = append(queue, object.MemberOf...)
		}
	}
	return all
}
