package emulator_test

import (
	"context"
	"devicebridge/bridge/graph/emulator"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// Each of these runs in a bubble, which fails when a goroutine is left.

func dayLong() []emulator.Device {
	return one(emulator.Step{Status: emulator.StatusExecuting}, emulator.Step{Status: emulator.StatusCompleted, After: 24 * time.Hour})
}

func TestCloseStopsScripts(t *testing.T) {
	bubble(t, emulator.Options{Devices: dayLong()}, inTurn(), func(t *testing.T, b *inBubble) {
		for range 10 {
			b.post(t.Context(), "d", posted)
		}
		<-time.After(time.Minute)
		begin := time.Now()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v", took)
		}
		if n := len(b.of(emulator.EventPostbackDelivered)); n != 10 {
			t.Errorf("%d postbacks", n)
		}
	})
}

func TestCloseStopsPostbacks(t *testing.T) {
	hanging := roundTrip(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	for name, transport := range map[string]http.RoundTripper{
		"under way":      hanging,
		"between two":    inTurn(answering(503, "Retry-After", "30")),
		"after a status": inTurn(),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, emulator.Options{StepDelay: -1, PostbackTimeout: time.Hour, PostbackConcurrency: 1}, transport, func(t *testing.T, b *inBubble) {
				b.post(t.Context(), tablet, posted)
				b.post(t.Context(), tablet, posted)
				synctest.Wait()
				begin := time.Now()
				if err := b.Close(); err != nil || time.Since(begin) != 0 {
					t.Fatalf("%v after %v", err, time.Since(begin))
				}
			})
		})
	}
}

func TestShutdownWaitsForScripts(t *testing.T) {
	bubble(t, emulator.Options{StepDelay: -1, Devices: dayLong()}, inTurn(), func(t *testing.T, b *inBubble) {
		b.post(t.Context(), "d", posted)
		begin := time.Now()
		if err := b.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if time.Since(begin) != 24*time.Hour || len(b.of(emulator.EventPostbackDelivered)) != 2 {
			t.Fatalf("after %v: %v", time.Since(begin), b.events)
		}
	})
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	bubble(t, emulator.Options{StepDelay: -1, Devices: dayLong()}, inTurn(), func(t *testing.T, b *inBubble) {
		b.post(t.Context(), "d", posted)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := b.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if time.Since(begin) != time.Minute {
			t.Fatalf("after %v", time.Since(begin))
		}
	})
}

func TestClosedRefusesCommands(t *testing.T) {
	bubble(t, emulator.Options{Devices: one([]emulator.Step{}...)}, inTurn(), func(t *testing.T, b *inBubble) {
		b.post(t.Context(), "d", launch)
		id := b.Commands()[0].CommandID
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		w := b.post(t.Context(), "d", launch)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || b.Commands()[1].Taken {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if err := b.Drive(id, emulator.Step{Status: "completed"}); !errors.Is(err, emulator.ErrClosed) {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Close while a client waits for a delayed answer lets the client have it.
func TestCloseDuringADelay(t *testing.T) {
	o := emulator.Options{Faults: emulator.Faults{DelayMin: time.Hour, DelayMax: time.Hour}}
	bubble(t, o, inTurn(), func(t *testing.T, b *inBubble) {
		done := make(chan int)
		go func() { done <- b.post(t.Context(), tablet, launch).Code }()
		synctest.Wait()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if code := <-done; code != http.StatusCreated {
			t.Fatalf("%d", code)
		}
	})
}

// A receiver that answers nothing must not let a single command pile up what it is driven through.
func TestDriveIsBounded(t *testing.T) {
	hanging := roundTrip(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	o := emulator.Options{Devices: []emulator.Device{{ID: "d", Script: []emulator.Step{}}}}
	bubble(t, o, hanging, func(t *testing.T, b *inBubble) {
		b.post(t.Context(), "d", posted)
		id := b.Commands()[0].CommandID
		for n := range 1100 {
			err := b.Drive(id, emulator.Step{Status: emulator.StatusExecuting})
			if errors.Is(err, emulator.ErrBusy) {
				if n < 1000 {
					t.Fatalf("refused after %d", n)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Fatal("never refused")
	})
}
