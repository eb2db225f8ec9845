package bus_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"devicebridge/bridge/bus"
	"devicebridge/events"
	"devicebridge/webhook"
)

// malformed are messages that are no request for a command.
func malformed() [][]byte {
	return [][]byte{
		nil, []byte("{"), []byte("null"), []byte("[]"), []byte(`"x"`), []byte("\x00\xff"), []byte(strings.Repeat("[", 100_000)),
		[]byte(`{"deviceId":7}`), []byte(`{"deviceId":"d","type":"reboot","payload":{}}`), []byte(`{"deviceId":"d","deviceId":"e"}`),
		[]byte(strings.Repeat(" ", 900_000)), []byte(askedFor + askedFor),
	}
}

// TestFaultMalformedMessages puts what cannot be read in front of good messages,
// in each queue that somebody else may write to or that a fault may fill: each
// request becomes one `rejected` event, the rest is left alone, and the good ones
// behind are sent.
func TestFaultMalformedMessages(t *testing.T) {
	t.Parallel()
	b, server := start(t)
	nc, js := insider(t, server)
	g := new(counting)
	s := b.Subjects()
	publish := func(subject string, data []byte) {
		t.Helper()
		if _, err := js.PublishMsg(within(t), &nats.Msg{Subject: subject, Data: data, Header: nats.Header{"traceparent": {"\x01 not one"}}}); err != nil {
			t.Fatal(err)
		}
	}
	for i, data := range malformed() {
		publish(s.Intake(), data)
		publish(s.TimerDue(fmt.Sprint("no-command-", i)), data)
		publish(s.Append(numbered(i), "d", events.KindOf(events.StateAccepted)), data)
	}
	const good = 5
	var ids []string
	for i := range good {
		if _, err := b.Enqueue(within(t), asking(fmt.Sprint("good", i))); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, events.RequestCommandID(fmt.Sprint("good", i)))
	}
	rejected, err := nc.SubscribeSync(s.KindFilter(events.KindOf(events.StateRejected), ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}

	br := bridging(t, b, g)
	working(t, b, br)
	var refused []string
	for range malformed() {
		msg, err := rejected.NextMsgWithContext(within(t))
		if err != nil {
			t.Fatal(err)
		}
		_, c, err := events.Decode(msg.Header, msg.Data)
		if err != nil || c.Error == nil || c.Error.Code != events.CodeInvalid || slices.Contains(refused, c.ID) {
			t.Errorf("rejected is %+v, %v", c, err)
		}
		refused = append(refused, c.ID)
	}
	for _, id := range ids {
		untilState(t, b, id, events.StateRequesting)
		if n := g.sent(id); n != 1 {
			t.Errorf("%d POSTs of %s", n, id)
		}
	}
	until(t, "an empty queue", func() bool { return messages(t, js, intakeStream) == 0 })
	if n, _, err := rejected.Pending(); n != 0 || err != nil {
		t.Errorf("%d further rejected events, %v", n, err)
	}
}

// TestFaultPostbackWithoutNATS stops the server under a postback endpoint: no
// postback is answered with a yes until it is stored, and the sender, who comes
// again, is not told to give up.
func TestFaultPostbackWithoutNATS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := external(t, dir)
	p := newProxy(t, srv.Addr().String())
	b := connect(t, bus.Options{URL: p.url(), Timeout: patience})
	ensure(t, b, small())
	br := bridging(t, b, new(counting))
	keys, err := webhook.ParseKeyring(webhook.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := webhook.New(webhook.Options{Keys: keys, Sink: br})
	if err != nil {
		t.Fatal(err)
	}
	public := httptest.NewServer(endpoint.Handler())
	t.Cleanup(public.Close)
	callbacks, err := webhook.NewCallbacks(public.URL, keys)
	if err != nil {
		t.Fatal(err)
	}
	post := func(id string) (status int, retryAfter string) {
		t.Helper()
		r, err := http.NewRequestWithContext(within(t), http.MethodPost, callbacks.CallbackURL(id, time.Now().Add(time.Hour)), strings.NewReader(`{"status":"completed"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := public.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Retry-After")
	}
	id := accepting(t, b)

	p.to("")
	srv.Shutdown()
	srv.WaitForShutdown()
	for _, of := range []string{id, events.RandomCommandID()} { // whether it exists nobody can know
		if status, again := post(of); status != http.StatusServiceUnavailable || again == "" {
			t.Errorf("without NATS: %d, Retry-After %q", status, again)
		}
	}
	p.to(external(t, dir).Addr().String())
	until(t, "the postback is taken", func() bool {
		status, _ := post(id)
		if status != http.StatusServiceUnavailable && status != http.StatusAccepted {
			t.Fatalf("answered with %d", status)
		}
		return status == http.StatusAccepted
	})
	if latest, err := b.Latest(within(t), id); err != nil || latest.Command.State != events.StateCompleted || latest.Command.Sequence != 2 {
		t.Errorf("event %d is %s, %v", latest.Command.Sequence, latest.Command.State, err)
	}
}
