package odata_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator/internal/odata"
)

const tablet = `{"displayName":"Anna's Tablet","accountEnabled":true,"model":null,"seen":"2026-03-01T12:00:00Z","version":2,
	"physicalIds":["[USER]","[HW]"],"systemLabels":[],"ids":[{"type":2,"key":"QQ=="},{"type":3,"key":null}],
	"extension":{"one":"BYOD","two":null}}`

func TestMatch(t *testing.T) {
	for filter, want := range map[string]bool{
		"displayName eq 'anna''s tablet'":                 true,
		"displayName eq 'Anna'":                           false,
		"displayName ne 'Anna'":                           true,
		"startsWith(displayName,'anna')":                  true,
		"STARTSWITH( displayName , 'b' )":                 false,
		"endsWith(displayName,'TABLET')":                  true,
		"not startsWith(displayName,'anna')":              false,
		"not(displayName eq 'x') AND version eq 2":        true,
		"displayName ge 'anna' and displayName le 'anoa'": true,
		"displayName in ('x','Anna''s tablet')":           true,
		"displayName in ('x')":                            false,
		"accountEnabled eq true":                          true,
		"accountEnabled ne TRUE":                          false,
		"accountEnabled in (false)":                       false,
		"model eq null":                                   true,
		"model ne null":                                   false,
		"model eq 'x'":                                    false,
		"model ne 'x'":                                    true,
		"model ge 'a'":                                    false,
		"model le 'z'":                                    false,
		"model ge null":                                   false,
		"missing eq null":                                 true,
		"startsWith(model,'')":                            false,
		"seen ge 2026-03-01":                              true,
		"seen ge 2026-03-01T12:00:00Z and seen le 2026-03-01T13:00:00+01:00": true,
		"seen ge 2026-03-01T12:00:00.5Z":                                     false,
		"seen eq 2026-03-01T12:00:00Z":                                       true,
		"version eq 2":                                                       true,
		"version ge 2.5":                                                     false,
		"version le -1":                                                      false,
		"version eq '2'":                                                     false,
		"physicalIds/$count eq 2":                                            true,
		"systemLabels/$count eq 0":                                           true,
		"missing/$count eq 0":                                                true,
		"physicalIds/$count ne 0":                                            true,
		"displayName/$count eq 0":                                            false,
		"physicalIds/any(p:p eq '[hw]')":                                     true,
		"physicalIds/any(p:startsWith(p,'[u'))":                              true,
		"not physicalIds/any(p:p eq 'x')":                                    true,
		"systemLabels/any(p:p ne 'x')":                                       false,
		"ids/any(x:x/type eq 2 and x/key eq 'qq==')":                         true,
		"ids/any(x:x/type eq 3 and x/key eq 'qq==')":                         false,
		"ids/any(x:x/key eq null)":                                           true,
		"extension/one eq 'byod' and extension/two eq null":                  true,
		"extension/one/deeper eq null":                                       true,
		"version eq 9 or version eq 2 and accountEnabled eq false":           false,
		"(version eq 9 or version eq 2) and accountEnabled eq true":          true,
		"version eq 2 or version eq 9 and accountEnabled eq false":           true,
		"not (not (version eq 2))":                                           true,
	} {
		var object map[string]any
		dec := json.NewDecoder(strings.NewReader(tablet))
		dec.UseNumber()
		if err := dec.Decode(&object); err != nil {
			t.Fatal(err)
		}
		e, err := odata.Parse(filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		if got := odata.Match(e, object); got != want {
			t.Errorf("%s: %v", filter, got)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for filter, want := range map[string]struct {
		message     string
		position    int
		unsupported bool
	}{
		"":                            {"the end where a property", 0, false},
		"displayName":                 {"the end where an operator", 11, false},
		"version eq 1 and enabled":    {"the end where an operator", 24, false},
		"displayName eq":              {"the end where a value", 14, false},
		"displayName eq 'x":           {"no closing quote", 15, false},
		"displayName eq Anna":         {`"Anna" where a value`, 15, false},
		"displayName is 'x'":          {`"is" where an operator`, 12, false},
		"displayName eq 'x' y":        {`"y" where and, or or the end`, 19, false},
		"(displayName eq 'x'":         {"the end where )", 19, false},
		"'x' eq displayName":          {"where a property", 0, false},
		"/a eq 1":                     {"where a property", 0, false},
		"a/ eq 1":                     {"1", 6, false},
		"not displayName eq 'x'":      {"needs parentheses", 4, false},
		"not displayName in ('x')":    {"needs parentheses", 4, false},
		"id eq 6841b3db-2b55":         {"a string needs quotes", 6, false},
		"a eq 1 ; b":                  {"has no meaning", 7, false},
		"displayName gt 'x'":          {"operator gt", 12, true},
		"contains(displayName,'x')":   {"function contains", 0, true},
		"p/all(x:x eq 'y')":           {"lambda all", 5, true},
		"p/any()":                     {"a variable", 6, false},
		"p/any(x x eq 'y')":           {"where :", 8, false},
		"startsWith(displayName 'x')": {"where ,", 23, false},
		"displayName in ()":           {"a value", 16, false},
		strings.Repeat("(", 70) + "a": {"too deeply", 64, false},
	} {
		_, err := odata.Parse(filter)
		e, ok := errors.AsType[*odata.Error](err)
		if !ok || !strings.Contains(e.Error(), want.message) || e.Unsupported != want.unsupported || e.Position != want.position {
			t.Errorf("%s: %v", filter, err)
		}
	}
}

func TestWalk(t *testing.T) {
	e, err := odata.Parse("a eq 1 and not (b eq 2 or c/any(x:x eq 3))")
	if err != nil {
		t.Fatal(err)
	}
	var plain, negated []string
	stop := errors.New("stop")
	walked := odata.Walk(e, func(e odata.Expr, neg bool) error {
		c, ok := e.(odata.Compare)
		switch {
		case ok && neg:
			negated = append(negated, c.Path.String())
		case ok:
			plain = append(plain, c.Path.String())
		}
		if ok && c.Path[0] == "x" {
			return stop
		}
		return nil
	})
	if !errors.Is(walked, stop) || strings.Join(plain, " ") != "a" || strings.Join(negated, " ") != "b x" {
		t.Fatalf("%v, %v, %v", walked, plain, negated)
	}
}

// FuzzParse: whatever the text, it is a filter that can be matched, or an error that names a place in the text.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"displayName eq 'x' and (a ge 2026-01-01 or not startsWith(b,'y'))", "p/any(x:x/key eq 'k')", "p/$count eq 0", "a in ('b', null, 1.5)",
		"a eq '", "-", "a eq --1", "((((", "not not a/b", "a eq 2026-03-01T12:00:00+01:00", "\x00", "p/any(p:p/any(q:p eq q))",
	} {
		f.Add(s)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(tablet), &object); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		e, err := odata.Parse(filter)
		if err != nil {
			fault, ok := errors.AsType[*odata.Error](err)
			if !ok || fault.Position < 0 || fault.Position > len(filter) || fault.Message == "" {
				t.Fatalf("%q: %v", filter, err)
			}
			return
		}
		if odata.Match(e, object) == odata.Match(odata.Not{Inner: e}, object) {
			t.Fatalf("%q is both true and false", filter)
		}
	})
}
