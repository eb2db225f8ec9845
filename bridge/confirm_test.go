package bridge_test

import (
	"errors"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// doubting is a bridge that confirms postbacks.
func doubting(t *testing.T) (*rig, *memory) {
	t.Helper()
	m := new(memory)
	return build(t, m, func(o *bridge.Options) { o.ConfirmPostbacks = true }), m
}

// confirm delivers the question that Graph is to be asked next about a command.
func (r *rig) confirm(m *memory, id string) {
	r.t.Helper()
	a, ok := m.asks[id]
	if !ok {
		r.t.Fatal("nobody asks")
	}
	delete(m.asks, id)
	if wait := a.at.Sub(r.clock.Now()); wait > 0 {
		r.clock.pass(wait)
	}
	d := delivery(1)
	d.Confirm = a.try
	if wait := r.Look(r.t.Context(), id, d); wait != 0 {
		r.t.Errorf("try %d comes again after %v", a.try, wait)
	}
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
	r.graphSays("completed")
	r.confirm(m, id)
	r.wantStory(id, "accepted sending requesting executing completed")
	if c := r.latest(id).Command; c.Source != events.SourcePoll {
		t.Errorf("source %s", c.Source)
	}
	// Told by Graph itself: another hint asks nobody.
	r.postback(id, `{"status":"failedToSend"}`)
	if m.asked != 1 || r.graph.polled() != 1 {
		t.Errorf("%d asked, %d polls", m.asked, r.graph.polled())
	}
}

// TestAHintAheadOfGraph: Graph's own status lags behind the postback it sent, or
// Graph is away. It is asked ever more slowly, by a timer.
func TestAHintAheadOfGraph(t *testing.T) {
	r, m := doubting(t)
	id := r.sent(launch(`"expiresIn":"72h"`)).Command.ID
	r.postback(id, `{"status":"completed"}`)
	r.graphSays("executing")
	for n, want := range []time.Duration{1, 2, 4, 8, 16} {
		if n == 2 {
			r.graph.status = func(string) (events.Observation, error) { return events.Observation{}, errors.New("reset") }
		}
		r.confirm(m, id)
		if got := m.asks[id].at.Sub(r.clock.Now()); !near(got, want*time.Second) {
			t.Errorf("asked again after %v, want %v", got, want*time.Second)
		}
	}
	r.graphSays("completed")
	r.confirm(m, id)
	r.wantStory(id, "accepted sending requesting executing completed")
	if len(m.asks) != 0 {
		t.Error("it is asked for after the end")
	}
}

// TestAHintOutlivesTheCommand: Graph is away around its end.
func TestAHintOutlivesTheCommand(t *testing.T) {
	r, m := doubting(t)
	id := r.sent(launch(`"expiresIn":"10s"`)).Command.ID
	r.graph.status = func(string) (events.Observation, error) { return events.Observation{}, errors.New("reset") }
	r.postback(id, `{"status":"completed"}`)
	r.clock.pass(10 * time.Second)
	r.look(id)
	asked := 0
	for ; m.asks[id].try > 0; asked++ {
		if r.confirm(m, id); asked == 200 {
			r.graphSays("completed")
		}
	}
	r.wantStory(id, "accepted sending requesting timedOut") // 200 tries last longer than the callback
	if asked < 100 || asked > 200 {
		t.Errorf("Graph was asked %d times in 7 days", asked)
	}
	other := r.sent(launch(`"expiresIn":"10s"`)).Command.ID
	r.graph.status = func(string) (events.Observation, error) { return events.Observation{}, errors.New("reset") }
	r.postback(other, `{"status":"completed"}`)
	r.clock.pass(10 * time.Second)
	r.look(other)
	for range 20 {
		r.confirm(m, other)
	}
	r.graphSays("completed")
	r.confirm(m, other)
	r.wantStory(other, "accepted sending requesting timedOut completed")
}

func TestAHintBringsGraphsID(t *testing.T) {
	r, m := doubting(t)
	id := r.lost(launch())
	r.postback(id, `{"status":"completed"}`)
	r.confirm(m, id) // nothing to ask for yet
	if r.graph.polled() != 0 || m.asks[id].try != 2 {
		t.Errorf("%d polls, next is try %d", r.graph.polled(), m.asks[id].try)
	}
	r.postback(id, `{"id":"g9","status":"completed"}`)
	r.graphSays("completed")
	r.confirm(m, id)
	r.wantStory(id, "accepted sending outcomeUnknown linked completed")
}

// TestAHintBeforeTheAnswer is not forgotten until Graph's id is known.
func TestAHintBeforeTheAnswer(t *testing.T) {
	r, m := doubting(t)
	from := r.send(launch())
	id := from.Command.ID
	r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
		r.postback(id, `{"status":"completed"}`)
		r.confirm(m, id)
		return observed(t, `{"id":"g1","status":"requesting"}`)[0], nil
	}
	r.graphSays("completed")
	r.Dispatch(t.Context(), from, delivery(1))
	r.confirm(m, id)
	r.wantStory(id, "accepted sending requesting completed")
}

func TestAHintLiftsATimedOutCommand(t *testing.T) {
	r, m := doubting(t)
	id := r.sent(launch(`"expiresIn":"1m"`)).Command.ID
	r.clock.pass(time.Minute)
	r.look(id)
	r.postback(id, `{"status":"completed"}`)
	r.graphSays("completed")
	r.confirm(m, id)
	r.wantStory(id, "accepted sending requesting timedOut completed")
}

// TestGraphsOwnAnswerNamesTheCommand, whatever id an unsigned postback brought
// before.
func TestGraphsOwnAnswerNamesTheCommand(t *testing.T) {
	r := build(t, new(memory), nil)
	from := r.send(launch())
	id := from.Command.ID
	r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
		r.postback(id, `{"id":"OTHER","status":"executing"}`)
		return observed(t, `{"id":"g1","status":"requesting"}`)[0], nil
	}
	r.Dispatch(t.Context(), from, delivery(1))
	r.postback(id, `{"id":"OTHER","status":"completed"}`)
	r.wantStory(id, "accepted sending executing linked completed")
	if c := r.latest(id).Command; c.GraphID != "g1" {
		t.Errorf("record %s", text(t, c))
	}
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
	if m.asked != 0 {
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
	r, m := doubting(t)
	id := r.sent(call()).Command.ID
	r.postback(id, `{"status":"completed"}`)
	r.graph.status = func(string) (events.Observation, error) {
		return events.Observation{Status: "completed", Digest: "1", ResponsePayload: large()}, nil
	}
	r.confirm(m, id)
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
	r.confirm(m, id)
	r.wantStory(id, "accepted canceled linked conflict")
}

// TestAHintThatCannotBeFolded keeps its delivery.
func TestAHintThatCannotBeFolded(t *testing.T) {
	r, _ := doubting(t)
	id := r.sent(launch()).Command.ID
	r.postback(id, `{"status":"completed"}`)
	r.graphSays("completed")
	r.tap.before = func(events.Kind, events.Command) error { return events.Unavailable("down") }
	d := delivery(1)
	d.Confirm = 1
	if wait := r.Look(t.Context(), id, d); !near(wait, time.Second) {
		t.Errorf("comes again after %v, want a second", wait)
	}
}
