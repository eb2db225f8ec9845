package bridge_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/events"
)

// listing is a rig whose Graph counts how often it lists its devices.
func listing(t *testing.T, devices func(n int32) ([]events.Device, error)) (*rig, *atomic.Int32) {
	t.Helper()
	r, n := build(t, new(memory), nil), new(atomic.Int32)
	r.graph.devices = func() ([]events.Device, error) { return devices(n.Add(1)) }
	return r, n
}

func named(id string) []events.Device { return []events.Device{{ID: id, Name: "Device " + id}} }

func TestDevicesAreKeptForHalfAMinute(t *testing.T) {
	r, asked := listing(t, func(int32) ([]events.Device, error) { return named("a"), nil })
	ask := func(body string, want int32) {
		t.Helper()
		reply, err := r.Devices(t.Context(), []byte(body))
		if err != nil || len(reply.Devices) != 1 || reply.Devices[0].ID != "a" || asked.Load() != want {
			t.Errorf("%s: %s, %v, Graph was asked %d times, want %d", body, text(t, reply), err, asked.Load(), want)
		}
		reply.Devices[0].ID = "changed by its caller"
	}
	ask(`{}`, 1)
	r.clock.pass(29 * time.Second)
	ask(`{}`, 1)
	if one, err := r.Device(t.Context(), []byte(`{"id":"a"}`)); err != nil || one.Device.Name != "Device a" || asked.Load() != 1 {
		t.Errorf("%s, %v, Graph was asked %d times", text(t, one), err, asked.Load())
	}
	r.clock.pass(time.Second)
	ask(`{"refresh":false}`, 2)
	ask(`{"refresh":true}`, 3)
	ask(`{}`, 3)
	r.clock.pass(-time.Hour) // a clock that was set back makes nothing fresh
	ask(`{}`, 4)
}

func TestAnUnknownDeviceIsLookedForAtMostEveryFiveSeconds(t *testing.T) {
	r, asked := listing(t, func(n int32) ([]events.Device, error) {
		if n < 3 {
			return named("a"), nil
		}
		return named("new"), nil
	})
	ask := func(found bool, want int32) {
		t.Helper()
		_, err := r.Device(t.Context(), []byte(`{"id":"new"}`))
		if found != (err == nil) || !found && !events.HasCode(err, events.CodeNotFound) || asked.Load() != want {
			t.Errorf("%v, Graph was asked %d times, want %d", err, asked.Load(), want)
		}
	}
	ask(false, 1)
	ask(false, 1)
	r.clock.pass(4 * time.Second)
	ask(false, 1)
	r.clock.pass(time.Second)
	ask(false, 2)
	ask(false, 2)
	r.clock.pass(5 * time.Second)
	ask(true, 3)
	ask(true, 3)
}

func TestAFailedListingIsNotKept(t *testing.T) {
	r, asked := listing(t, func(n int32) ([]events.Device, error) {
		if n != 2 {
			return nil, answer(503, "serviceUnavailable", "later")
		}
		return named("a"), nil
	})
	for n, fails := range []bool{true, false, false} {
		if _, err := r.Devices(t.Context(), nil); (err != nil) != fails {
			t.Errorf("request %d: %v", n+1, err)
		}
	}
	// Nor does a failure take away what is kept, nor is that shown to who wants it new.
	_, err := r.Devices(t.Context(), []byte(`{"refresh":true}`))
	wantCode(t, err, events.CodeUnavailable)
	if reply, err := r.Devices(t.Context(), nil); err != nil || len(reply.Devices) != 1 || asked.Load() != 3 {
		t.Errorf("%s, %v, Graph was asked %d times", text(t, reply), err, asked.Load())
	}
}

// TestWhoAsksAtOnceSharesAListing, and one who goes away takes nobody along.
func TestWhoAsksAtOnceSharesAListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, gone := context.WithCancel(t.Context())
		release := make(chan struct{})
		r, asked := listing(t, func(n int32) ([]events.Device, error) {
			if n == 1 {
				<-first.Done()
				return nil, first.Err()
			}
			<-release
			return named("a"), nil
		})
		var others sync.WaitGroup
		others.Go(func() {
			if _, err := r.Devices(first, nil); err == nil {
				t.Error("the one who went away was answered")
			}
		})
		synctest.Wait()
		var answered atomic.Int32
		for i := range 20 {
			others.Go(func() {
				var err error
				if i%2 == 0 {
					_, err = r.Devices(t.Context(), nil)
				} else {
					_, err = r.Device(t.Context(), []byte(`{"id":"a"}`))
				}
				if err != nil {
					t.Error(err)
				}
				answered.Add(1)
			})
		}
		synctest.Wait()
		if asked.Load() != 1 || answered.Load() != 0 {
			t.Errorf("Graph was asked %d times, %d were answered", asked.Load(), answered.Load())
		}
		gone()
		synctest.Wait()
		close(release)
		others.Wait()
		if asked.Load() != 2 || answered.Load() != 20 {
			t.Errorf("Graph was asked %d times, %d were answered", asked.Load(), answered.Load())
		}
	})
}

// TestASharedFailureIsTold to everybody who shared it, once.
func TestASharedFailureIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		r, asked := listing(t, func(int32) ([]events.Device, error) {
			<-release
			return nil, errors.Join(context.DeadlineExceeded) // the client's own time-out
		})
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				_, err := r.Devices(t.Context(), nil)
				wantCode(t, err, events.CodeUnavailable)
			})
		}
		synctest.Wait()
		close(release)
		all.Wait()
		if asked.Load() != 1 {
			t.Errorf("Graph was asked %d times", asked.Load())
		}
	})
}
