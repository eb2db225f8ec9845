package events_test

import (
	"testing"

	"devicebridge/events"
)

func TestHeaderValueInAnyCase(t *testing.T) {
	header := map[string][]string{"Ce-Type": {"a", "b"}, "NATS-MSG-ID": {"c"}, "empty": {}}
	for name, want := range map[string]string{
		"Ce-Type": "a", "ce-type": "a", "CE-TYPE": "a", "Nats-Msg-Id": "c", "nats-msg-id": "c", "empty": "", "Empty": "", "absent": "", "": "",
	} {
		if got := events.HeaderValue(header, name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
	if got := events.HeaderValue(map[string][]string{"ce-type": {"exact"}, "Ce-Type": {"other"}}, "ce-type"); got != "exact" {
		t.Errorf("the exact spelling gives %q", got)
	}
	if got := events.HeaderValue(nil, "ce-type"); got != "" {
		t.Errorf("no headers give %q", got)
	}
}

// Section 3.1.3.2 of the CloudEvents HTTP binding has the first two as examples.
func TestHeaderEscaping(t *testing.T) {
	for plain, want := range map[string]string{
		"Euro € 😀":      "Euro%20%E2%82%AC%20%F0%9F%98%80",
		`"quoted"`:      "%22quoted%22",
		"100%":          "100%25",
		"100%25":        "100%2525",
		"a\r\nce-id: x": "a%0D%0Ace-id:%20x",
		"\x00\x7f":      "%00%7F",
		"plain-._~!*/":  "plain-._~!*/",
		"+":             "+",
	} {
		header, _ := encode(t, "accepted", events.Command{ID: command, CorrelationID: plain})
		got := header["ce-correlationid"][0]
		if got != want || events.HeaderUnescape(got) != plain {
			t.Errorf("%q is written as %q and read as %q", plain, got, events.HeaderUnescape(got))
		}
	}
}

func TestHeaderUnescapeLeavesWhatIsNotEncoded(t *testing.T) {
	for _, text := range []string{"100%", "%zz", "%2", "a b", "", "+"} {
		if got := events.HeaderUnescape(text); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}
