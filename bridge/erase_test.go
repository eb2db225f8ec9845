package bridge_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/command"
	"devicebridge/events"
)

// erase erases a command that has ended.
func (r *rig) erase(id string) events.EraseReply {
	r.t.Helper()
	reply, err := r.Erase(r.t.Context(), idBody(id))
	if err != nil {
		r.t.Fatal(err)
	}
	return reply
}

// ended gives a command that completed with a small response payload.
func (r *rig) ended(body []byte) string {
	r.t.Helper()
	id := r.sent(body).Command.ID
	r.postback(id, `{"id":"g1","status":"completed","responsePayload":{"text":"Yours, Jim"}}`)
	return id
}

// wantErased fails unless all that the stream has of a command is its erased event
// with this number.
func (r *rig) wantErased(id string, n int) events.Command {
	r.t.Helper()
	latest := r.latest(id)
	sequences, err := r.tap.Sequences(r.t.Context(), id)
	if err != nil || len(sequences) != 1 || latest.Command.State != events.StateErased || latest.Command.Sequence != n {
		r.t.Errorf("events at %v (%v), the latest is %s", sequences, err, text(r.t, latest.Command))
	}
	return latest.Command
}

// stores gives a stream of NATS and one without.
func stores(t *testing.T) map[string]store {
	return map[string]store{"NATS": start(t), "memory": new(memory)}
}

