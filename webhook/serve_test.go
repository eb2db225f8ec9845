package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/webhook"
)

func TestAcceptedOnlyAfterTheSinkReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		run := serve(t, webhook.Options{Sink: g})
		answered := run.post(t)
		<-g.entered
		synctest.Wait()
		if !pending(answered) {
			t.Fatalf("answered before the sink returned: %+v", <-answered)
		}
		close(g.release)
		if got := <-answered; got.status != http.StatusAccepted {
			t.Errorf("%+v", got)
		}
		run.end(t)
	})
}

func TestStopWaitsForRequestsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		run := serve(t, webhook.Options{Sink: g})
		answered := run.post(t)
		<-g.entered
		run.stop()
		synctest.Wait()
		if _, err := run.dial(t.Context()); err == nil {
			t.Error("a stopping server takes connections")
		}
		if !pending(run.served) {
			t.Fatalf("stopped over a request: %v", <-run.served)
		}
		close(g.release)
		if got := <-answered; got.status != http.StatusAccepted {
			t.Errorf("%+v", got)
		}
		if err := <-run.served; err != nil {
			t.Errorf("a clean stop gives %v", err)
		}
	})
}

func TestStopEndsRequestsThatTakeTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		var ended bool
		wait := g.do
		g.do = func(ctx context.Context) error {
			err := wait(ctx)
			ended = errors.Is(err, context.Canceled)
			return err
		}
		run := serve(t, webhook.Options{Sink: g, DrainTimeout: 2 * time.Second})
		answered := run.post(t)
		<-g.entered
		run.stop()
		stopped := time.Now()
		if err := <-run.served; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("requests were cut off, but Serve gives %v", err)
		}
		if took := time.Since(stopped); took != 2*time.Second {
			t.Errorf("stopped after %v", took)
		}
		if !ended {
			t.Error("a sink was under way when Serve returned")
		}
		if got := <-answered; got.status == http.StatusAccepted {
			t.Errorf("not stored, but answered %+v", got)
		}
	})
}

// Connections that have sent no whole header are closed and fail no stop.
func TestStopIgnoresConnectionsWithoutRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := serve(t, webhook.Options{Sink: &sink{}, DrainTimeout: time.Second})
		silent := run.open(t, "")
		half := run.open(t, "POST /postback/")
		idle := run.open(t, whole(t))
		synctest.Wait()
		run.end(t)
		for _, closed := range []<-chan string{silent, half, idle} {
			<-closed
		}
	})
}

func TestServeReportsAListenerThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		run := serve(t, webhook.Options{Sink: g})
		answered := run.post(t)
		<-g.entered
		_ = run.Close()
		synctest.Wait()
		close(g.release)
		if got := <-answered; got.status != http.StatusAccepted {
			t.Errorf("the request under way: %+v", got)
		}
		if err := <-run.served; err == nil || errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve gives %v", err)
		}
	})
}

func TestServeWithEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := server(t, webhook.Options{Sink: &sink{}}).Serve(ctx, newPipes()); err != nil {
			t.Error(err)
		}
	})
}
