package events_test

import (
	"net/url"
	"strings"
	"testing"

	"devicebridge/events"
)

// FuzzDeviceID holds what doc.go promises: no device id adds a token or a
// wildcard to a subject, and every filter covers what it is for and no more.
func FuzzDeviceID(f *testing.F) {
	for _, id := range []string{
		"6841b3db-2b55-467b-ad84-79a41a4ef665", "", "_", ".", "..", "*", ">", "a.b", "a b", "a\tb\r\nc", "\x00", "%", "%2E", "é", "\xff",
		"$JS.API", strings.Repeat("x", 256), strings.Repeat("x", 257), strings.Repeat(".", 85), strings.Repeat(".", 86),
	} {
		f.Add(id, "other")
	}
	f.Add("a.b", "a%2Eb")
	f.Add("a", "A")
	f.Fuzz(func(t *testing.T, id, other string) {
		s := events.Subjects{}
		subject := s.Event(command, id, events.KindConflict)
		checkToken(t, id, events.DeviceToken(id))
		if tokens := strings.Split(subject, "."); len(tokens) != 6 || tokens[4] != events.DeviceToken(id) {
			t.Errorf("%q gives %s", id, subject)
		}
		if parsed, kind, ok := s.ParseEvent(subject); !ok || parsed != command || kind != events.KindConflict {
			t.Errorf("%s is read as %q, %q, %t", subject, parsed, kind, ok)
		}
		for _, filter := range []string{
			s.EventTree(), s.CommandFilter(command), s.CommandKindFilter(command, events.KindConflict), s.DeviceFilter(id),
			s.KindFilter(events.KindConflict, ""), s.KindFilter(events.KindConflict, id),
		} {
			if !matches(filter, subject) {
				t.Errorf("%s does not cover %s", filter, subject)
			}
		}
		for _, filter := range []string{
			s.CommandFilter(events.RequestCommandID(other)), s.CommandKindFilter(command, events.KindLinked),
			s.KindFilter(events.KindLinked, ""), s.Appends(), s.Timers(), s.Intake(),
		} {
			if matches(filter, subject) {
				t.Errorf("%s covers %s", filter, subject)
			}
		}
		appended := s.Append(command, id, events.KindConflict)
		if !matches(s.Appends(), appended) || !matches(s.AppendTree(), appended) || matches(s.EventTree(), appended) {
			t.Errorf("%s is not an append alone", appended)
		}
		// The stream's transform replaces the one token that differs.
		if strings.Replace(appended, ".append.", ".events.", 1) != subject {
			t.Errorf("%s is stored as another subject than %s", appended, subject)
		}
		if events.ValidDeviceID(id) && events.ValidDeviceID(other) && matches(s.DeviceFilter(other), subject) != (id == other) {
			t.Errorf("the filter of %q covers the events of %q", other, id)
		}
	})
}

// checkToken asks that token is one subject token and, for a valid id, gives the
// id back.
func checkToken(t *testing.T, id, token string) {
	t.Helper()
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-%"
	if token == "" || len(token) > 256 || strings.Trim(token, plain) != "" {
		t.Errorf("%q gives the token %q", id, token)
	}
	if !events.ValidDeviceID(id) {
		if token != "_" {
			t.Errorf("%q is not valid and gives the token %q", id, token)
		}
		return
	}
	if back, err := url.PathUnescape(token); err != nil || back != id {
		t.Errorf("%q gives the token %q, which is %q: %v", id, token, back, err)
	}
}

func FuzzPrefix(f *testing.F) {
	for _, prefix := range []string{"", "devicebridge.v1", "a..b", "a.*", ">", "$JS", "é"} {
		f.Add(prefix)
	}
	f.Fuzz(func(t *testing.T, prefix string) {
		s, err := events.NewSubjects(prefix)
		if err != nil {
			return
		}
		for token := range strings.SplitSeq(s.Prefix(), ".") {
			if token == "" || strings.ContainsAny(token, "*> \t\r\n%$") {
				t.Errorf("%q is taken", prefix)
			}
		}
		if strings.ContainsAny(s.EventStream(), ".*> /\\") {
			t.Errorf("%q names the stream %q", prefix, s.EventStream())
		}
		if subject := s.Event(command, "d", "accepted"); !matches(s.CommandFilter(command), subject) {
			t.Errorf("%s is not covered", subject)
		}
	})
}
