package command_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// fold applies the reports, each in the words "status", "status id" or
// "status id payload" ("-" for none), to a command that was just claimed, and
// gives the kinds published.
func fold(t *testing.T, typ events.Type, reports ...string) ([]string, events.Command) {
	t.Helper()
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	c := command.New(events.Command{DeviceID: "d", Type: typ, ExpiresAt: at.Add(time.Hour)}, command.OnAccept, at).Command
	c = command.Apply(c, command.Claim{At: at})[0].Command
	var kinds []string
	for _, report := range reports {
		words := append(strings.Fields(report), "-", "-")
		for i, w := range words {
			if w == "-" {
				words[i] = ""
			}
		}
		in := command.Observe{At: at, Source: events.SourcePostback, Observation: observation(words[0], words[1], words[2])}
		for _, e := range command.Apply(c, in) {
			kinds, c = append(kinds, string(e.Kind)), e.Command
		}
	}
	return kinds, c
}

func TestFold(t *testing.T) {
	for name, test := range map[string]struct {
		typ     events.Type
		reports string
		want    string
	}{
		"the common way":                    {reports: "requesting g, sentToTarget g, executing g, completed g", want: "requesting sentToTarget executing completed"},
		"twice each":                        {reports: "requesting g, requesting g, sentToTarget g, sentToTarget g, completed g, completed g", want: "requesting sentToTarget completed"},
		"out of order":                      {reports: "executing g, requesting g, sentToTarget g, completed g, executing g", want: "executing completed"},
		"postback without id before answer": {reports: "sentToTarget, requesting g, completed", want: "sentToTarget linked completed"},
		"id alone":                          {reports: "- g, - g, completed", want: "linked completed"},
		"id after the end":                  {reports: "completed, requesting g, requesting g", want: "completed linked"},
		"equal rank, once each":             {reports: "executing, custom, blink, Blink, cancelling, executing, custom, cancelled?", want: "executing custom custom cancelling custom"},
		"retry steps back once a report":    {reports: "executing, retry, executing, retry, executing, requesting, completed", want: "executing retry executing completed"},
		"another retry, another round":      {reports: "executing g, retry a, sentToTarget g, retry b, sentToTarget g, completed g", want: "executing retry sentToTarget retry sentToTarget completed"},
		"first terminal wins":               {reports: "completed, failedToSend, completed, failedToSend, executing", want: "completed conflict"},
		"payload inline":                    {typ: events.TypeAppService, reports: `executing g, completed g {"a":1}, completed g {"a":1}`, want: "executing response completed"},
		"payload after the end":             {typ: events.TypeAppService, reports: `completed g, completed g {"a":1}, completed g {"a":1}`, want: "completed response"},
		"two payloads":                      {typ: events.TypeAppService, reports: `executing g {"a":1}, completed g {"b":2}`, want: "response executing response completed"},
		"payload after the answer":          {typ: events.TypeAppService, reports: `completed g {"a":1}, completed g {"forged":1}, - g {"forged":2}`, want: "response completed"},
		"payload after another end":         {typ: events.TypeAppService, reports: `failedToSend g, - g {"a":1}`, want: "failedToSend"},
		"payloads without end":              {typ: events.TypeAppService, reports: `- g 1, - g 2, - g 3, - g 4, - g 5, - g 6`, want: "response response response response"},
		"payload alone brings the id":       {typ: events.TypeAppService, reports: `- g {"a":1}`, want: "response"},
		"status in another case":            {reports: "Requesting, SENTTOTARGET, Completed", want: "requesting sentToTarget completed"},
	} {
		t.Run(name, func(t *testing.T) {
			got, c := fold(t, test.typ, strings.Split(test.reports, ", ")...)
			if strings.Join(got, " ") != test.want {
				t.Errorf("published %v, want %s", got, test.want)
			}
			if want := 2 + len(got); c.Sequence != want {
				t.Errorf("n = %d, want %d", c.Sequence, want)
			}
		})
	}
}

func TestWhatCompletedSaysOfTheResponse(t *testing.T) {
	for _, test := range []struct {
		typ    events.Type
		report string
		want   events.Response
	}{
		{events.TypeAppService, "completed g", events.ResponsePending},
		{events.TypeAppService, `completed g {"a":1}`, events.ResponseStored},
		{events.TypeAppService, "executionFailed g", events.ResponseNone},
		{events.TypeLaunchURI, "completed g", events.ResponseNone},
		{"", "completed g", events.ResponseNone},
	} {
		if _, c := fold(t, test.typ, test.report); c.Response != test.want || c.ResponsePayload != nil {
			t.Errorf("%s %q: response %s (payload %s), want %s without payload", test.typ, test.report, c.Response, c.ResponsePayload, test.want)
		}
	}
}

