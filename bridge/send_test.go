package bridge_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"devicebridge/events"
)

func TestTheReceiptIsTheStoredRecord(t *testing.T) {
	r := newRig(t)
	body := call(`"requestId":"order-4711"`, `"correlationId":"basket"`, `"expiresIn":"10m"`)
	receipt, err := r.Send(t.Context(), nil, body)
	if err != nil {
		t.Fatal(err)
	}
	const id = "xm2igitaea4d34ipad5wcv3kzi" // anybody can compute it from order-4711
	stored := r.latest(id)
	if got, want := text(t, receipt.Command), text(t, stored.Command); got != want {
		t.Errorf("receipt\n%s, stored is\n%s", got, want)
	}
	if want := "devicebridge.v1.events." + id + ".>"; receipt.Events != want || receipt.CallbackURL != "" {
		t.Errorf("events %q, callback %q; want %q and none", receipt.Events, receipt.CallbackURL, want)
	}
	r.wantStory(id, "accepted")
	now := r.clock.Now()
	want := events.Command{
		ID: id, RequestID: "order-4711", CorrelationID: "basket", RequestSHA256: stored.Command.RequestSHA256,
		DeviceID: "d1", Type: events.TypeAppService, AppServiceName: "svc", PackageFamilyName: "pkg", Payload: []byte(`{"a":1}`),
		State: events.StateAccepted, Round: 1, Response: events.ResponseNone, Sequence: 1, Source: events.SourceCaller,
		CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(10 * time.Minute),
	}
	if got := text(t, stored.Command); got != text(t, want) || want.RequestSHA256 == "" {
		t.Errorf("record\n%s, want\n%s", got, text(t, want))
	}
	r.wantPosts(0)
}

func TestTheDefaultExpiry(t *testing.T) {
	r := newRig(t)
	if c := r.send(launch()).Command; c.ExpiresAt.Sub(c.CreatedAt) != time.Hour {
		t.Errorf("expires after %v, want 1h", c.ExpiresAt.Sub(c.CreatedAt))
	}
}

func TestARequestIDNamesOneCommand(t *testing.T) {
	r := newRig(t)
	first := r.send(launch(`"requestId":"a"`))
	r.clock.pass(time.Minute)
	for name, repeat := range map[string]func() (events.Receipt, error){
		"same body": func() (events.Receipt, error) { return r.Send(t.Context(), nil, launch(`"requestId":"a"`)) },
		"other correlationId": func() (events.Receipt, error) {
			return r.Send(t.Context(), nil, launch(`"requestId":"a"`, `"correlationId":"x"`))
		},
		"id in the header": func() (events.Receipt, error) {
			return r.Send(t.Context(), map[string][]string{"Nats-Msg-Id": {"a"}}, launch())
		},
		"another replica": func() (events.Receipt, error) { return r.another().Send(t.Context(), nil, launch(`"requestId":"a"`)) },
	} {
		receipt, err := repeat()
		if err != nil || text(t, receipt.Command) != text(t, first.Command) {
			t.Errorf("%s: %s, %v; want the record of the first", name, text(t, receipt.Command), err)
		}
	}
	r.wantStory(first.Command.ID, "accepted")

	_, err := r.Send(t.Context(), nil, launch(`"requestId":"a"`, `"expiresIn":"2m"`))
	wantError(t, err, events.CodeConflict, "requestId",
		"requestId names command "+first.Command.ID+", which was asked for otherwise; use a new request id")
	r.wantStory(first.Command.ID, "accepted")
}

func TestARepeatGivesTheRecordAsItIsNow(t *testing.T) {
	r := newRig(t)
	id := r.sent(launch(`"requestId":"a"`)).Command.ID
	receipt, err := r.Send(t.Context(), nil, launch(`"requestId":"a"`))
	if err != nil || receipt.Command.State != events.StateRequesting || receipt.Command.ID != id {
		t.Errorf("%s in state %s, %v; want %s requesting", receipt.Command.ID, receipt.Command.State, err, id)
	}
}

func TestWithoutARequestIDEachIsNew(t *testing.T) {
	r := newRig(t)
	one, two := r.send(launch()).Command.ID, r.send(launch()).Command.ID
	if one == two || !events.ValidCommandID(one) {
		t.Errorf("ids %s and %s", one, two)
	}
}

func TestThirtyTwoAtOnceAreOneCommand(t *testing.T) {
	r := newRig(t)
	replicas := []*rig{r, r.another()}
	const callers = 32
	var all sync.WaitGroup
	records := make([]string, callers)
	for i := range callers {
		all.Go(func() {
			receipt, err := replicas[i%2].Send(t.Context(), nil, launch(`"requestId":"a"`, fmt.Sprintf(`"correlationId":"%d"`, i)))
			if err != nil {
				t.Error(err)
				return
			}
			records[i] = text(t, receipt.Command)
		})
	}
	all.Wait()
	for i, record := range records {
		if record != records[0] {
			t.Errorf("caller %d got\n%s, the first\n%s", i, record, records[0])
		}
	}
	r.wantStory(events.RequestCommandID("a"), "accepted")
}

