package directory

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"devicebridge/bridge/graph/emulator/internal/odata"
	"devicebridge/bridge/graph/emulator/internal/wire"
)

// FuzzParseFilter: what the table lets through can be matched, and what it does not is a 400 with a message.
func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{
		"displayName eq 'x'", "not physicalIds/any(p:startsWith(p,'x'))", "systemLabels/$count ne 0", "id in ('a','b')",
		"alternativeSecurityIds/any(x:x/type eq 2)", "extensionAttributes/extensionAttribute1 eq null", "approximateLastSignInDateTime ge 2026-01-01",
	} {
		f.Add(s)
	}
	s := deviceSchema()
	object := s.whole(map[string]any{"displayName": "x"})
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseFilter(text, s)
		if err == nil {
			_ = advancedClause(e)
			if odata.Match(e, object) == odata.Match(odata.Not{Inner: e}, object) {
				t.Fatalf("%q is both true and false", text)
			}
			return
		}
		if fail, ok := errors.AsType[*wire.Fail](err); !ok || fail.Status != http.StatusBadRequest || fail.Message == "" {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// FuzzParseSearch: a search that is taken has words in every clause.
func FuzzParseSearch(f *testing.F) {
	for _, s := range []string{`"displayName:x"`, `"displayName:x" AND "displayName:y" OR "displayName:z"`, `"displayName:\"x\""`, `"a:b`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		groups, err := parseSearch(text, deviceSchema())
		for _, group := range groups {
			for _, term := range group {
				if err != nil || len(term.words) == 0 || term.property != "displayName" {
					t.Fatalf("%q: %v %v", text, groups, err)
				}
			}
		}
		_ = groups.match(map[string]any{"displayName": text})
	})
}

// FuzzParseRoute: no path leads to an operation on a device without a key.
func FuzzParseRoute(f *testing.F) {
	for _, s := range []string{
		"/v1.0/devices", "/v1.0/devices/$count", "/v1.0/devices('x')/memberOf", "/v1.0/devices(deviceId='x')", "/v1.0/devices/a/registeredOwners/b/$ref",
		"/v1.0/devices/a/memberOf/microsoft.graph.group/$count", "//", "/v1.0/devices/%00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		for _, o := range operations() {
			rt, err := parseRoute([]string{"v1.0"}, o.method, u)
			if err != nil {
				continue
			}
			keyless := rt.op == OpList || rt.op == OpCount || rt.op == OpCreate || rt.op == OpDelta
			removes := rt.op == OpRemoveOwner || rt.op == OpRemoveUser
			if (rt.key == key{}) != keyless || (rt.target != "") != removes || methodOf(rt.op) != o.method {
				t.Fatalf("%+v", rt)
			}
		}
	})
}