func TestErase(t *testing.T) {
	for name, s := range stores(t) {
		var told []events.Erased
		r := build(t, s, func(o *bridge.Options) { o.Hooks.Erased = func(e events.Erased) { told = append(told, e) } })
		id := r.ended(call(`"requestId":"r-jim","correlationId":"c-jim"`))
		before, err := s.Sequences(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		r.clock.pass(time.Minute)
		reply, err := r.Erase(t.Context(), []byte(`{"id":"`+id+`","reason":"request 17"}`))
		if err != nil || reply.Erased.Events != len(before) || reply.Erased.Objects != 0 {
			t.Errorf("%s: %+v, %v", name, reply.Erased, err)
		}
		c := r.wantErased(id, len(before)+1)
		if e := c.Erased; e == nil || e.State != events.StateCompleted || e.Reason != "request 17" || !slices.Equal(e.Events, before) {
			t.Errorf("%s: erased %s, want the events %v", name, text(t, c.Erased), before)
		}
		if text(t, reply.Command) != text(t, c) || !c.UpdatedAt.Equal(r.clock.Now()) || c.DeviceID != "d1" {
			t.Errorf("%s: record %s", name, text(t, c))
		}
		if got := text(t, c); strings.Contains(got, "jim") || strings.Contains(got, "Jim") || strings.Contains(got, "svc") || strings.Contains(got, "g1") {
			t.Errorf("%s: the record keeps %s", name, got)
		}
		if armed, err := s.Armed(t.Context(), id); armed || err != nil {
			t.Errorf("%s: a timer stands (%v)", name, err)
		}
		if got, err := r.Get(t.Context(), idBody(id)); err != nil || got.Command.ResponsePayload != nil || got.Command.State != events.StateErased {
			t.Errorf("%s: get gives %s, %v", name, text(t, got), err)
		}
		_, err = r.Response(t.Context(), idBody(id))
		wantCode(t, err, events.CodeNotFound)
		if len(told) != 1 || told[0] != reply.Erased {
			t.Errorf("%s: told of %+v", name, told)
		}

		again := r.erase(id)
		if again.Erased != (events.Erased{}) || text(t, again.Command) != text(t, c) || len(told) != 1 {
			t.Errorf("%s: again %s, told of %+v", name, text(t, again), told)
		}
		if list, err := r.List(t.Context(), []byte(`{"state":"erased"}`)); err != nil || len(list.Commands) != 1 || list.Commands[0].ID != id {
			t.Errorf("%s: listed are %s, %v", name, text(t, list), err)
		}
	}
}

// TestOnlyWhatHasEndedIsErased, and the refusal says the way out.
func TestOnlyWhatHasEndedIsErased(t *testing.T) {
	reached := statesOf()
	for _, state := range events.States() {
		t.Run(string(state), func(t *testing.T) {
			r := build(t, new(memory), nil)
			id := reached[state](r)
			before := r.latest(id)
			_, err := r.Erase(t.Context(), idBody(id))
			switch {
			case before.Command.Ended():
				if err != nil || r.latest(id).Command.State != events.StateErased {
					t.Errorf("%v, the latest is %s", err, text(t, r.latest(id)))
				}
				return
			case state == events.StateAccepted || state == events.StateDeferred:
				wantError(t, err, events.CodeConflict, "id", "id names a command that is still to be sent ("+string(state)+"); cancel it first")
			case state.Terminal():
				wantError(t, err, events.CodeConflict, "id", "id names a command whose response payload is still awaited; ask again when that is stored or failed")
			default:
				wantError(t, err, events.CodeConflict, "id", "id names a command that is under way ("+string(state)+"); ask again when it has ended")
			}
			if text(t, r.latest(id)) != text(t, before) {
				t.Errorf("the command is now %s", text(t, r.latest(id)))
			}
		})
	}
}

func TestEraseRefuses(t *testing.T) {
	r := build(t, new(memory), nil)
	for body, want := range map[string]events.Code{
		`{"id":"order-4711"}`:                                                                           events.CodeInvalid,
		`{"id":"` + events.RequestCommandID("nobody") + `"}`:                                            events.CodeNotFound,
		`{"id":"` + events.RequestCommandID("x") + `","reason":"two\nlines"}`:                           events.CodeInvalid,
		`{"id":"` + events.RequestCommandID("x") + `","reason":"` + strings.Repeat("x", 257) + `"}`:     events.CodeInvalid,
		`{"id":"` + events.RequestCommandID("x") + `","because":"it has to be a member that is known"}`: events.CodeInvalid,
	} {
		_, err := r.Erase(t.Context(), []byte(body))
		if !events.HasCode(err, want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
	id := events.RequestCommandID("newer")
	if _, err := r.tap.store.Append(t.Context(), "held", events.Command{ID: id, State: "held", Terminal: true, Sequence: 1}, 0); err != nil {
		t.Fatal(err)
	}
	_, err := r.Erase(t.Context(), idBody(id))
	wantError(t, err, events.CodeConflict, "id", "id names a command in a state that this version of the bridge does not know; another replica may")
}

// TestAnErasedCommandIsNotSentAgain: whatever comes of it later, the device is
// commanded once.
func TestAnErasedCommandIsNotSentAgain(t *testing.T) {
	for name, s := range stores(t) {
		r := build(t, s, nil)
		first := r.send(call(`"requestId":"once"`))
		if wait := r.Dispatch(t.Context(), first, delivery(1)); wait != 0 {
			t.Fatal(wait)
		}
		id := first.Command.ID
		r.postback(id, `{"id":"g1","status":"failedToSend"}`)
		r.erase(id)
		was := r.latest(id)

		for _, body := range [][]byte{call(`"requestId":"once"`), launch(`"requestId":"once"`)} {
			_, err := r.Send(t.Context(), nil, body)
			wantError(t, err, events.CodeConflict, "requestId", "requestId names command "+id+", which was erased; use a new request id")
		}
		_, err := r.CreateCallback(t.Context(), nil, []byte(`{"requestId":"once"}`))
		wantCode(t, err, events.CodeConflict)
		created := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		if wait := r.Take(t.Context(), bridge.QueuedRequest{Data: call(`"requestId":"once"`), StreamCreated: created, Sequence: 9}); wait != 0 {
			t.Errorf("%s: a queued repeat comes again after %v", name, wait)
		}
		r.wantStory(events.IntakeCommandID(created, 9), "rejected")
		_, err = r.Send(t.Context(), nil, call(`"retryOf":"`+id+`"`))
		wantCode(t, err, events.CodeConflict)

		// Deliveries that were under way, early and late.
		for _, count := range []uint64{1, 2} {
			r.Dispatch(t.Context(), first, delivery(count))
			r.Look(t.Context(), id, delivery(count))
		}
		r.Look(t.Context(), id, bridge.Delivery{Count: 1, Confirm: 1, Alive: func() error { return nil }})
		for _, status := range events.GraphStates() {
			r.postback(id, `{"id":"g2","status":"`+string(status)+`","responsePayload":{"text":"Jim"}}`)
		}
		if _, err := r.Sweep(t.Context()); err != nil {
			t.Error(err)
		}
		if text(t, r.latest(id)) != text(t, was) {
			t.Errorf("%s: the command is now %s", name, text(t, r.latest(id)))
		}
		r.wantPosts(1)
	}
}

// TestAQueuedRequestWhoseCommandWasErased: its redelivery is done, and makes nothing
// new.
func TestAQueuedRequestWhoseCommandWasErased(t *testing.T) {
	r := build(t, new(memory), nil)
	q := bridge.QueuedRequest{Data: launch(), StreamCreated: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Sequence: 7}
	id := events.IntakeCommandID(q.StreamCreated, q.Sequence)
	if wait := r.Take(t.Context(), q); wait != 0 {
		t.Fatal(wait)
	}
	if _, err := r.Cancel(t.Context(), idBody(id)); err != nil {
		t.Fatal(err)
	}
	r.erase(id)
	if wait := r.Take(t.Context(), q); wait != 0 {
		t.Errorf("it comes again after %v", wait)
	}
	r.wantErased(id, 3)
}

// TestALargePayloadIsErased, also one that a postback stored after the erasure, which
// it had not seen.
func TestALargePayloadIsErased(t *testing.T) {
	for name, s := range stores(t) {
		r := build(t, s, nil)
		id := r.sent(call()).Command.ID
		o := events.Observation{Status: "completed", Digest: "1", ResponsePayload: large()}
		if err := r.Postback(t.Context(), id, []events.Observation{o}); err != nil {
			t.Fatal(err)
		}
		response, err := s.LatestResponse(t.Context(), id)
		if err != nil || response.Command.ResponseRef == nil {
			t.Fatalf("%s: %s, %v", name, text(t, response), err)
		}
		ref := *response.Command.ResponseRef
		if reply := r.erase(id); reply.Erased.Objects != 1 {
			t.Errorf("%s: %+v", name, reply.Erased)
		}
		_, _, err = s.PayloadChunk(t.Context(), ref, 0)
		wantCode(t, err, events.CodeNotFound)

		id = r.given(call())
		r.tap.put = func() error {
			r.tap.put = nil
			r.another().erase(id)
			return nil
		}
		if err := r.Postback(t.Context(), id, []events.Observation{o}); err != nil {
			t.Error(err)
		}
		r.wantErased(id, r.latest(id).Command.Sequence)
		ref.Name = id + "/" + ref.SHA256
		_, _, err = s.PayloadChunk(t.Context(), ref, 0)
		wantCode(t, err, events.CodeNotFound)
	}
}

// given gives a command whose time is over and which Graph may still end.
func (r *rig) given(body []byte) string {
	r.t.Helper()
	id := r.sent(body).Command.ID
	r.clock.pass(2 * time.Hour)
	r.look(id)
	if state := r.latest(id).Command.State; state != events.StateTimedOut {
		r.t.Fatalf("state %s", state)
	}
	return id
}

// TestAnErasureThatLosesARace takes the event in that came first, or is refused by
// what that event says.
func TestAnErasureThatLosesARace(t *testing.T) {
	r := newRig(t)
	id := r.given(launch())
	r.tap.before = once(events.StateErased, func() error {
		r.another().postback(id, `{"id":"g1","status":"failedToSend"}`)
		return nil
	})
	reply := r.erase(id)
	if e := r.wantErased(id, reply.Command.Sequence).Erased; e.State != events.StateFailedToSend || len(e.Events) != reply.Erased.Events {
		t.Errorf("erased %s, taken away %+v", text(t, e), reply.Erased)
	}

	id = r.given(call())
	r.tap.before = once(events.StateErased, func() error {
		r.another().postback(id, `{"id":"g1","status":"completed"}`)
		return nil
	})
	_, err := r.Erase(t.Context(), idBody(id))
	wantCode(t, err, events.CodeConflict)
	if state := r.latest(id).Command.State; state != events.StateCompleted {
		t.Errorf("state %s", state)
	}
}

// TestAnErasureIsFinished by whoever comes next, wherever it was broken off.
func TestAnErasureIsFinished(t *testing.T) {
	down := events.Unavailable("down")
	breaks := map[string]func(r *rig){
		"the acknowledgement of its event was lost": func(r *rig) { r.tap.after = once(events.StateErased, func() error { return down }) },
		"nothing was erased":                        func(r *rig) { r.tap.erase = func() error { return down } },
		"part of it was erased": func(r *rig) {
			r.tap.erase = func() error {
				sequences, err := r.tap.Sequences(t.Context(), r.subject)
				_, failed := r.tap.store.Erase(t.Context(), r.subject, sequences[1])
				return errors.Join(err, failed, down)
			}
		},
	}
	finishes := map[string]func(r *rig){
		"another request": func(r *rig) { r.erase(r.subject) },
		"the sweep": func(r *rig) {
			if report, err := r.Sweep(t.Context()); err != nil || report.Open != 0 || report.Armed != 0 {
				t.Errorf("sweep %+v, %v", report, err)
			}
		},
	}
	for name, s := range stores(t) {
		for broken, breakOff := range breaks {
			for finished, finish := range finishes {
				r := build(t, s, nil)
				id := r.ended(call(`"requestId":"` + broken + finished + `"`))
				n := r.latest(id).Command.Sequence
				r.subject = id
				breakOff(r)
				_, err := r.Erase(t.Context(), idBody(id))
				wantCode(t, err, events.CodeUnavailable)
				// From its event on the command is erased, whatever is still there.
				if latest := r.latest(id); latest.Command.State != events.StateErased {
					t.Fatalf("%s, %s: the latest is %s", name, broken, latest.Kind)
				}
				list, err := r.List(t.Context(), []byte(`{"state":"erased"}`))
				if times := strings.Count(text(t, list), `"id":"`+id+`"`); err != nil || times != 1 {
					t.Errorf("%s, %s: listed %d times, %v", name, broken, times, err)
				}
				other := r.another()
				other.subject = id
				finish(other)
				if c := r.wantErased(id, n+1); len(c.Erased.Events) != n {
					t.Errorf("%s, %s, %s: erased %v of %d events", name, broken, finished, c.Erased.Events, n)
				}
			}
		}
	}
}

// TestASweepLeavesWhatMayNotBeErased: an operator who forbids deletion half-way
// stops the erasure and not the sweep.
func TestASweepLeavesWhatMayNotBeErased(t *testing.T) {
	m := new(memory)
	r := build(t, m, func(o *bridge.Options) { o.Eraser = sealed{} })
	id := r.ended(launch())
	_, err := r.Erase(t.Context(), idBody(id))
	wantCode(t, err, events.CodeConflict)
	if state := r.latest(id).Command.State; state != events.StateCompleted {
		t.Errorf("state %s: the event tells of an erasure that cannot be", state)
	}
	erased := command.Apply(r.latest(id).Command, command.Erase{At: r.clock.Now(), Events: []uint64{1}})
	if _, err := m.Append(t.Context(), erased[0].Kind, erased[0].Command, r.latest(id).Sequence); err != nil {
		t.Fatal(err)
	}
	if report, err := r.Sweep(t.Context()); err != nil || report.Commands == 0 || report.Open != 0 {
		t.Errorf("sweep %+v, %v", report, err)
	}
}

// TestASweepGoesOnWithoutAnErasure: an erasure that fails again and again stops
// not the sweep, and is not forgotten.
func TestASweepGoesOnWithoutAnErasure(t *testing.T) {
	m := new(memory)
	broken := true
	r := build(t, m, func(o *bridge.Options) { o.Eraser = failing{m, &broken} })
	id := r.ended(launch())
	_, err := r.Erase(t.Context(), idBody(id))
	wantCode(t, err, events.CodeUnavailable)
	for range 3 {
		if report, err := r.Sweep(t.Context()); err != nil || !report.Finished || report.Commands == 0 {
			t.Errorf("sweep %+v, %v", report, err)
		}
		r.clock.pass(20 * time.Minute)
	}
	broken = false
	if _, err := r.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if left, err := m.Sequences(t.Context(), id); err != nil || len(left) != 1 {
		t.Errorf("after the sweep there are the events %v, %v", left, err)
	}
	// Control: then the mark goes on.
	r.clock.pass(20 * time.Minute)
	if report, err := r.Sweep(t.Context()); err != nil || report.Commands != 0 {
		t.Errorf("sweep %+v, %v; want no command any more", report, err)
	}
}
