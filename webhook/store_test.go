package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/events"
	"devicebridge/webhook"
)

func TestSinkErrors(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
	}{
		"durable":     {nil, 202},
		"no record":   {fmt.Errorf("fold: %w", &events.Error{Code: events.CodeNotFound}), 404},
		"unavailable": {events.Unavailable("secret"), 503},
		"conflict":    {&events.Error{Code: events.CodeConflict, Message: "secret"}, 503},
		"any other":   {errors.New("secret"), 503},
		"time-out":    {context.DeadlineExceeded, 503},
	} {
		address := listen(t, server(t, webhook.Options{Sink: failing(c.err)}).Handler())
		got := send(t, address, http.MethodPost, path(t), done)
		if got.status != c.status {
			t.Errorf("%s: %d, want %d", name, got.status, c.status)
		}
		if c.status != http.StatusAccepted {
			checkProblem(t, got)
		}
		if want := map[int]string{503: "5"}[c.status]; got.header.Get("Retry-After") != want {
			t.Errorf("%s: Retry-After %q", name, got.header.Get("Retry-After"))
		}
	}
}

func TestStoreThatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := serve(t, webhook.Options{Sink: newGate()})
		started := time.Now()
		got := <-run.post(t)
		if got.status != http.StatusServiceUnavailable || time.Since(started) != 8*time.Second {
			t.Errorf("%+v after %v", got, time.Since(started))
		}
		run.end(t)
	})
}

// A sender that hangs up after its body arrived loses the answer, not the postback.
func TestSenderGoesAwayWhileStoring(t *testing.T) {
	entered := make(chan struct{})
	gone := make(chan (<-chan struct{}), 1)
	patient := &sink{do: func(ctx context.Context) error {
		close(entered)
		<-<-gone // net/http has noticed
		return ctx.Err()
	}}
	seen := make(chan webhook.Result, 1)
	s := server(t, webhook.Options{Sink: patient, Observe: func(result webhook.Result, _ time.Duration) { seen <- result }})
	address := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gone <- r.Context().Done()
		s.Handler().ServeHTTP(w, r)
	}))
	conn := dial(t, address)
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", path(t), len(done), done); err != nil {
		t.Fatal(err)
	}
	<-entered
	_ = conn.Close()
	if got := <-seen; got != webhook.ResultAccepted {
		t.Errorf("the store ended as %s", got)
	}
}

func TestPanickingSink(t *testing.T) {
	broken := &sink{do: func(context.Context) error { panic("secret") }}
	address := listen(t, server(t, webhook.Options{Sink: broken}).Handler())
	for range 2 {
		got := send(t, address, http.MethodPost, path(t), done)
		if got.status != http.StatusInternalServerError {
			t.Errorf("status %d", got.status)
		}
		checkProblem(t, got)
	}
}
