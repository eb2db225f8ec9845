package bridge_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge"
	"devicebridge/events"
)

func waitFor(d string) map[string][]string { return map[string][]string{"bridge-wait": {d}} }

// asked is an answer to SendAndWait.
type asked struct {
	events.Receipt
	err  error
	took time.Duration
}

// ask sends beside the test. In a bubble the answer's time is exact.
func (r *rig) ask(ctx context.Context, wait string, body []byte) <-chan asked {
	answered := make(chan asked, 1)
	go func() {
		began := time.Now()
		receipt, err := r.SendAndWait(ctx, waitFor(wait), body)
		answered <- asked{receipt, err, time.Since(began)}
	}()
	return answered
}

func TestWithoutAWaitTheReceiptComesAtOnce(t *testing.T) {
	r := newRig(t)
	for _, header := range []map[string][]string{nil, waitFor(""), waitFor("0s")} {
		receipt, err := r.SendAndWait(t.Context(), header, launch())
		if err != nil || receipt.Command.State != events.StateAccepted {
			t.Errorf("%v: %s, %v", header, receipt.Command.State, err)
		}
	}
	if r.tap.waiting != 0 {
		t.Errorf("%d subscriptions", r.tap.waiting)
	}
}

func TestABadWaitStoresNothing(t *testing.T) {
	r := newRig(t)
	for _, wait := range []string{"soon", "30", "-1s", "5m1ns", "1h"} {
		_, err := r.SendAndWait(t.Context(), waitFor(wait), launch())
		wantError(t, err, events.CodeInvalid, "Bridge-Wait", `Bridge-Wait is not a duration from "0s" to "5m0s"`)
	}
	_, err := r.SendAndWait(t.Context(), waitFor("1s"), []byte(`{}`))
	wantCode(t, err, events.CodeInvalid)
	if r.tap.appends() != 0 {
		t.Errorf("%d events stored", r.tap.appends())
	}
}

