package emulator

import (
	"errors"
	"slices"
	"strings"

	"devicebridge/bridge/graph/emulator/internal/odata"
	"devicebridge/bridge/graph/emulator/internal/wire"
)

const (
	// maxFilter bounds the text of a $filter in bytes, maxIn the values of its operator in, as in the directory.
	maxFilter = 8 << 10
	maxIn     = 15
)

// property is one member of a device in an answer.
type property struct{ name, value string }

// properties returns a device's members in the order of the documents and the spelling of the profile.
func (p Profile) properties(d *Device) []property {
	list := []property{
		{"name", d.Name},
		{"id", d.ID},
		{"manufacturer", d.Manufacturer},
		{"model", d.Model},
		{"kind", d.Kind},
		{"status", d.Status},
		{"platform", d.Platform},
	}
	for i, m := range list {
		if p == Pascal && m.name != "id" {
			list[i].name = strings.ToUpper(m.name[:1]) + m.name[1:]
		}
	}
	return list
}

// spelt returns a property's name in the profile's spelling; it reads every casing, as requests are read.
func (p Profile) spelt(name string) (string, bool) {
	for _, m := range p.properties(&Device{}) {
		if strings.EqualFold(m.name, name) {
			return m.name, true
		}
	}
	return "", false
}

func unknownProperty(name string) *wire.Fail {
	return wire.BadRequest("There is no property named '%s' on the type 'microsoft.graph.device'.", name)
}

// parseSelect returns the names that a $select lists, in the profile's spelling and each once; the id is always
// answered, as the directory does it.
func (p Profile) parseSelect(value string) ([]string, error) {
	var names []string
	for item := range strings.SplitSeq(value, ",") {
		name, ok := p.spelt(strings.TrimSpace(item))
		if !ok {
			return nil, unknownProperty(strings.TrimSpace(item))
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// view returns the members of a device that are selected, all when that is nil; context is its @odata.context, empty
// inside a list.
func (p Profile) view(d *Device, selected []string, context string) any {
	if selected == nil {
		return p.device(d, context)
	}
	members := map[string]string{}
	for _, m := range p.properties(d) {
		if m.name == "id" || slices.Contains(selected, m.name) {
			members[m.name] = m.value
		}
	}
	if context != "" {
		members["@odata.context"] = context
	}
	return members
}

// deviceContext is the @odata.context of devices with the selected members. Graph's pages give a v1.0 context for these
// beta calls.
func deviceContext(selected []string) string {
	context := "https://graph.microsoft.com/v1.0/$metadata#devices"
	if selected != nil {
		context += "(" + strings.Join(selected, ",") + ")"
	}
	return context
}

// filter is a $filter whose every clause is about a property of a device; the zero value lets all devices through.
type filter struct {
	expr odata.Expr
	// paths are the properties as the filter spells them.
	paths []string
}

// parseFilter reads a $filter. All properties are strings, and take every operator that the package odata reads.
func (p Profile) parseFilter(text string) (filter, error) {
	if len(text) > maxFilter {
		return filter{}, wire.BadRequest("The query option '$filter' is longer than %d bytes.", maxFilter)
	}
	e, err := odata.Parse(text)
	if fault, ok := errors.AsType[*odata.Error](err); ok {
		return filter{}, wire.BadRequest("Invalid filter clause in '$filter': %v.", fault)
	}
	if err != nil {
		return filter{}, err
	}
	f := filter{expr: e}
	return f, odata.Walk(e, func(e odata.Expr, _ bool) error { return f.clause(p, e) })
}

// clause checks one node of the filter, and notes the property it is about.
func (f *filter) clause(p Profile, e odata.Expr) error {
	var path odata.Path
	var values []any
	switch e := e.(type) {
	case odata.Compare:
		path, values = e.Path, []any{e.Value}
	case odata.In:
		path, values = e.Path, e.Values
	case odata.Call:
		path, values = e.Path, []any{e.Value}
	case odata.Any:
		return wire.BadRequest("Invalid filter clause in '$filter': the property '%s' is no collection.", e.Path)
	default:
		return nil
	}
	name := path.String()
	if _, ok := p.spelt(name); !ok {
		return unknownProperty(name)
	}
	if len(values) > maxIn {
		return wire.BadRequest("Invalid filter clause in '$filter': the operator 'in' takes at most %d values.", maxIn)
	}
	for _, v := range values {
		if _, isText := v.(string); !isText && v != nil {
			return wire.BadRequest("Invalid filter clause in '$filter': the value for the property '%s' must be a string.", name)
		}
	}
	f.paths = append(f.paths, name)
	return nil
}

// match says whether the device is one that the filter asks for.
func (f filter) match(p Profile, d *Device) bool {
	if f.expr == nil {
		return true
	}
	object := map[string]any{}
	for _, m := range p.properties(d) {
		for _, path := range f.paths {
			if strings.EqualFold(path, m.name) {
				object[path] = m.value
			}
		}
	}
	return odata.Match(f.expr, object)
}
