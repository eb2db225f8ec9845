package directory

import "devicebridge/bridge/graph/emulator/internal/wire"

// idsOf gives the ids of what a device is related to by one of the four relations.
func (d *Directory) idsOf(op Operation, l links) []string {
	switch op {
	case OpMemberOf:
		return l.memberOf
	case OpTransitiveMemberOf:
		return d.objects.transitive(l.memberOf)
	case OpOwners:
		return l.owners
	default:
		return l.users
	}
}

// related lists what a device is related to, all or those of one type.
func (d *Directory) related(c call) (result, error) {
	src := source{schema: memberSchema(c.cast), related: true, options: c.op.options}
	q, err := parseQuery(c.r.URL.RawQuery, src)
	if err != nil {
		return result{}, err
	}
	reason := q.advanced(src)
	if reason == "" && c.cast != "" {
		reason = "The cast to " + c.cast
	}
	if err := q.checkConsistency(c.r.Header, reason, c.count); err != nil {
		return result{}, err
	}
	d.mu.Lock()
	r := d.store.living(c.key)
	var ids []string
	if r != nil {
		ids = d.idsOf(c.route.op, r.links)
	}
	d.mu.Unlock()
	if r == nil {
		return result{}, notFound(c.key.String())
	}
	found := q.matching(d.items(ids, c.cast))
	if c.count {
		return number(len(found)), nil
	}
	page, body, err := d.newList(c, q, entitySet(c.cast), found)
	if err != nil {
		return result{}, err
	}
	for _, it := range page {
		body.Value = append(body.Value, d.objectView(src, it.object, q.selected, c.cast == ""))
	}
	return ok(body), nil
}

// items gives the objects of the ids that are of the type, or of any.
func (d *Directory) items(ids []string, cast string) []item {
	var list []item
	for i, id := range ids {
		if o, ok := d.objects.find(id); ok && (cast == "" || cast == o.Type) {
			list = append(list, item{seq: uint64(i), object: o.Members})
		}
	}
	return list
}

func entitySet(cast string) string {
	switch cast {
	case TypeGroup:
		return "groups"
	case TypeUser:
		return "users"
	case TypeAdministrativeUnit:
		return "directory/administrativeUnits"
	}
	return "directoryObjects"
}

// objectView gives the selected members of an object, with its type where the list has several.
func (d *Directory) objectView(src source, members map[string]any, selected []string, typed bool) map[string]any {
	view := src.project(members, selected)
	if o, ok := d.objects.find(members["id"].(string)); ok && typed {
		view["@odata.type"] = "#" + o.Type
	}
	return view
}

// expand puts up to 20 related objects into the view of a device.
func (d *Directory) expand(view map[string]any, e *expansion, l links) {
	if e == nil {
		return
	}
	value := []map[string]any{}
	for _, it := range d.items(d.idsOf(e.op, l), "") {
		if len(value) < maxExpanded {
			value = append(value, d.objectView(source{schema: memberSchema("")}, it.object, e.selected, true))
		}
	}
	view[string(e.op)] = value
}

// memberBody reads the body of an action: one member of the name, of the type of into.
func memberBody(body []byte, name string, read func(value any) bool, want string) error {
	members, err := readMembers(body)
	if err != nil {
		return err
	}
	for have := range members {
		if have != name {
			return wire.BadRequest("The parameter '%s' is not known; '%s' is.", have, name)
		}
	}
	if !read(members[name]) {
		return wire.BadRequest("The parameter '%s' must be %s.", name, want)
	}
	return nil
}
