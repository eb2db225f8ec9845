package bridge_test

import (
	"sync"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

func TestTheHappyPath(t *testing.T) {
	r := newRig(t)
	from := r.send(call())
	id := from.Command.ID
	r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
		if got := r.latest(id); got.Command.State != events.StateSending || got.Command.Attempt != 1 {
			t.Errorf("at the POST the stream says %s, attempt %d", got.Command.State, got.Command.Attempt)
		}
		return observed(t, `{"id":"g1","status":"requesting"}`)[0], nil
	}
	alive := 0
	d := bridge.Delivery{Count: 1, Alive: func() error { alive++; return nil }}
	if wait := r.Dispatch(t.Context(), from, d); wait != 0 {
		t.Fatalf("dispatch comes again after %v", wait)
	}
	want := graph.CommandRequest{
		DeviceID: "d1", Type: events.TypeAppService, Payload: []byte(`{"a":1}`), AppServiceName: "svc", PackageFamilyName: "pkg",
		PostBackURI: "https://bridge.example/" + id + "/2026-11-29T10:00:00Z",
	}
	if posts := r.graph.sent(); len(posts) != 1 || text(t, posts[0]) != text(t, want) {
		t.Errorf("POSTs %s, want %s", text(t, posts), text(t, want))
	}
	if got := r.tap.armed(); len(got) != 1 || !got[0].Equal(r.clock.Now().Add(pollFirst)) || alive != 1 {
		t.Errorf("timers %v, signs of life %d; want one of each", got, alive)
	}
	r.postback(id, `{"id":"g1","status":"sentToTarget"}`)
	r.postback(id, `{"id":"g1","status":"executing"}`)
	r.postback(id, `{"id":"g1","status":"completed","responsePayload":{"b":2}}`)
	r.wantStory(id, "accepted sending requesting sentToTarget executing response completed")
	for _, e := range r.history(id) {
		if carries := e.Command.Payload != nil; carries != (e.Kind == "accepted" || e.Kind == "sending") {
			t.Errorf("%s carries the payload: %v", e.Kind, carries)
		}
	}
	if got := r.latest(id).Command; got.GraphID != "g1" || got.GraphStatus != "completed" || got.Response != events.ResponseStored || !got.Ended() {
		t.Errorf("at the end: %s", text(t, got))
	}
}

func TestAnOldDeliveryIsAcknowledged(t *testing.T) {
	r := newRig(t)
	from := r.send(launch())
	r.Dispatch(t.Context(), from, delivery(1))
	for name, replica := range map[string]*rig{"same replica": r, "another": r.another()} {
		if wait := replica.Dispatch(t.Context(), from, delivery(2)); wait != 0 {
			t.Errorf("%s: comes again after %v", name, wait)
		}
	}
	// One that claims to be the first, as from a consumer that was made anew, loses
	// its claim and then reads.
	if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != time.Second {
		t.Errorf("comes again after %v, want the short pause", wait)
	}
	r.wantStory(from.Command.ID, "accepted sending requesting")
	r.wantPosts(1)
}

func TestADeliveryOfACommandThatIsGoneIsAcknowledged(t *testing.T) {
	r := newRig(t)
	gone := events.Stored{Sequence: 1, Command: events.Command{ID: events.RandomCommandID(), State: events.StateAccepted}}
	if wait := r.Dispatch(t.Context(), gone, delivery(2)); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	if wait := r.Look(t.Context(), gone.Command.ID, delivery(1)); wait != 0 {
		t.Errorf("look: comes again after %v", wait)
	}
}

func TestADeliveryWaitsWhileTheStreamCannotBeRead(t *testing.T) {
	r := newRig(t)
	from := r.send(launch())
	r.tap.read = func(string) error { return events.Unavailable("no answer") }
	for count, want := range map[uint64]time.Duration{2: 2 * time.Second, 3: 4 * time.Second, 50: 30 * time.Second} {
		if wait := r.Dispatch(t.Context(), from, delivery(count)); !near(wait, want) {
			t.Errorf("delivery %d comes again after %v, want about %v", count, wait, want)
		}
	}
	if wait := r.Look(t.Context(), from.Command.ID, delivery(1)); !near(wait, time.Second) {
		t.Errorf("look: comes again after %v", wait)
	}
	r.wantPosts(0)
}

func TestTwoReplicasRaceOneDelivery(t *testing.T) {
	r := newRig(t)
	replicas := []*rig{r, r.another()}
	const commands = 20
	for range commands {
		from := r.send(launch())
		var both sync.WaitGroup
		for i, replica := range replicas {
			both.Go(func() { replica.Dispatch(t.Context(), from, delivery(uint64(i)+1)) })
		}
		both.Wait()
		r.wantStory(from.Command.ID, "accepted sending requesting")
	}
	r.wantPosts(commands)
}

// TestADueTimerDispatches sends a command whose delivery was lost.
func TestADueTimerDispatches(t *testing.T) {
	r := newRig(t)
	id := r.send(launch()).Command.ID
	if wait := r.Look(t.Context(), id, delivery(1)); wait != 0 {
		t.Errorf("comes again after %v", wait)
	}
	r.wantStory(id, "accepted sending requesting")
	r.wantPosts(1)
}
