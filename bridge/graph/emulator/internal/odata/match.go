package odata

import (
	"encoding/json"
	"strings"
	"time"
)

// Match says whether an object, as encoding/json decodes one, fulfils the filter. A member that is absent counts as
// null. A null fulfils eq null and ne of anything else, and no other clause.
func Match(e Expr, object map[string]any) bool { return scope{object: object}.match(e) }

// scope is where paths begin: in the object, or with the variable of a lambda.
type scope struct {
	object  map[string]any
	name    string
	element any
}

func (s scope) match(e Expr) bool {
	switch e := e.(type) {
	case And:
		return s.match(e.Left) && s.match(e.Right)
	case Or:
		return s.match(e.Left) || s.match(e.Right)
	case Not:
		return !s.match(e.Inner)
	case Compare:
		return compare(s.value(e.Path), e.Op, e.Value)
	case In:
		for _, v := range e.Values {
			if compare(s.value(e.Path), "eq", v) {
				return true
			}
		}
	case Call:
		return call(e.Func, s.value(e.Path), e.Value)
	case Any:
		list, _ := s.value(e.Path).([]any)
		for _, v := range list {
			if (scope{object: s.object, name: e.Var, element: v}).match(e.Inner) {
				return true
			}
		}
	}
	return false
}

func (s scope) value(path Path) any {
	var v any = s.object
	if s.name != "" && path[0] == s.name {
		v, path = s.element, path[1:]
	}
	for _, segment := range path {
		if list, ok := v.([]any); ok && segment == "$count" {
			return float64(len(list))
		}
		m, ok := v.(map[string]any)
		switch {
		case ok && segment != "$count":
			v = m[segment]
		case v == nil && segment == "$count":
			return float64(0)
		default:
			return nil
		}
	}
	return v
}

func compare(have any, op string, want any) bool {
	c, sameType := order(have, want)
	switch op {
	case "eq":
		return sameType && c == 0
	case "ne":
		return !sameType || c != 0
	case "ge":
		return sameType && c >= 0 && want != nil
	default:
		return sameType && c <= 0 && want != nil
	}
}

// order compares two values of one type as strings.Compare does; false when they are of different types.
func order(have, want any) (int, bool) {
	switch want := want.(type) {
	case nil:
		return 0, have == nil
	case bool:
		b, ok := have.(bool)
		if b == want {
			return 0, ok
		}
		return 1, ok
	case string:
		s, ok := have.(string)
		return strings.Compare(strings.ToLower(s), strings.ToLower(want)), ok
	case float64:
		f, ok := number(have)
		switch {
		case f < want:
			return -1, ok
		case f > want:
			return 1, ok
		}
		return 0, ok
	case time.Time:
		s, _ := have.(string)
		t, err := time.Parse(time.RFC3339Nano, s)
		return t.Compare(want), err == nil
	}
	return 0, false
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

func call(function string, have, want any) bool {
	s, ok := have.(string)
	part, isText := want.(string)
	if !ok || !isText {
		return false
	}
	s, part = strings.ToLower(s), strings.ToLower(part)
	if function == "startswith" {
		return strings.HasPrefix(s, part)
	}
	return strings.HasSuffix(s, part)
}
