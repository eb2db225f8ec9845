package directory

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// maxName is the documented length of displayName, maxExtension that of an extension attribute, in characters.
const (
	maxName      = 256
	maxExtension = 1024
)

// checkCreate checks the body of "Create device": the members of its sample are required.
func (s schema) checkCreate(members map[string]any) error {
	if err := s.checkClient(members, "readOnly"); err != nil {
		return err
	}
	return s.checkRequired(members)
}

func (s schema) checkRequired(members map[string]any) error {
	for _, p := range s.properties {
		if _, ok := members[p.name]; !ok && p.has("required") {
			return badRequest("The property '%s' is required.", p.name)
		}
	}
	return nil
}

// checkUpdate checks the body of "Update device".
func (s schema) checkUpdate(members map[string]any) error {
	return s.checkClient(members, "readOnly", "createOnly")
}

// checkClient refuses members with one of the traits and misspelt ones, beside what check does.
func (s schema) checkClient(members map[string]any, refused ...string) error {
	for name := range members {
		if strings.HasPrefix(name, "@") || strings.Contains(name, "@odata.") {
			if err := checkAnnotation(name, members[name]); err != nil {
				return err
			}
			delete(members, name)
			continue
		}
		p, known := s.find(name)
		if right, ok := s.similar(name); ok && !known {
			return badRequest("The property '%s' does not exist; did you mean '%s'?", name, right)
		}
		for _, trait := range refused {
			if p.has(trait) {
				return badRequest("The property '%s' is read-only and must not be in this request.", name)
			}
		}
	}
	return s.check(members)
}

func checkAnnotation(name string, value any) error {
	if t, ok := value.(string); name == "@odata.type" && ok && strings.TrimPrefix(t, "#") == "microsoft.graph.device" {
		return nil
	}
	return badRequest("The annotation '%s' is not for this request; '@odata.type' must be #microsoft.graph.device.", name)
}

// check compares the members with the documented types. Unknown ones may have any.
func (s schema) check(members map[string]any) error {
	for name, value := range members {
		p, known := s.find(name)
		switch {
		case !known:
		case value == nil && p.has("notNull"):
			return badRequest("The property '%s' must not be null.", name)
		case value == nil:
		default:
			if want := p.mismatch(value); want != "" {
				return badRequest("The property '%s' must be %s.", name, want)
			}
		}
	}
	return nil
}

// mismatch says what the value should have been, empty when it is.
func (p property) mismatch(value any) string {
	switch p.kind {
	case boolean:
		_, ok := value.(bool)
		return unless(ok, "true or false")
	case integer:
		n, _ := value.(json.Number)
		v, err := n.Int64()
		return unless(err == nil && v == int64(int32(v)), "a number of 32 bits") //nolint:gosec // this is the check
	case timestamp:
		s, _ := value.(string)
		_, err := time.Parse(time.RFC3339, s)
		return unless(err == nil, "a time such as 2014-01-01T00:00:00Z")
	case texts:
		return unless(every(value, func(v any) bool { _, ok := v.(string); return ok }), "an array of strings")
	case securities:
		return unless(every(value, isSecurity), "an array of objects with the number type and the string key")
	case extensions:
		return unless(isExtensions(value), fmt.Sprintf("an object of extensionAttribute1 to 15, each null or a string of at most %d characters", maxExtension))
	}
	s, ok := value.(string)
	switch p.name {
	case "displayName":
		return unless(ok && s != "" && utf8.RuneCountInString(s) <= maxName, fmt.Sprintf("a string of 1 to %d characters", maxName))
	case "id", "deviceId":
		return unless(wire.IsGUID(s), "a GUID")
	}
	return unless(ok, "a string")
}

func unless(ok bool, want string) string {
	if ok {
		return ""
	}
	return want
}

func every(value any, is func(any) bool) bool {
	list, ok := value.([]any)
	for _, v := range list {
		ok = ok && is(v)
	}
	return ok
}

func isSecurity(value any) bool {
	m, _ := value.(map[string]any)
	_, number := m["type"].(json.Number)
	_, key := m["key"].(string)
	return number && key
}

func isExtensions(value any) bool {
	m, ok := value.(map[string]any)
	name := regexp.MustCompile(`^extensionAttribute([1-9]|1[0-5])$`)
	for k, v := range m {
		s, isText := v.(string)
		ok = ok && name.MatchString(k) && (v == nil || isText && utf8.RuneCountInString(s) <= maxExtension)
	}
	return ok
}
