package main

import (
	"net/http"
	"strings"
	"testing"

	"devicebridge/events"
)

// TestFaultReplayedCallback posts a captured postback 1,000 times, and then lies
// about the end: the replay is one event, its budget ends in 429, and the lie is
// flagged and changes nothing.
func TestFaultReplayedCallback(t *testing.T) {
	r := startRig(t, rigOptions{})
	id := r.mustSend(launchURI("replayed")).Command.ID
	list := r.until(id, func(e events.Stored) bool { return e.Command.GraphID != "" })
	url := r.callbackURL(0)
	answers := map[int]int{}
	for range 1000 {
		status, header, _ := r.post(url, `{"status":"executing"}`)
		answers[status]++
		if status == http.StatusTooManyRequests && header.Get("Retry-After") != "1" {
			t.Fatalf("Retry-After is %q", header.Get("Retry-After"))
		}
	}
	if answers[http.StatusAccepted] < 100 || answers[http.StatusTooManyRequests] == 0 || len(answers) != 2 {
		t.Errorf("answers %v", answers)
	}
	// Another command has its own budget, and its callback cannot tell of this one.
	other := r.mustSend(launchURI("other")).Command.ID
	r.until(other, func(e events.Stored) bool { return e.Command.GraphID != "" })
	naming := `{"id":"` + list[len(list)-1].Command.GraphID + `","command":"` + id + `","status":"completed"}`
	if status, _, _ := r.post(r.callbackURL(1), naming); status != http.StatusAccepted {
		t.Errorf("the other command's postback: %d", status)
	}
	if status, _, _ := r.post(strings.Replace(r.callbackURL(1), other, id, 1), `{"status":"completed"}`); status != http.StatusNotFound {
		t.Errorf("the other command's token on this one: %d", status)
	}
	for _, body := range []string{`{"status":"completed"}`, `{"status":"completed"}`, `{"status":"executionFailed"}`, `{"status":"executionFailed"}`} {
		for status := 0; status != http.StatusAccepted; { // until the budget is there again
			if status, _, _ = r.post(url, body); status != http.StatusAccepted && status != http.StatusTooManyRequests {
				t.Fatalf("%s: %d", body, status)
			}
		}
	}
	list = r.until(id, func(e events.Stored) bool { return e.Kind == events.KindConflict })
	if got := kinds(list); got != "accepted sending requesting executing completed conflict" {
		t.Errorf("timeline is %q", got)
	}
	if last := list[len(list)-1].Command; last.State != events.StateCompleted {
		t.Errorf("the lie made it %s", last.State)
	}
	var reply events.CommandReply
	if err := r.client.Request(t.Context(), "commands.get", events.IDRequest{ID: id}, &reply, 0); err != nil || reply.Command.Sequence != 6 {
		t.Errorf("%d events (%v), want 6", reply.Command.Sequence, err)
	}
}
