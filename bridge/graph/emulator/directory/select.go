package directory

import (
	"regexp"
	"slices"
	"strings"
)

// parseSelect checks the names; id is always given.
func (src source) parseSelect(value string) ([]string, error) {
	var names []string
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		_, ok := src.schema.find(name)
		if right, similar := src.schema.similar(name); !ok && similar {
			return nil, badRequest("There is no property named '%s' on the type 'microsoft.graph.%s'; did you mean '%s'?", name, src.typeName(), right)
		}
		if !ok && (src.knows == nil || !src.knows(name)) {
			return nil, badRequest("There is no property named '%s' on the type 'microsoft.graph.%s'.", name, src.typeName())
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// typeName is the schema's name as the metadata writes it.
func (src source) typeName() string {
	return strings.ToLower(src.schema.name[:1]) + src.schema.name[1:]
}

// project gives the selected members of an object, and its id; by default all but those that only $select returns.
func (src source) project(object map[string]any, selected []string) map[string]any {
	view := map[string]any{"id": object["id"]}
	for _, name := range selected {
		view[name] = object[name]
	}
	if selected != nil {
		return view
	}
	for name, value := range object {
		if p, ok := src.schema.find(name); !ok || !p.has("selectOnly") {
			view[name] = value
		}
	}
	return view
}

// expansion is a $expand of one relation.
type expansion struct {
	op       Operation
	selected []string
}

// maxExpanded is the documented number of related objects that $expand gives.
const maxExpanded = 20

// parseExpand takes one relation, with a $select of its own or without.
func parseExpand(value string) (*expansion, error) {
	m := regexp.MustCompile(`^\s*([A-Za-z]+)\s*(?:\(\s*\$select=([^()]+)\))?\s*$`).FindStringSubmatch(value)
	if m == nil {
		return nil, unsupportedQuery("The query option '$expand' takes one relation, such as memberOf or memberOf($select=id).")
	}
	relations := []Operation{OpMemberOf, OpTransitiveMemberOf, OpOwners, OpUsers}
	if !slices.Contains(relations, Operation(m[1])) {
		return nil, badRequest("There is no relation named '%s' on the type 'microsoft.graph.device' that can be expanded.", m[1])
	}
	e := &expansion{op: Operation(m[1])}
	if m[2] == "" {
		return e, nil
	}
	var err error
	e.selected, err = source{schema: memberSchema("")}.parseSelect(m[2])
	return e, err
}