func TestARefusedRequestStoresNothing(t *testing.T) {
	r := newRig(t)
	_, err := r.Send(t.Context(), nil, launch(`"requestId":"a"`, `"expiresIn":"-1s"`))
	wantError(t, err, events.CodeInvalid, "expiresIn", "expiresIn is not positive")
	if n := r.tap.appends(); n != 0 {
		t.Errorf("%d events stored", n)
	}
	_, err = r.tap.store.Latest(t.Context(), events.RequestCommandID("a"))
	wantCode(t, err, events.CodeNotFound)
}

func TestWhatCannotBeStoredIsNoReceipt(t *testing.T) {
	down := events.Unavailable("the event stream does not answer; ask again")
	for _, c := range []struct {
		name string
		set  func(*tap)
	}{
		{"append refused", func(t *tap) { t.before = always(events.StateAccepted, down) }},
		{"lost, and no read tells to whom", func(t *tap) {
			t.before = always(events.StateAccepted, events.ErrLost)
			t.read = func(string) error { return down }
		}},
		{"an error nobody foresaw", func(t *tap) { t.before = always(events.StateAccepted, errors.New("boom")) }},
	} {
		r := build(t, new(memory), nil)
		c.set(r.tap)
		receipt, err := r.Send(t.Context(), nil, launch(`"requestId":"a"`))
		if err == nil || receipt.Command.ID != "" || receipt.Events != "" {
			t.Errorf("%s: receipt %+v, error %v", c.name, receipt, err)
		}
		if code := events.AsError(err).Code; code != events.CodeUnavailable {
			t.Errorf("%s: code %s", c.name, code)
		}
		if _, err := r.tap.store.Latest(t.Context(), events.RequestCommandID("a")); err == nil {
			t.Errorf("%s: the command exists", c.name)
		}
	}
}

// TestALostAcknowledgementIsAYesOnce loses the acknowledgement of an append that
// was stored, in both forms in which a bus reports that.
func TestALostAcknowledgementIsAYesOnce(t *testing.T) {
	t.Run("not proven", func(t *testing.T) {
		r := newRig(t)
		r.tap.after = once(events.StateAccepted, func() error { return events.ErrLost })
		id := r.send(launch(`"requestId":"a"`)).Command.ID
		r.wantStory(id, "accepted")
	})
	t.Run("no answer", func(t *testing.T) {
		r := newRig(t)
		r.tap.after = once(events.StateAccepted, func() error { return events.Unavailable("no answer") })
		_, err := r.Send(t.Context(), nil, launch(`"requestId":"a"`))
		wantCode(t, err, events.CodeUnavailable)
		id := r.send(launch(`"requestId":"a"`)).Command.ID
		r.wantStory(id, "accepted")
	})
}

func TestAFullStreamTakesNoNewCommands(t *testing.T) {
	r := newRig(t)
	old := r.send(launch(`"requestId":"old"`))
	r.tap.fill = 0.799
	r.send(launch(`"requestId":"still"`))

	r.tap.fill = 0.8
	_, err := r.Send(t.Context(), nil, launch(`"requestId":"new"`))
	wantError(t, err, events.CodeUnavailable, "",
		"the event stream is nearly full; ask again when older commands have left it, or raise its limit")
	_, err = r.tap.store.Latest(t.Context(), events.RequestCommandID("new"))
	wantCode(t, err, events.CodeNotFound)

	receipt, err := r.Send(t.Context(), nil, launch(`"requestId":"old"`))
	if err != nil || receipt.Command.ID != old.Command.ID {
		t.Errorf("a repeat gives %s, %v", receipt.Command.ID, err)
	}
	_, err = r.Send(t.Context(), nil, call(`"requestId":"old"`))
	wantCode(t, err, events.CodeConflict)
	// What was accepted still ends.
	r.Dispatch(t.Context(), old, delivery(1))
	r.postback(old.Command.ID, `{"status":"completed"}`)
	r.wantStory(old.Command.ID, "accepted sending requesting completed")
}

func TestTraceContextIsKept(t *testing.T) {
	const parent, state = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1"
	long := string(make([]byte, 513))
	for _, c := range []struct{ name, parent, state, wantParent, wantState string }{
		{"both", parent, state, parent, state},
		{"parent alone", parent, "", parent, ""},
		{"state too long", parent, long, parent, ""},
		{"parent too long", long, state, "", ""},
	} {
		r := build(t, new(memory), nil)
		receipt, err := r.Send(t.Context(), map[string][]string{"Traceparent": {c.parent}, "tracestate": {c.state}}, launch())
		if err != nil {
			t.Fatal(err)
		}
		r.Dispatch(t.Context(), r.latest(receipt.Command.ID), delivery(1))
		for _, e := range r.history(receipt.Command.ID) {
			if e.Command.TraceParent != c.wantParent || e.Command.TraceState != c.wantState {
				t.Errorf("%s: %s has %q and %q", c.name, e.Kind, e.Command.TraceParent, e.Command.TraceState)
			}
		}
	}
}
