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

// TestFaultRepeatedRequest asks 32 times at once, over both ways in and by two
// replicas, under one request id; then again an hour later, when the command has
// been sent, and once more when it has expired. It is one command, one POST, and
// everybody is told of its record as it is by then.
func TestFaultRepeatedRequest(t *testing.T) {
	r := newRig(t)
	replicas := []*rig{r, r.another()}
	body := launch(`"requestId":"a"`, `"expiresIn":"90m"`)
	id := events.RequestCommandID("a")
	askAll := func() (records []string) {
		t.Helper()
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 32 {
			all.Go(func() {
				replica := replicas[i%2]
				if i%4 == 3 {
					if wait := replica.Take(t.Context(), queued(uint64(i), body)); wait != 0 {
						t.Errorf("a queued request comes again after %v", wait)
					}
					return
				}
				receipt, err := replica.Send(t.Context(), nil, body)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				records = append(records, text(t, receipt.Command))
			})
		}
		all.Wait()
		return records
	}
	wantAll := func(when string) {
		t.Helper()
		want := text(t, r.latest(id).Command)
		for _, got := range askAll() {
			if got != want {
				t.Errorf("%s a caller is told\n%s, stored is\n%s", when, got, want)
			}
		}
	}

	askAll()
	r.wantStory(id, "accepted")
	wantAll("at once")
	r.Dispatch(t.Context(), r.latest(id), delivery(1))
	r.clock.pass(time.Hour)
	wantAll("an hour later")
	r.clock.pass(time.Hour)
	r.look(id)
	wantAll("after the end")
	r.wantStory(id, "accepted sending requesting timedOut")
	r.wantPosts(1)

	// The control: without the id, or with another body, it is not the same.
	if receipt, err := r.Send(t.Context(), nil, launch(`"expiresIn":"90m"`)); err != nil || receipt.Command.ID == id {
		t.Errorf("without an id: %s, %v", receipt.Command.ID, err)
	}
	_, err := r.Send(t.Context(), nil, launch(`"requestId":"a"`, `"expiresIn":"91m"`))
	wantCode(t, err, events.CodeConflict)
}

// TestFaultPostbackBeforeAnswer lets Graph call back before it answers the POST:
// the order in which things came is kept, and Graph's id is taken from whatever
// brings it first.
func TestFaultPostbackBeforeAnswer(t *testing.T) {
	for _, c := range []struct{ name, early, story string }{
		{"progress", `{"status":"executing"}`, "executing linked"},
		{"progress and id", `{"id":"g1","status":"executing"}`, "executing"},
		{"the same as the answer", `{"id":"g1","status":"requesting"}`, "requesting"},
		{"the end", `{"status":"completed"}`, "completed linked"},
		{"the end and id", `{"id":"g1","status":"completed"}`, "completed"},
		{"all at once", `{"value":[{"id":"g1","status":"requesting"},{"status":"executing"},{"status":"completed"}]}`, "requesting executing completed"},
	} {
		for _, answered := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, answered %t", c.name, answered), func(t *testing.T) {
				r := build(t, new(memory), nil)
				from := r.send(launch())
				id := from.Command.ID
				r.graph.post = func(graph.CommandRequest) (events.Observation, error) {
					r.another().postback(id, c.early)
					if !answered {
						return events.Observation{}, unknown()
					}
					return observed(t, `{"id":"g1","status":"requesting"}`)[0], nil
				}
				if wait := r.Dispatch(t.Context(), from, delivery(1)); wait != 0 {
					t.Errorf("comes again after %v", wait)
				}
				story := "accepted sending " + c.story
				if !answered {
					story = strings.TrimSuffix(story, " linked")
				}
				r.wantStory(id, story)
				if got := r.latest(id).Command; answered && got.GraphID != "g1" || got.Error != nil {
					t.Errorf("record %s", text(t, got))
				}
				r.wantPosts(1)
			})
		}
	}
}
