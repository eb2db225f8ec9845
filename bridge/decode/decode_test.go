package decode_test

import (
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/decode"
	"devicebridge/events"
)

type asked struct {
	Name  string                  `json:"name,omitempty"`
	Limit int                     `json:"limit,omitempty"`
	IDs   []string                `json:"ids,omitempty"`
	At    *time.Time              `json:"at,omitempty"`
	Whole events.Optional[int32]  `json:"whole,omitzero"`
	Open  events.DirectoryDevice  `json:"open,omitzero"`
	Flag  events.Optional[bool]   `json:"flag,omitzero"`
	Inner struct{ Text string }   `json:"inner,omitzero"`
	Many  events.Optional[[]bool] `json:"many,omitzero"`
}

func TestStrictTakes(t *testing.T) {
	for _, body := range []string{"", "{}", `{"name":"x","limit":3,"ids":[],"at":"2026-11-22T10:00:00Z","open":{"anything":{"goes":1},"extensionAttributes":null,"memberOf":[{"id":"a","displayName":"x"}]}}`} {
		got, fault := decode.Strict[asked]([]byte(body))
		if fault != nil || (got.Limit == 3) != strings.Contains(body, "limit") {
			t.Errorf("%s: %+v, %v", body, got, fault)
		}
	}
}

func TestStrictRefuses(t *testing.T) {
	long := strings.Repeat("x", 200)
	for body, want := range map[string]struct{ field, words string }{
		"null":                             {"", "is not a JSON object"},
		"[]":                               {"", "is not a JSON object"},
		"{":                                {"", "is not a JSON object"},
		"{\"name\":\"\xff\"}":              {"", "UTF-8"},
		`{"name":"x","name":"y"}`:          {"name", "is given twice"},
		`{"Name":"x"}`:                     {"Name", "did you mean name?"},
		`{"other":1}`:                      {"other", "it takes name, limit, ids"},
		`{"` + long + `":1}`:               {long[:decode.MaxName], "is not a member"},
		`{"name":""}`:                      {"name", "leave it out"},
		`{"open":null}`:                    {"open", "leave it out"},
		`{"name":7}`:                       {"name", "is a JSON number; a string is needed"},
		`{"limit":"3"}`:                    {"limit", "is a JSON string; a whole number is needed"},
		`{"whole":1.5}`:                    {"whole", "a whole number is needed"},
		`{"ids":"x"}`:                      {"ids", "a list is needed"},
		`{"many":true}`:                    {"many", "a list is needed"},
		`{"flag":"yes"}`:                   {"flag", "a boolean is needed"},
		`{"inner":7}`:                      {"inner", "an object is needed"},
		`{"at":"yesterday"}`:               {"at", "RFC 3339"},
		`{"open":{"accountEnabled":"x"}}`:  {"open.accountEnabled", "a boolean is needed"},
		`{"open":{"id":7}}`:                {"open.id", "is a JSON number; a string is needed"},
		`{"open":{"deviceVersion":"2"}}`:   {"open.deviceVersion", "a whole number is needed"},
		`{"open":{"physicalIds":[1]}}`:     {"open.physicalIds", "is a JSON number; a string is needed"},
		`{"open":{"memberOf":[7]}}`:        {"open.memberOf", "an object is needed"},
		`{"open":{"memberOf":[{"id":7}]}}`: {"open.memberOf.0.id", "a string is needed"},
		`{"open":{"extensionAttributes":{"extensionAttribute1":7}}}`: {"open.extensionAttributes.extensionAttribute1", "a string is needed"},
		`{"open":{"alternativeSecurityIds":[{"type":"2"}]}}`:         {"open.alternativeSecurityIds.0.type", "a whole number is needed"},
		`{"limit":1` + long + `}`:                                    {"", "is not a JSON object"},
		`{"open":{"id":"x","id":"y"}}`:                               {"open.id", "is given twice"},
		`{"open":{"a":1,"a":2}}`:                                     {"open.a", "is given twice"},
		`{"open":{"DisplayName":"x"}}`:                               {"open.DisplayName", "did you mean displayName?"},
		`{"open":{"extensionAttributes":{"extensionAttribute1":"a","extensionAttribute1":"b"}}}`: {"open.extensionAttributes.extensionAttribute1", "is given twice"},
		`{"open":{"alternativeSecurityIds":[{"type":2},{"Type":2}]}}`:                            {"open.alternativeSecurityIds.1.Type", "did you mean type?"},
	} {
		_, fault := decode.Strict[asked]([]byte(body))
		if fault == nil || fault.Code != events.CodeInvalid || fault.Field != want.field || !strings.Contains(fault.Message, want.words) {
			t.Errorf("%s: %+v, want %q of %q", body, fault, want.words, want.field)
		}
	}
}

func TestStrictOfARequestWithoutMembers(t *testing.T) {
	if _, fault := decode.Strict[struct{}]([]byte(`{"x":1}`)); fault == nil || !strings.Contains(fault.Message, "it takes none") {
		t.Errorf("got %v", fault)
	}
}

func TestRepeatedMember(t *testing.T) {
	for object, want := range map[string]string{
		`{"a":1,"b":{"a":2}}`: "", `{"a":1,"b":2,"a":3}`: "a", `[1,1]`: "", ``: "", `{"a":`: "",
	} {
		if name, twice := decode.RepeatedMember([]byte(object)); name != want && twice || twice != (want != "") {
			t.Errorf("%s: %q, %t", object, name, twice)
		}
	}
}
