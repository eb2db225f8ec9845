package events_test

import (
	"strings"
	"testing"

	"devicebridge/events"
)

const command = "xm2igitaea4d34ipad5wcv3kzi"

func TestSubjects(t *testing.T) {
	custom, err := events.NewSubjects("acme_1.Prod-2")
	if err != nil {
		t.Fatal(err)
	}
	standard := events.Subjects{}
	for got, want := range map[string]string{
		standard.Prefix(): "devicebridge.v1",
		standard.Event(command, "JimSurface", events.KindResponse):    "devicebridge.v1.events." + command + ".JimSurface.response",
		standard.Append(command, "JimSurface", "accepted"):            "devicebridge.v1.append." + command + ".JimSurface.accepted",
		standard.Event(command, "a.b c*>%é", "accepted"):              "devicebridge.v1.events." + command + ".a%2Eb%20c%2A%3E%25%C3%A9.accepted",
		standard.Event(command, "", "rejected"):                       "devicebridge.v1.events." + command + "._.rejected",
		standard.Event(command, strings.Repeat("x", 257), "rejected"): "devicebridge.v1.events." + command + "._.rejected",
		standard.Appends():                              "devicebridge.v1.append.*.*.*",
		standard.AppendTree():                           "devicebridge.v1.append.>",
		standard.EventTree():                            "devicebridge.v1.events.>",
		standard.CommandFilter(command):                 "devicebridge.v1.events." + command + ".>",
		standard.CommandKindFilter(command, "response"): "devicebridge.v1.events." + command + ".*.response",
		standard.DeviceFilter("a.b"):                    "devicebridge.v1.events.*.a%2Eb.>",
		standard.KindFilter("completed", ""):            "devicebridge.v1.events.*.*.completed",
		standard.KindFilter("completed", "a.b"):         "devicebridge.v1.events.*.a%2Eb.completed",
		standard.Service("commands.send"):               "devicebridge.v1.commands.send",
		standard.Intake():                               "devicebridge.v1.intake.send",
		standard.TimerAt(command):                       "devicebridge.v1.timers.at." + command,
		standard.TimerDue(command):                      "devicebridge.v1.timers.due." + command,
		standard.TimersDue():                            "devicebridge.v1.timers.due.*",
		strings.Join(standard.TimerSubjects(), " "):     "devicebridge.v1.timers.at.* devicebridge.v1.timers.ask.* devicebridge.v1.timers.due.*",
		standard.EventStream():                          "DEVICEBRIDGE_V1_EVENTS",
		standard.IntakeStream():                         "DEVICEBRIDGE_V1_INTAKE",
		standard.TimerStream():                          "DEVICEBRIDGE_V1_TIMERS",
		standard.ResponseBucket():                       "DEVICEBRIDGE_V1_RESPONSES",
		standard.StateBucket():                          "DEVICEBRIDGE_V1_STATE",
		standard.Source():                               "urn:devicebridge:devicebridge.v1",
		custom.Event(command, "d", "accepted"):          "acme_1.Prod-2.events." + command + ".d.accepted",
		custom.EventStream():                            "ACME_1_PROD-2_EVENTS",
		custom.Source():                                 "urn:devicebridge:acme_1.Prod-2",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestReservedTreesHoldEverySubjectButEvents(t *testing.T) {
	s := events.Subjects{}
	covered := func(trees []string, subject string) bool {
		for _, tree := range trees {
			if matches(tree, subject) {
				return true
			}
		}
		return false
	}
	asked := []string{s.Service("commands.send"), s.Service("callbacks.create"), s.Service("devices.get"), s.Service("directory.devices.memberOf.list"), s.Intake()}
	own := []string{s.Append(command, "d", "accepted"), s.TimerAt(command), s.TimerDue(command)}
	for _, subject := range asked {
		if !covered(s.Reserved(), subject) || !covered(s.Requests(), subject) {
			t.Errorf("%s is not reserved, or not for requests", subject)
		}
	}
	for _, subject := range own {
		if !covered(s.Reserved(), subject) || covered(s.Requests(), subject) {
			t.Errorf("%s is not reserved, or is for requests", subject)
		}
	}
	if event := s.Event(command, "d", "accepted"); covered(s.Reserved(), event) || covered(s.Requests(), event) {
		t.Errorf("%s is reserved", event)
	}
}

func TestPrefixes(t *testing.T) {
	for _, prefix := range []string{"a", "devicebridge.v1", "A-1_b.c.d", strings.Repeat("x", 128)} {
		if s, err := events.NewSubjects(prefix); err != nil || s.Prefix() != prefix {
			t.Errorf("%q: %q, %v", prefix, s.Prefix(), err)
		}
	}
	if s, err := events.NewSubjects(""); err != nil || s != (events.Subjects{}) && s.Prefix() != events.DefaultPrefix {
		t.Errorf("empty: %q, %v", s.Prefix(), err)
	}
	for _, prefix := range []string{
		".", ".a", "a.", "a..b", "*", "a.*", ">", "a.>", "a b", "a\tb", "a\nb", "a\x00", "$JS", "$SYS.x", "a%20", "é", "a\xff", "a:b",
		strings.Repeat("x", 129),
	} {
		if s, err := events.NewSubjects(prefix); err == nil || s != (events.Subjects{}) {
			t.Errorf("%q is taken", prefix)
		}
	}
}

func TestParseEvent(t *testing.T) {
	s, err := events.NewSubjects("acme.v2")
	if err != nil {
		t.Fatal(err)
	}
	if id, kind, ok := s.ParseEvent("acme.v2.events." + command + ".d.completed"); !ok || id != command || kind != "completed" {
		t.Errorf("%q, %q, %t", id, kind, ok)
	}
	for _, subject := range []string{
		"", "acme.v2.events", "acme.v2.events." + command + ".completed", "acme.v2.events." + command + ".d.completed.x",
		"acme.v2.append." + command + ".d.completed", "devicebridge.v1.events." + command + ".d.completed", "xacme.v2.events.a.b.c",
	} {
		if id, kind, ok := s.ParseEvent(subject); ok || id != "" || kind != "" {
			t.Errorf("%q gives %q, %q, %t", subject, id, kind, ok)
		}
	}
}

func TestParseTimer(t *testing.T) {
	s := events.Subjects{}
	if id, ok := s.ParseTimer(s.TimerDue(command)); !ok || id != command {
		t.Errorf("%q, %t", id, ok)
	}
	for _, subject := range []string{"", s.TimerAt(command), s.TimerDue("x"), s.TimerDue(command) + ".x", "x." + s.TimerDue(command)} {
		if id, ok := s.ParseTimer(subject); ok {
			t.Errorf("%q gives %q", subject, id)
		}
	}
}

// matches is the oracle: whether a NATS filter covers a subject, as the NATS
// documentation on subjects has it.
func matches(filter, subject string) bool {
	want, have := strings.Split(filter, "."), strings.Split(subject, ".")
	for i, token := range want {
		if token == ">" {
			return i == len(want)-1 && len(have) > i
		}
		if i >= len(have) || token != "*" && token != have[i] {
			return false
		}
	}
	return len(want) == len(have)
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		filter, subject string
		want            bool
	}{
		{"a.b", "a.b", true}, {"a.b", "a.c", false}, {"a.b", "a", false}, {"a", "a.b", false},
		{"a.*", "a.b", true}, {"a.*", "a.b.c", false}, {"*.b", "a.b", true}, {"a.>", "a.b.c", true}, {"a.>", "a", false}, {">", "a", true},
	} {
		if matches(c.filter, c.subject) != c.want {
			t.Errorf("%s covers %s: %t", c.filter, c.subject, !c.want)
		}
	}
}
