package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// maxName bounds a member name that comes from the document.
const maxName = 64

// describe gives one clause for every rule that the document breaks. The
// library's own text quotes values, which may be payloads.
func describe(e *jsonschema.ValidationError) string {
	clauses := leaves(e)
	slices.Sort(clauses)
	return strings.Join(slices.Compact(clauses), "; ")
}

func leaves(e *jsonschema.ValidationError) []string {
	if len(e.Causes) == 0 {
		return clauses(e)
	}
	var all []string
	for _, cause := range e.Causes {
		all = append(all, leaves(cause)...)
	}
	return all
}

func clauses(e *jsonschema.ValidationError) []string {
	at := func(name string) string { return member(append(slices.Clone(e.InstanceLocation), name)) }
	here := member(e.InstanceLocation)
	var all []string
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			all = append(all, at(name)+" is missing")
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			all = append(all, at(name)+" is not a member that is known here")
		}
	case *kind.FalseSchema:
		all = append(all, here+" may not be given here")
	case *kind.Type:
		all = append(all, here+" is "+k.Got+", want "+strings.Join(k.Want, " or "))
	case *kind.Const:
		all = append(all, fmt.Sprintf("%s must be %v", here, k.Want))
	case *kind.Enum:
		all = append(all, fmt.Sprintf("%s must be one of %v", here, k.Want))
	case *kind.Pattern:
		all = append(all, here+" does not match "+k.Want)
	case *kind.Format:
		all = append(all, here+" is not a valid "+k.Want)
	default:
		all = append(all, here+" breaks "+strings.Join(e.ErrorKind.KeywordPath(), "/"))
	}
	return all
}

// member spells a location as the error replies do: payload.uri.
func member(location []string) string {
	if len(location) == 0 {
		return "the document"
	}
	names := make([]string, len(location))
	for i, name := range location {
		name = fmt.Sprintf("%+q", name)
		names[i] = name[1:min(len(name)-1, maxName)]
	}
	return strings.Join(names, ".")
}
