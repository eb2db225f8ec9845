package bridge_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

func TestAPostbackBeforeTheAnswer(t *testing.T) {
	r := newRig(t)
	from := r.send(launch())
	id := from.Command.ID
	r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
		r.postback(id, `{"status":"executing"}`)
		return observed(t, `{"id":"g1","status":"requesting"}`)[0], nil
	}
	if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	r.postback(id, `{"id":"g1","status":"completed"}`)
	r.wantStory(id, "accepted sending executing linked completed")
	if c := r.latest(id).Command; c.GraphID != "g1" || c.Attempt != 1 {
		t.Errorf("record %s", text(t, c))
	}
}

func TestAPostbackHealsALostCommand(t *testing.T) {
	r := newRig(t)
	id := r.lost(call())
	r.clock.pass(time.Minute)
	r.postback(id, `{"id":"g1","status":"executing"}`)
	// Nobody polled it while it was lost: now somebody has to.
	if want := r.clock.Now().Add(pollFirst); !r.tap.lastArmed().Equal(want) {
		t.Errorf("timer at %v, want %v", r.tap.lastArmed(), want)
	}
	r.clock.pass(pollFirst)
	r.Look(t.Context(), id, delivery(1))
	if n := r.graph.polled(); n != 1 {
		t.Errorf("%d polls, want 1", n)
	}
	r.wantStory(id, "accepted sending outcomeUnknown executing")
}

func TestAPostbackOfAnUnknownCommand(t *testing.T) {
	r := newRig(t)
	err := r.Postback(t.Context(), events.RandomCommandID(), observed(t, `{"status":"completed"}`))
	wantCode(t, err, events.CodeNotFound)
	if r.tap.looked() != 1 || r.tap.appends() != 0 {
		t.Errorf("%d leader reads and %d events, want 1 and 0", r.tap.looked(), r.tap.appends())
	}
}

// TestADuplicateIsDecidedOnALeaderRead: nothing is published, so a read made
// after the postback came in has to say that nothing need be.
func TestADuplicateIsDecidedOnALeaderRead(t *testing.T) {
	r := newRig(t)
	id := r.sent(launch()).Command.ID
	const report = `{"id":"g1","status":"executing"}`
	r.postback(id, report)
	for _, again := range []string{report, `{"value":[{"Id":"g1","actionStatus":"Executing"}]}`, `{"id":"g1","status":"requesting"}`} {
		reads, timers := r.tap.looked(), len(r.tap.armed())
		r.postback(id, again)
		if r.tap.looked() != reads+1 || len(r.tap.armed()) != timers {
			t.Errorf("%s: %d reads and %d timers, want 1 and 0", again, r.tap.looked()-reads, len(r.tap.armed())-timers)
		}
	}
	r.wantStory(id, "accepted sending requesting executing")
	r.tap.read = func(string) error { return events.Unavailable("no answer") }
	err := r.Postback(t.Context(), id, observed(t, report))
	wantCode(t, err, events.CodeUnavailable)
}

func TestAPostbackIsANoUntilItIsStored(t *testing.T) {
	r := newRig(t)
	id := r.sent(launch()).Command.ID
	report := observed(t, `{"id":"g1","status":"completed"}`)
	r.tap.before = always(events.StateCompleted, events.Unavailable("down"))
	wantCode(t, r.Postback(t.Context(), id, report), events.CodeUnavailable)
	r.tap.before = nil
	r.tap.after = once(events.StateCompleted, func() error { return events.Unavailable("no answer") })
	wantCode(t, r.Postback(t.Context(), id, report), events.CodeUnavailable)
	if err := r.Postback(t.Context(), id, report); err != nil {
		t.Error(err)
	}
	r.wantStory(id, "accepted sending requesting completed")
}

func TestCompetingPostbacksAreAllFolded(t *testing.T) {
	r := newRig(t)
	id := r.sent(launch()).Command.ID
	rounds := 0
	r.tap.before = func(events.Kind, events.Command) error {
		// Each time, something else comes first.
		if rounds++; rounds > 40 {
			return nil
		}
		return r.another().Postback(t.Context(), id, observed(t, fmt.Sprintf(`{"id":"g1","status":"custom%d"}`, rounds)))
	}
	r.postback(id, `{"id":"g1","status":"completed"}`)
	r.wantStory(id, "accepted sending requesting"+strings.Repeat(" custom", 40)+" completed")
}

func TestPostbacksOfManyReplicasAtOnce(t *testing.T) {
	r := newRig(t)
	id := r.sent(launch()).Command.ID
	replicas := []*rig{r, r.another(), r.another()}
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			report := observed(t, fmt.Sprintf(`{"id":"g1","status":"step %d"}`, i%10))
			if err := replicas[i%3].Postback(t.Context(), id, report); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	r.wantStory(id, "accepted sending requesting"+strings.Repeat(" custom", 10))
}

// TestTheFoldGivesUpOnAnEndlessRace: an input that loses for ever is an error,
// not a loop.
func TestTheFoldGivesUpOnAnEndlessRace(t *testing.T) {
	r := build(t, new(memory), nil)
	id := r.sent(launch()).Command.ID
	r.tap.before = always(events.StateCompleted, events.ErrLost)
	err := r.Postback(t.Context(), id, observed(t, `{"status":"completed"}`))
	if err == nil || err.Error() != "command "+id+": 64 races lost for one input" {
		t.Errorf("error %v", err)
	}
	if code := events.AsError(err).Code; code != events.CodeUnavailable {
		t.Errorf("to the sender it is %s", code)
	}
}

