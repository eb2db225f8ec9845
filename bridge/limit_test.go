package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/events"
)

// TestAClaimOfALoopOfCrashesEnds: no process lives as long as a lease, so none
// sees one pass; a lease after its expiry the command ends all the same.
func TestAClaimOfALoopOfCrashesEnds(t *testing.T) {
	r := newRig(t)
	id := r.abandoned(launch(`"expiresIn":"1m"`)).Command.ID
	r.clock.pass(time.Minute + lease - time.Second)
	if wait := r.another().Look(t.Context(), id, delivery(1)); wait != time.Second {
		t.Errorf("comes again after %v, want the second that is left", wait)
	}
	r.clock.pass(time.Second)
	fresh := r.another()
	fresh.Look(t.Context(), id, delivery(1))
	fresh.Look(t.Context(), id, delivery(1))
	r.wantStory(id, "accepted sending outcomeUnknown timedOut")
}

// TestThoseWhoWaitLeaveRoom: when every place to wait is taken, the receipt
// comes without a wait.
func TestThoseWhoWaitLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := build(t, new(memory), nil)
		var answers []<-chan asked
		for i := range 513 {
			answers = append(answers, r.ask(t.Context(), "1m", launch(fmt.Sprintf(`"requestId":"%d"`, i))))
		}
		at := map[time.Duration]int{}
		for _, answer := range answers {
			a := <-answer
			if a.err != nil {
				t.Fatal(a.err)
			}
			at[a.took]++
		}
		if at[0] != 1 || at[time.Minute] != 512 {
			t.Errorf("answered after %v, want 512 after the wait and one at once", at)
		}
	})
}

func TestARefusalWaitsWhileTheStreamIsNearlyFull(t *testing.T) {
	r := build(t, new(memory), nil)
	r.tap.fill = 0.8
	if wait := r.Take(t.Context(), queued(1, []byte(`{}`))); wait <= 0 {
		t.Error("a bad request was taken out of the queue")
	}
	if r.tap.appends() != 0 {
		t.Error("a refusal took room that accepted commands need to end")
	}
	r.tap.fill = 0
	r.take(queued(1, []byte(`{}`)))
	r.wantStory(ownID(1), "rejected")
}

func TestALargePayloadDoesNotTakeTheLastRoom(t *testing.T) {
	r := newRig(t)
	id := r.sent(call()).Command.ID
	r.tap.fill = 0.9
	large := `{"status":"completed","responsePayload":{"x":"` + strings.Repeat("x", 20<<10) + `"}}`
	wantCode(t, r.Postback(t.Context(), id, observed(t, large)), events.CodeUnavailable)
	r.postback(id, `{"status":"executing","responsePayload":{"x":"small"}}`)
	r.wantStory(id, "accepted sending requesting response executing")
}

func TestNothingIsReadTwoWays(t *testing.T) {
	r := build(t, new(memory), nil)
	_, err := r.Send(t.Context(), nil, []byte(`{"deviceId":"a","deviceId":"b"}`))
	wantError(t, err, events.CodeInvalid, "deviceId", "deviceId is given twice")
	_, err = r.Send(t.Context(), nil, []byte(`{"deviceId":"a","type":"launchUri","payload":{"uri":"https://ok.example/","uri":"https://other.example/"}}`))
	wantError(t, err, events.CodeInvalid, "payload.uri", "payload.uri is given twice")
}

func TestOnlyATraceContextIsKept(t *testing.T) {
	const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, c := range []struct{ parent, state, wantParent, wantState string }{
		{good, "vendor=1", good, "vendor=1"},
		{good, "line\rbreak", good, ""},
		{good, strings.Repeat("s", 513), good, ""},
		{"\xff\xfe\x00\x1b[31m", "vendor=1", "", ""},
		{strings.ToUpper(good), "vendor=1", "", ""},
		{good + good, "", "", ""},
	} {
		r := build(t, new(memory), nil)
		receipt, err := r.Send(t.Context(), map[string][]string{"traceparent": {c.parent}, "tracestate": {c.state}}, launch())
		if err != nil {
			t.Fatal(err)
		}
		if got := receipt.Command; got.TraceParent != c.wantParent || got.TraceState != c.wantState {
			t.Errorf("%q, %q are kept as %q, %q", c.parent, c.state, got.TraceParent, got.TraceState)
		}
	}
}
