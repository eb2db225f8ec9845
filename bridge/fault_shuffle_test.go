package bridge_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"devicebridge/events"
)

// foldModel is what a subscriber is promised of postbacks, said again in other
// words than the product's: of progress, what is no step back and was not told in
// this round; of ends the first, and each other one as a conflict, once.
type foldModel struct {
	state events.State
	told  map[string]bool // in this round, by status and, of a retry, its report
	ended bool
	story []string
	// careless forgets what was told: the control.
	careless bool
}

func (m *foldModel) rank(s events.State) int {
	switch s {
	case events.StateRetry:
		return 0
	case events.StateRequesting:
		return 1
	case events.StateSentToTarget:
		return 2
	case events.StateExecuting, events.StateCustom, events.StateCancel, events.StateCancelling:
		return 3
	default:
		return 4
	}
}

func (m *foldModel) see(status, report string) {
	s, key := events.StateOfStatus(status), strings.ToLower(status)
	if s == events.StateRetry {
		key += report
	}
	switch {
	case m.told[key] && !m.careless:
		return
	case m.ended && m.rank(s) < 4:
		return
	case m.ended:
		m.story = append(m.story, "conflict")
	case s == events.StateRetry:
		for k := range m.told {
			if !strings.HasPrefix(k, "retry") {
				delete(m.told, k)
			}
		}
		m.state, m.story = s, append(m.story, "retry")
	case m.rank(s) < m.rank(m.state):
		return
	default:
		m.state, m.story, m.ended = s, append(m.story, string(s)), m.rank(s) == 4
	}
	m.told[key] = true
}

// shuffled draws postbacks: some statuses, in any order and each any number of
// times, and for each which replica takes it.
func shuffled(t *rapid.T) (bodies []string, replicas []int, model, careless *foldModel) {
	words := []string{"requesting", "sentToTarget", "executing", "retry", "custom", "cancelling", "Cancel", "blink", "completed", "failedToSend", "canceled", "COMPLETED"}
	model = &foldModel{state: events.StateRequesting, told: map[string]bool{"requesting": true}}
	careless = &foldModel{state: events.StateRequesting, told: map[string]bool{"requesting": true}, careless: true}
	reports := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [2]string {
		return [2]string{rapid.SampledFrom(words).Draw(t, "status"), fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "report"))}
	}), 1, 12).Draw(t, "reports")
	order := rapid.SliceOfN(rapid.IntRange(0, len(reports)-1), 1, 60).Draw(t, "order")
	for _, i := range order {
		status, report := reports[i][0], reports[i][1]
		bodies = append(bodies, fmt.Sprintf(`{"id":"g1","status":%q,"error":"report %s"}`, status, report))
		replicas = append(replicas, rapid.IntRange(0, 1).Draw(t, "replica"))
		model.see(status, report)
		careless.see(status, report)
	}
	return bodies, replicas, model, careless
}

// TestFaultShuffledPostbacks takes postbacks in any order and any number of times
// and compares the events with the model's. Within a round progress never steps
// back; the first end stays.
func TestFaultShuffledPostbacks(t *testing.T) {
	noticed := 0
	rapid.Check(t, func(rt *rapid.T) {
		bodies, taker, model, careless := shuffled(rt)
		r := build(t, new(memory), nil)
		replicas := []*rig{r, r.another()}
		id := r.sent(launch()).Command.ID
		for i, body := range bodies {
			if err := replicas[taker[i]].Postback(t.Context(), id, observed(t, body)); err != nil {
				rt.Fatal(err)
			}
		}
		var kinds []string
		for _, e := range r.history(id)[3:] { // after accepted, sending and requesting
			kinds = append(kinds, string(e.Kind))
		}
		story := strings.Join(kinds, " ")
		if want := strings.Join(model.story, " "); story != want {
			rt.Fatalf("published %q, the model says %q", story, want)
		}
		if got := r.latest(id).Command.State; got != model.state {
			rt.Fatalf("ended in %s, the model in %s", got, model.state)
		}
		if story != strings.Join(careless.story, " ") {
			noticed++
		}
		round, rank, end := 1, 1, events.State("")
		for _, e := range r.history(id)[3:] {
			if e.Command.Round > round {
				round, rank = e.Command.Round, 0
			}
			if got := model.rank(e.Command.State); got < rank {
				rt.Fatalf("event %d steps back to %s", e.Command.Sequence, e.Command.State)
			} else {
				rank = got
			}
			if end != "" && e.Command.State != end {
				rt.Fatalf("the end %s gave way to %s", end, e.Command.State)
			}
			if e.Command.Terminal {
				end = e.Command.State
			}
		}
		r.wantPosts(1)
	})
	if noticed == 0 {
		t.Error("a model that forgets what was told was never found out")
	}
}
