package bridge_test

import (
	"errors"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/events"
)

// doubting is a bridge that confirms postbacks.
func doubting(t *testing.T) (*rig, *memory) {
	t.Helper()
	m := new(memory)
	return build(t, m, func(o *bridge.Options) { o.ConfirmPostbacks = true }), m
}

// confirmation is the count-th delivery of what Ask left.
func confirmation(count uint64) bridge.Delivery {
	d := delivery(count)
	d.Confirm = true
	return d
}

func (r *rig) graphSays(status string) {
	r.graph.status = func(graphID string) (events.Observation, error) {
		return observed(r.t, `{"id":"`+graphID+`","status":"`+status+`"}`)[0], nil
	}
}

func TestATerminalPostbackIsAHint(t *testing.T) {
	r, m := doubting(t)
	id := r.sent(launch()).Command.ID
	r.postback(id, `{"status":"executing"}`)
	r.postback(id, `{"status":"failedToSend"}`)
	r.wantStory(id, "accepted sending requesting executing")
	if len(m.asked) != 1 || m.asked[0] != id {
		t.Fatalf("asked about %v", m.asked)
	}
	r.graphSays("completed")
	if wait := r.Look(t.Context(), id, confirmation(1)); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	r.wantStory(id, "accepted sending requesting executing completed")
	if c := r.latest(id).Command; c.Source != events.SourcePoll {
		t.Errorf("source %s", c.Source)
	}
	// Told by Graph itself: another hint asks nobody.
	r.postback(id, `{"status":"failedToSend"}`)
	if len(m.asked) != 1 || r.graph.polled() != 1 {
		t.Errorf("%d asked, %d polls", len(m.asked), r.graph.polled())
	}
}

// TestAHintAheadOfGraph: Graph's own status lags behind the postback it sent.
func TestAHintAheadOfGraph(t *testing.T) {
	r, _ := doubting(t)
	id := r.sent(launch()).Command.ID
	r.postback(id, `{"status":"completed"}`)
	r.graphSays("executing")
	if wait := r.Look(t.Context(), id, confirmation(1)); !near(wait, time.Second) {
		t.Errorf("comes again after %v, want a second", wait)
	}
	r.graph.status = func(string) (events.Observation, error) { return events.Observation{}, errors.New("reset") }
	if wait := r.Look(t.Context(), id, confirmation(2)); !near(wait, 2*time.Second) {
		t.Errorf("comes again after %v, want two seconds", wait)
	}
	r.graphSays("executing")
	timers := len(r.tap.armed())
	if wait := r.Look(t.Context(), id, confirmation(8)); wait != 0 {
		t.Errorf("the last try comes again after %v", wait)
	}
	if len(r.tap.armed()) != timers+1 {
		t.Error("the command was not left to its timer")
	}
	r.wantStory(id, "accepted sending requesting executing")
}

func TestAHintBringsGraphsID(t *testing.T) {
	r, m := doubting(t)
	id := r.lost(launch())
	r.postback(id, `{"status":"completed"}`)
	if len(m.asked) != 0 {
		t.Error("asked without an id to ask for")
	}
	r.postback(id, `{"id":"g9","status":"completed"}`)
	r.graphSays("completed")
	if wait := r.Look(t.Context(), id, confirmation(1)); wait != 0 || len(m.asked) != 1 {
		t.Errorf("comes again after %v, asked %v", wait, m.asked)
	}
	r.wantStory(id, "accepted sending outcomeUnknown linked completed")
}

func TestAHintLiftsATimedOutCommand(t *testing.T) {
	r, _ := doubting(t)
	id := r.sent(launch(`"expiresIn":"1m"`)).Command.ID
	r.clock.pass(time.Minute)
	r.look(id)
	r.postback(id, `{"status":"completed"}`)
	r.graphSays("completed")
	r.Look(t.Context(), id, confirmation(1))
	r.wantStory(id, "accepted sending requesting timedOut completed")
}

// TestAHintThatCannotBeKept is not acknowledged.
func TestAHintThatCannotBeKept(t *testing.T) {
	r, _ := doubting(t)
	id := r.sent(launch()).Command.ID
	r.tap.ask = func() error { return errors.New("down") }
	err := r.Postback(t.Context(), id, observed(t, `{"status":"completed"}`))
	wantCode(t, err, events.CodeUnavailable)
}

// TestARegisteredCommandHasNoOtherSource, so that its postback counts.
func TestARegisteredCommandHasNoOtherSource(t *testing.T) {
	r, m := doubting(t)
	receipt, err := r.CreateCallback(t.Context(), nil, []byte(`{"requestId":"r"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.postback(receipt.Command.ID, `{"id":"g1","status":"completed"}`)
	r.wantStory(receipt.Command.ID, "registered completed")
	if len(m.asked) != 0 {
		t.Error("Graph is asked about a command of somebody else")
	}
}

// TestAnUnsentCommandThatGraphKnows is polled: it was sent, whatever a restored
// record says.
func TestAnUnsentCommandThatGraphKnows(t *testing.T) {
	r, _ := doubting(t)
	from := r.send(launch())
	id := from.Command.ID
	r.postback(id, `{"id":"g7","status":"completed"}`)
	if wait := r.Dispatch(t.Context(), from, delivery(2)); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	r.wantPosts(0)
	r.graphSays("completed")
	r.clock.pass(pollFirst)
	r.look(id)
	r.wantPosts(0)
	r.wantStory(id, "accepted linked completed")
}

// TestAHintWithALargePayload: what Graph answers may fit no message.
func TestAHintWithALargePayload(t *testing.T) {
	r, _ := doubting(t)
	id := r.sent(call()).Command.ID
	r.postback(id, `{"status":"completed"}`)
	r.graph.status = func(string) (events.Observation, error) {
		return events.Observation{Status: "completed", Digest: "1", ResponsePayload: large()}, nil
	}
	if wait := r.Look(t.Context(), id, confirmation(1)); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	r.wantObject(id, "accepted sending requesting response completed")
}

// TestAHintAfterACancel shows as the conflict that it is.
func TestAHintAfterACancel(t *testing.T) {
	r, m := doubting(t)
	id := r.send(launch()).Command.ID
	if _, err := r.Cancel(t.Context(), idBody(id)); err != nil {
		t.Fatal(err)
	}
	r.postback(id, `{"id":"g1","status":"completed"}`)
	r.graphSays("completed")
	if wait := r.Look(t.Context(), id, confirmation(1)); wait != 0 || len(m.asked) != 1 {
		t.Errorf("comes again after %v, asked %v", wait, m.asked)
	}
	r.wantStory(id, "accepted canceled linked conflict")
}

// TestAHintThatCannotBeFolded ends with its tries.
func TestAHintThatCannotBeFolded(t *testing.T) {
	r, _ := doubting(t)
	id := r.sent(launch()).Command.ID
	r.postback(id, `{"status":"completed"}`)
	r.graphSays("completed")
	r.tap.before = func(events.Kind, events.Command) error { return errors.New("broken") }
	if wait := r.Look(t.Context(), id, confirmation(1)); wait == 0 {
		t.Error("the first try is the last")
	}
	if wait := r.Look(t.Context(), id, confirmation(8)); wait != 0 {
		t.Errorf("the last try comes again after %v", wait)
	}
}
