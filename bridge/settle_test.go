package bridge_test

import (
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// outage gives a hook that fails every append from now on for d, on the clock of
// the bubble.
func outage(d time.Duration) func(events.Kind, events.Command) error {
	over := time.Now().Add(d)
	return func(events.Kind, events.Command) error {
		if time.Now().Before(over) {
			return events.Unavailable("the event stream does not answer")
		}
		return nil
	}
}

// inBubble runs test with a rig whose clock is the bubble's.
func inBubble(t *testing.T, test func(*testing.T, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, build(t, new(memory), func(o *bridge.Options) { o.Now = nil }))
	})
}

// TestTheAnswerIsStoredWhenTheStreamIsBack: what Graph answered is known only
// here, and an outage must not lose it.
func TestTheAnswerIsStoredWhenTheStreamIsBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		story string
	}{
		{"taken", nil, "accepted sending requesting"},
		{"not taken", notTaken(-1), "accepted sending deferred"},
		{"unknown", unknown(), "accepted sending outcomeUnknown"},
		{"refused", refused(), "accepted sending rejected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
					r.tap.before = outage(20 * time.Second)
					return events.Observation{GraphID: "g", Status: "requesting"}, c.err
				}
				began := time.Now()
				id := r.sent(launch()).Command.ID
				if took := time.Since(began); took < 20*time.Second || took > 21*time.Second {
					t.Errorf("stored after %v, want soon after 20s", took)
				}
				r.wantStory(id, c.story)
				r.wantPosts(1)
			})
		})
	}
}

func TestAnAnswerThatNobodyStoresLeavesTheClaim(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		from := r.send(launch())
		id := from.Command.ID
		r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
			r.tap.before = outage(time.Hour)
			return events.Observation{GraphID: "g", Status: "requesting"}, nil
		}
		began := time.Now()
		if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != lease {
			t.Errorf("comes again after %v, want the lease", wait)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("gave up after %v, want 1m", took)
		}
		r.tap.before = nil
		r.wantStory(id, "accepted sending")
		r.Look(t.Context(), id, delivery(2))
		<-time.After(lease)
		r.Look(t.Context(), id, delivery(3))
		r.wantStory(id, "accepted sending outcomeUnknown")
		r.wantPosts(1)
	})
}

// TestALostAcknowledgementOfTheAnswer stores it, fails to learn so, and offers
// it again.
func TestALostAcknowledgementOfTheAnswer(t *testing.T) {
	inBubble(t, func(_ *testing.T, r *rig) {
		r.tap.after = once(events.StateRequesting, func() error { return events.Unavailable("no answer") })
		id := r.sent(launch()).Command.ID
		r.wantStory(id, "accepted sending requesting")
	})
}
