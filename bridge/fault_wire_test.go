package bridge_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// wired is a rig whose POSTs go over a real connection to a server that answers
// as a test says.
type wired struct {
	*rig
	store *memory

	mu     sync.Mutex
	posts  []time.Time // by the clock of the rig
	answer http.HandlerFunc
	// dial, if not nil, takes the place of a connection.
	dial func() error
}

func newWired(t *testing.T) *wired {
	t.Helper()
	w := &wired{store: new(memory), answer: takes}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.mu.Lock()
		w.posts = append(w.posts, w.clock.Now())
		answer := w.answer
		w.mu.Unlock()
		answer(rw, r)
	}))
	t.Cleanup(server.Close)
	credential, err := graph.StaticToken("token")
	if err != nil {
		t.Fatal(err)
	}
	client, err := graph.New(graph.Options{BaseURL: server.URL, Credential: credential, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if w.dial != nil {
				return nil, &net.OpError{Op: "dial", Net: network, Err: w.dial()}
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	w.rig = build(t, w.store, func(o *bridge.Options) { o.Sender = client })
	return w
}

// takes answers as Graph's page shows.
func takes(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{"id":"g1","status":"requesting"}`)
}

// hangsUp closes the connection in place of an answer.
func hangsUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// status answers with a status and a header "Retry-After" unless empty.
func status(code int, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
	}
}

func (w *wired) arrived() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]time.Time(nil), w.posts...)
}

func (w *wired) wantArrived(n int) {
	w.t.Helper()
	if got := len(w.arrived()); got != n {
		w.t.Errorf("%d POSTs arrived, want %d", got, n)
	}
}

// liveOn lets every timer of a command fire at its time until the command has
// ended; a delivery that has to come again comes then.
func (r *rig) liveOn(m *memory, id string) {
	r.t.Helper()
	for range 10_000 {
		if r.latest(id).Command.Ended() {
			return
		}
		m.mu.Lock()
		at, armed := m.timers[id]
		m.mu.Unlock()
		if !armed {
			r.t.Fatalf("command %s is %s and nothing wakes anybody for it", id, r.latest(id).Command.State)
		}
		r.clock.pass(max(at.Sub(r.clock.Now()), 0))
		for wait := r.Look(r.t.Context(), id, delivery(1)); wait > 0; wait = r.Look(r.t.Context(), id, delivery(2)) {
			r.clock.pass(wait)
		}
	}
	r.t.Fatalf("command %s does not end: it is %s", id, r.latest(id).Command.State)
}

// TestFaultAnswerLost lets Graph take the command and hang up. Its outcome is
// unknown until a postback tells it, and it is not sent again meanwhile.
func TestFaultAnswerLost(t *testing.T) {
	for name, c := range map[string]struct {
		postbacks []string
		story     string
	}{
		"the end":            {[]string{`{"id":"g1","status":"completed"}`}, "completed"},
		"the end without id": {[]string{`{"status":"completed"}`}, "completed"},
		"the whole way": {[]string{`{"status":"requesting"}`, `{"id":"g1","status":"executing"}`, `{"status":"failedToSend"}`},
			"requesting executing failedToSend"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWired(t)
			w.answer = hangsUp
			id := w.sent(launch(`"requestId":"a"`)).Command.ID
			w.wantStory(id, "accepted sending outcomeUnknown")
			for range 20 { // redelivered, looked at, asked for again
				w.clock.pass(2 * time.Minute)
				w.Look(t.Context(), id, delivery(1))
				w.Dispatch(t.Context(), w.history(id)[0], delivery(2))
				w.send(launch(`"requestId":"a"`))
			}
			for _, body := range c.postbacks {
				w.postback(id, body)
			}
			w.wantStory(id, "accepted sending outcomeUnknown "+c.story)
			w.wantArrived(1)
		})
	}
}

// TestFaultAnswerLostForGood is the same without a postback: it ends by its time.
// A bridge that is told it was not taken is the control: it sends again.
func TestFaultAnswerLostForGood(t *testing.T) {
	for _, life := range []string{"10m", "72h"} {
		w := newWired(t)
		w.answer = hangsUp
		c := w.sent(launch(`"expiresIn":"` + life + `"`)).Command
		w.liveOn(w.store, c.ID)
		w.wantStory(c.ID, "accepted sending outcomeUnknown timedOut")
		w.wantArrived(1)
		if end := w.latest(c.ID).Command; end.UpdatedAt.Before(c.ExpiresAt) || end.UpdatedAt.After(c.ExpiresAt.Add(time.Minute)) {
			t.Errorf("it ended at %v, it expired at %v", end.UpdatedAt, c.ExpiresAt)
		}
	}
	control := newWired(t)
	control.answer = status(http.StatusTooManyRequests, "60")
	control.liveOn(control.store, control.sent(launch(`"expiresIn":"10m"`)).Command.ID)
	if n := len(control.arrived()); n < 2 {
		t.Errorf("the control sent %d times", n)
	}
}

// TestFaultNoConnection refuses the connection some times: the command is
// deferred each time, and one POST arrives.
func TestFaultNoConnection(t *testing.T) {
	for name, err := range map[string]error{
		"refused": syscall.ECONNREFUSED,
		"no name": &net.DNSError{Err: "no such host", Name: "graph.example", IsNotFound: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWired(t)
			refusals := 0
			w.dial = func() error {
				if refusals++; refusals == 3 {
					w.dial = nil
				}
				return err
			}
			id := w.sent(launch()).Command.ID
			other := w.sent(launch()).Command.ID // a dead line is no throttle
			w.wantArrived(0)
			w.graph.status = func(graphID string) (events.Observation, error) {
				return observed(t, `{"id":"`+graphID+`","status":"completed"}`)[0], nil
			}
			w.liveOn(w.store, id)
			w.liveOn(w.store, other)
			w.wantStory(id, "accepted sending deferred sending deferred sending requesting completed")
			w.wantStory(other, "accepted sending deferred sending requesting completed")
			w.wantArrived(2)
		})
	}
}

// TestFaultThrottled: after 429 nobody asks Graph before its time, and then one
// POST is accepted.
func TestFaultThrottled(t *testing.T) {
	for _, c := range []struct {
		code       int
		retryAfter string
		wait       time.Duration
	}{
		{http.StatusTooManyRequests, "3", 3 * time.Second},
		{http.StatusTooManyRequests, "2.128", 2128 * time.Millisecond},
		{http.StatusServiceUnavailable, "3", 3 * time.Second},
	} {
		w := newWired(t)
		w.answer = status(c.code, c.retryAfter)
		id := w.sent(launch()).Command.ID
		w.answer = takes
		other := w.sent(launch()).Command.ID
		w.clock.pass(c.wait - time.Millisecond)
		w.Look(t.Context(), id, delivery(1))
		w.Look(t.Context(), other, delivery(1))
		w.wantArrived(1)
		w.clock.pass(time.Second)
		w.look(id)
		w.look(other)
		w.wantStory(id, "accepted sending deferred sending requesting")
		w.wantStory(other, "accepted sending requesting")
		arrived := w.arrived()
		if len(arrived) != 3 || arrived[1].Sub(arrived[0]) < c.wait {
			t.Errorf("%d %s: POSTs at %v, want 3 with %v after the first", c.code, c.retryAfter, arrived, c.wait)
		}
	}
}

// TestFaultServerErrors: an answer that does not say that nothing was taken is no
// reason to send again, whatever else it says.
func TestFaultServerErrors(t *testing.T) {
	for _, code := range []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusServiceUnavailable, http.StatusRequestTimeout} {
		for _, retryAfter := range []string{"", "1"} {
			if code == http.StatusServiceUnavailable && retryAfter != "" {
				continue // Graph's way to throttle
			}
			w := newWired(t)
			w.answer = status(code, retryAfter)
			var ids []string
			for range 5 {
				ids = append(ids, w.sent(launch()).Command.ID)
			}
			for _, id := range ids {
				w.liveOn(w.store, id)
				w.wantStory(id, "accepted sending outcomeUnknown timedOut")
			}
			w.wantArrived(len(ids))
		}
	}
}