func TestSeveralReportsInOnePostback(t *testing.T) {
	r := newRig(t)
	id := r.sent(launch()).Command.ID
	r.postback(id, `{"value":[{"status":"sentToTarget"},{"status":"executing"},{"status":"completed"}]}`)
	r.wantStory(id, "accepted sending requesting sentToTarget executing completed")
}

func TestAnInlinePayloadComesBeforeTheEnd(t *testing.T) {
	r := newRig(t)
	id := r.sent(call()).Command.ID
	r.tap.after = once(events.StateCompleted, func() error {
		if got := r.latest(id); got.Command.Response != events.ResponseStored {
			t.Errorf("completed with the response %s", got.Command.Response)
		}
		return nil
	})
	const report = `{"id":"g1","status":"completed","responsePayload":{ "a" : 1.0 }}`
	r.postback(id, report)
	r.postback(id, report)
	r.wantStory(id, "accepted sending requesting response completed")
	if got := r.history(id)[3].Command; string(got.ResponsePayload) != `{"a":1.0}` || got.State != events.StateRequesting {
		t.Errorf("response event %s", text(t, got))
	}
	if n := r.graph.fetched(); n != 0 {
		t.Errorf("%d GETs of the payload", n)
	}
}

// TestAnAcknowledgementLostBetweenPayloadAndEnd: the first of the two events is
// stored, the second not; the sender repeats its postback.
func TestAnAcknowledgementLostBetweenPayloadAndEnd(t *testing.T) {
	r := newRig(t)
	id := r.sent(call()).Command.ID
	report := observed(t, `{"id":"g1","status":"completed","responsePayload":{"a":1}}`)
	r.tap.before = always(events.StateCompleted, events.Unavailable("down"))
	wantCode(t, r.Postback(t.Context(), id, report), events.CodeUnavailable)
	r.tap.before = nil
	if err := r.Postback(t.Context(), id, report); err != nil {
		t.Error(err)
	}
	r.wantStory(id, "accepted sending requesting response completed")
}

func TestAPendingPayloadIsFetchedAtOnce(t *testing.T) {
	r := newRig(t)
	id := r.sent(call()).Command.ID
	r.clock.pass(5 * time.Second)
	r.postback(id, `{"id":"g1","status":"completed"}`)
	if !r.tap.lastArmed().Equal(r.clock.Now()) {
		t.Errorf("timer at %v, want now", r.tap.lastArmed())
	}
	timers := len(r.tap.armed())
	r.postback(id, `{"id":"g1","status":"completed"}`)
	if len(r.tap.armed()) != timers {
		t.Error("a duplicate set the timer again")
	}
	// One that fails to be set is made up for by the one that stands.
	other := r.sent(call()).Command.ID
	r.tap.arm = func(string, time.Time) error { return events.Unavailable("down") }
	r.postback(other, `{"id":"g2","status":"completed"}`)
}

// TestALaterPostbackBringsThePayload while its GET is outstanding.
func TestALaterPostbackBringsThePayload(t *testing.T) {
	r := newRig(t)
	id := r.sent(call()).Command.ID
	r.postback(id, `{"id":"g1","status":"completed"}`)
	r.postback(id, `{"id":"g1","status":"completed","responsePayload":[1]}`)
	r.wantStory(id, "accepted sending requesting completed response")
	if c := r.latest(id).Command; !c.Ended() || c.Response != events.ResponseStored {
		t.Errorf("record %s", text(t, c))
	}
}

func TestAContradictionIsAConflict(t *testing.T) {
	r := newRig(t)
	id := r.sent(launch()).Command.ID
	for _, status := range []string{"completed", "completed", "failedToSend", "failedToSend", "executing"} {
		r.postback(id, `{"id":"g1","status":"`+status+`"}`)
	}
	r.wantStory(id, "accepted sending requesting completed conflict")
	if c := r.latest(id).Command; c.State != events.StateCompleted || c.GraphStatus != "failedToSend" {
		t.Errorf("record %s", text(t, c))
	}
}

// TestAPayloadAwaitedAfterTheEndHasATimer, or its postback is not acknowledged.
func TestAPayloadAwaitedAfterTheEndHasATimer(t *testing.T) {
	r := build(t, new(memory), nil)
	id := r.sent(call(`"expiresIn":"1m"`)).Command.ID
	r.clock.pass(time.Minute)
	r.look(id)
	r.tap.store.(*memory).timers = nil
	r.tap.arm = func(string, time.Time) error { return events.Unavailable("down") }
	wantCode(t, r.Postback(t.Context(), id, observed(t, `{"status":"completed"}`)), events.CodeUnavailable)
	r.tap.arm = nil
	r.postback(id, `{"status":"completed"}`)
	r.graph.payload = payload(`{"b":2}`)
	if at, ok := r.tap.store.(*memory).timers[id]; !ok || at.After(r.clock.Now()) {
		t.Fatalf("the timer stands at %v, %t", at, ok)
	}
	r.look(id)
	r.wantStory(id, "accepted sending requesting timedOut completed response")
}