// TestAWaitEndsWithTheCommand on a real bus, while another replica does all the
// work: the POST, the postbacks, the GET of the payload.
func TestAWaitEndsWithTheCommand(t *testing.T) {
	for name, c := range map[string]struct {
		body    []byte
		payload string
	}{
		"launchUri":                        {launch(`"requestId":"a"`), ""},
		"appService with a pending answer": {call(`"requestId":"a"`), `{"b":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			other := r.another()
			r.graph.payload = payload(c.payload)
			answered := r.ask(within(t), "5m", c.body)
			id := events.RequestCommandID("a")
			from := other.stored(id)
			other.Dispatch(t.Context(), from, delivery(1))
			other.postback(id, `{"id":"g1","status":"completed"}`)
			other.look(id)
			got := <-answered
			if got.err != nil || got.Command.State != events.StateCompleted || !got.Command.Ended() || string(got.Command.ResponsePayload) != c.payload {
				t.Errorf("%s, %v", text(t, got.Command), got.err)
			}
			if got.Events != "devicebridge.v1.events."+id+".>" {
				t.Errorf("events %s", got.Events)
			}
		})
	}
}

// stored waits until a command exists.
func (r *rig) stored(id string) events.Stored {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ctx := within(r.t); ; {
		latest, err := r.tap.store.Latest(ctx, id)
		if err == nil {
			return latest
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.t.Fatal(err)
		}
	}
}

// TestAWaitForWhatHasEnded answers a repeat at once, with the payload.
func TestAWaitForWhatHasEnded(t *testing.T) {
	r := newRig(t)
	id := r.sent(call(`"requestId":"a"`)).Command.ID
	r.postback(id, `{"id":"g1","status":"completed","responsePayload":7}`)
	got := <-r.ask(within(t), "5m", call(`"requestId":"a"`))
	if got.err != nil || string(got.Command.ResponsePayload) != "7" || got.Command.State != events.StateCompleted {
		t.Errorf("%s, %v", text(t, got.Command), got.err)
	}
}

func TestTheEndOfTheWaitGivesTheRecordAsItStands(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		answered := r.ask(t.Context(), "30s", call(`"requestId":"a"`))
		synctest.Wait()
		id := events.RequestCommandID("a")
		r.Dispatch(t.Context(), r.latest(id), delivery(1))
		<-time.After(10 * time.Second)
		r.postback(id, `{"id":"g1","status":"completed"}`) // its payload stays pending
		got := <-answered
		if got.err != nil || got.Command.State != events.StateCompleted || got.Command.Response != events.ResponsePending || got.took != 30*time.Second {
			t.Errorf("after %v: %s, %v", got.took, text(t, got.Command), got.err)
		}
	})
}

// TestTheEndOfTheRequestEndsTheWait: a stopping service answers with what it has.
func TestTheEndOfTheRequestEndsTheWait(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		answered := r.ask(ctx, "5m", launch(`"requestId":"a"`))
		<-time.After(12 * time.Second)
		cancel()
		got := <-answered
		if got.err != nil || got.Command.State != events.StateAccepted || got.took != 12*time.Second {
			t.Errorf("after %v: %s, %v", got.took, got.Command.State, got.err)
		}
		// A request that has ended before it began is still stored and answered.
		got = <-r.ask(ctx, "5m", launch(`"requestId":"b"`))
		if got.err != nil || got.Command.ID != events.RequestCommandID("b") || got.took != 0 {
			t.Errorf("after %v: %s, %v", got.took, text(t, got.Command), got.err)
		}
	})
}

// TestAWaitNoticesAnEventItMissed: a core subscription may lose one.
func TestAWaitNoticesAnEventItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := build(t, &memory{deaf: true}, func(o *bridge.Options) { o.Now = nil })
		answered := r.ask(t.Context(), "5m", launch(`"requestId":"a"`))
		<-time.After(2 * time.Second)
		r.postback(events.RequestCommandID("a"), `{"id":"g1","status":"completed"}`)
		got := <-answered
		if got.err != nil || got.Command.State != events.StateCompleted || got.took > 6*time.Second {
			t.Errorf("after %v: %s, %v", got.took, got.Command.State, got.err)
		}
	})
}

// TestAnEndBetweenSubscribingAndReading is not missed: the read comes second.
func TestAnEndBetweenSubscribingAndReading(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.tap.follow = func() error {
			return r.another().Postback(t.Context(), events.RequestCommandID("a"), observed(t, `{"id":"g","status":"completed"}`))
		}
		got := <-r.ask(t.Context(), "5m", launch(`"requestId":"a"`))
		if got.err != nil || got.Command.State != events.StateCompleted || got.took != 0 {
			t.Errorf("after %v: %s, %v", got.took, got.Command.State, got.err)
		}
	})
}

// TestTheReceiptStandsWhateverBecomesOfTheWait: it is stored, so it is no error.
func TestTheReceiptStandsWhateverBecomesOfTheWait(t *testing.T) {
	for name, set := range map[string]func(*tap){
		"no subscription": func(t *tap) { t.follow = func() error { return errors.New("connection closed") } },
		"no reads":        func(t *tap) { t.read = func(string) error { return events.Unavailable("down") } },
	} {
		inBubble(t, func(t *testing.T, r *rig) {
			set(r.tap)
			got := <-r.ask(t.Context(), "30s", launch(`"requestId":"a"`))
			if got.err != nil || got.Command.ID != events.RequestCommandID("a") || got.Command.State != events.StateAccepted {
				t.Errorf("%s: %s, %v", name, text(t, got.Command), got.err)
			}
		})
	}
}

// TestWaitingRequestsDoNotBlockEachOther lets the first wait outlast the second.
func TestWaitingRequestsDoNotBlockEachOther(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		slow := r.ask(t.Context(), "5m", launch(`"requestId":"slow"`))
		fast := r.ask(t.Context(), "5m", launch(`"requestId":"fast"`))
		<-time.After(time.Second)
		r.postback(events.RequestCommandID("fast"), `{"id":"g","status":"completed"}`)
		if got := <-fast; got.took != time.Second {
			t.Errorf("the fast one took %v", got.took)
		}
		if got := <-slow; got.took != bridge.MaxWait || got.Command.State != events.StateAccepted {
			t.Errorf("the slow one took %v", got.took)
		}
	})
}