func TestFetchedAndFailed(t *testing.T) {
	at := time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)
	_, pending := fold(t, events.TypeAppService, "completed g")
	got := command.Apply(pending, command.Fetched{At: at, Payload: json.RawMessage(`{"a":1}`)})
	if len(got) != 1 || got[0].Kind != events.KindResponse || got[0].Command.Response != events.ResponseStored ||
		string(got[0].Command.ResponsePayload) != `{"a":1}` || !got[0].Command.Ended() {
		t.Errorf("fetched gives %+v", got)
	}
	if late := command.Apply(got[0].Command, command.Observe{At: at, Observation: observation("completed", "g", `{"a":1}`)}); late != nil {
		t.Errorf("a postback with the payload already fetched gives %+v", late)
	}
	failed := command.Apply(pending, command.FetchFailed{At: at, Error: events.Unavailable("gone")})
	if len(failed) != 1 || failed[0].Command.Response != events.ResponseFailed || failed[0].Command.Error == nil {
		t.Errorf("fetchFailed gives %+v", failed)
	}
	if pending.Ended() {
		t.Error("a completed command with a pending payload counts as ended")
	}
}

func TestOutcomesOfAnOvertakenAttemptChangeNothing(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	c := command.New(events.Command{DeviceID: "d", ExpiresAt: at.Add(time.Hour)}, command.OnAccept, at).Command
	claimed := command.Apply(c, command.Claim{At: at})[0].Command
	for _, in := range []command.Input{
		command.Defer{At: at, Attempt: 2}, command.LoseTrack{At: at}, command.Refuse{At: at, Attempt: 7},
	} {
		if got := command.Apply(claimed, in); got != nil {
			t.Errorf("%T of another attempt gives %v", in, got[0].Kind)
		}
	}
}

func TestClaimAndExpiryKeepTheirTime(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	c := command.New(events.Command{DeviceID: "d", ExpiresAt: at.Add(time.Hour)}, command.OnAccept, at).Command
	if got := command.Apply(c, command.Expire{At: at.Add(59 * time.Minute)}); got != nil {
		t.Error("expired before its time")
	}
	if got := command.Apply(c, command.Claim{At: at.Add(time.Hour)}); got != nil {
		t.Error("claimed at its expiry")
	}
	sending := command.Apply(c, command.Claim{At: at})[0].Command
	deferred := command.Apply(sending, command.Defer{At: at, Attempt: 1, RetryAt: at.Add(time.Minute)})[0].Command
	if got := command.Apply(deferred, command.Claim{At: at.Add(59 * time.Second)}); got != nil {
		t.Error("claimed before retryAt")
	}
	again := command.Apply(deferred, command.Claim{At: at.Add(time.Minute)})
	if len(again) != 1 || again[0].Command.Attempt != 2 || again[0].Command.RetryAt != nil {
		t.Errorf("the second claim gives %+v", again)
	}
}

func TestCallerCancel(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	c := command.New(events.Command{DeviceID: "d", ExpiresAt: at.Add(time.Hour)}, command.OnAccept, at).Command
	got := command.Apply(c, command.Cancel{At: at})
	if len(got) != 1 || got[0].Command.State != events.StateCanceled || got[0].Command.Source != events.SourceCaller {
		t.Fatalf("cancel gives %+v", got)
	}
	canceled := got[0].Command
	late := command.Apply(canceled, command.Observe{At: at, Observation: observation("canceled", "g", "")})
	if len(late) != 1 || late[0].Kind != events.KindConflict || late[0].Command.GraphID != "g" {
		t.Errorf("Graph's own canceled after a caller's cancel gives %+v, want a conflict", late)
	}
}

func TestSeenStartsAnewWithTheRound(t *testing.T) {
	_, c := fold(t, events.TypeAppService, `executing g {"a":1}`, "retry g")
	if c.Round != 2 {
		t.Errorf("round %d, want 2", c.Round)
	}
	if slices.Contains(c.Seen, "executing") || len(c.Seen) != 2 {
		t.Errorf("seen = %v, want the payload and the retry only", c.Seen)
	}
}
