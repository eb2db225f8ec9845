package graph_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/graph"
)

// TestGETNeverSleepsBeyondItsDeadline: a wait that does not fit is given to the
// caller at once, with Graph's answer, and not slept into a deadline.
func TestGETNeverSleepsBeyondItsDeadline(t *testing.T) {
	for _, c := range []struct {
		name, retryAfter string
		status           int
		left             time.Duration
		asked            int32
	}{
		{"longer than a GET waits", "600", 429, time.Hour, 1},
		{"a little longer", "5.001", 503, time.Hour, 1},
		{"longer than what is left", "3", 429, 2 * time.Second, 1},
		{"as long as what is left, once spread", "2", 429, 2100 * time.Millisecond, 1},
		{"fits once and not twice", "3", 429, 5 * time.Second, 2},
		{"fits", "3", 429, time.Hour, 3},
		{"no wait given, no time for our own", "", 504, 600 * time.Millisecond, 1},
		{"no wait given", "", 504, time.Hour, 3},
		{"a wait of nothing", "0", 503, time.Hour, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &moody{answer: says(c.status, c.retryAfter)}
				client := newClient(t, "https://graph.example", withTransport(m), func(o *graph.Options) { o.GetTimeout = time.Hour })
				ctx, cancel := context.WithTimeout(t.Context(), c.left)
				defer cancel()
				_, err := client.Command(ctx, deviceID, "0")
				e, ok := errors.AsType[*graph.Error](err)
				if !ok || e.StatusCode != c.status {
					t.Fatalf("Graph's answer is lost: %v", err)
				}
				want, _ := time.ParseDuration(c.retryAfter + "s")
				if e.RetryAfter != want || m.gets.Load() != c.asked || ctx.Err() != nil {
					t.Errorf("wait %s, asked %d times, %v", e.RetryAfter, m.gets.Load(), ctx.Err())
				}
			})
		})
	}
}

func TestRetryAfterIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waits := map[time.Duration]bool{}
		for range 10 {
			var asked []time.Time
			m := new(moody)
			m.answer = func(r *http.Request) (*http.Response, error) {
				if asked = append(asked, time.Now()); len(asked) == 1 {
					return says(429, "2.128")(r)
				}
				return says(200, "")(r)
			}
			client := newClient(t, "https://graph.example", withTransport(m))
			if _, err := client.Command(t.Context(), deviceID, "0"); err != nil {
				t.Fatal(err)
			}
			wait := asked[1].Sub(asked[0])
			if wait < 2128*time.Millisecond || wait > 2342*time.Millisecond {
				t.Errorf("asked again after %s", wait)
			}
			waits[wait] = true
		}
		if len(waits) < 3 {
			t.Errorf("all wait alike: %v", waits)
		}
	})
}

// TestTheRetriesOfAllGETsHaveOneBudget: an outage must not have three times the
// load of what is well.
func TestTheRetriesOfAllGETsHaveOneBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &moody{answer: says(503, "0.001")}
		client := newClient(t, "https://graph.example", withTransport(m))
		for range 100 {
			if _, err := client.Command(t.Context(), deviceID, "0"); err == nil {
				t.Fatal("no error")
			}
		}
		if n := m.gets.Load(); n != 110 {
			t.Errorf("%d requests for 100 GETs, want 10 retries", n)
		}
		<-time.After(3 * time.Second) // on the bubble's clock: three more
		for range 100 {
			_, _ = client.Command(t.Context(), deviceID, "0")
		}
		if n := m.gets.Load(); n != 213 {
			t.Errorf("%d requests for 200 GETs, want 13 retries", n)
		}
		// It is for retries alone.
		m.answer = says(200, "")
		if _, err := client.Command(t.Context(), deviceID, "0"); err != nil {
			t.Error(err)
		}
	})
}

// TestGETStopsRetryingWhenTheCircuitOpens, with Graph's answer in hand.
func TestGETStopsRetryingWhenTheCircuitOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &moody{answer: says(503, "")}
		client := newClient(t, "https://graph.example", withTransport(m), func(o *graph.Options) { o.CircuitFailures = 2 })
		_, err := client.Command(t.Context(), deviceID, "0")
		if e, ok := errors.AsType[*graph.Error](err); !ok || e.StatusCode != http.StatusServiceUnavailable || m.gets.Load() != 2 {
			t.Errorf("asked %d times: %v", m.gets.Load(), err)
		}
	})
}

func TestTheSecond401SaysWhatItMeans(t *testing.T) {
	const words = "Graph does not take the token, and asking for a fresh one did not help: sign in again, or give another token"
	credential := &tokens{}
	m := &moody{answer: says(401, "")}
	client := newClient(t, "https://graph.example", withTransport(m), withCredential(credential))
	_, err := client.Devices(t.Context())
	if e, ok := errors.AsType[*graph.Error](err); !ok || e.StatusCode != http.StatusUnauthorized || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v", err)
	}
	if m.gets.Load() != 2 || credential.given.Load() != 2 {
		t.Errorf("asked %d times with %d tokens", m.gets.Load(), credential.given.Load())
	}
	_, err = client.Send(t.Context(), launch())
	if sendError(t, err, graph.NotTaken); !strings.Contains(err.Error(), words) {
		t.Errorf("got %v", err)
	}

	none := newClient(t, "https://graph.example", withTransport(m), withCredential(&tokens{last: 1}))
	_, err = none.Devices(t.Context())
	if e, ok := errors.AsType[*graph.Error](err); !ok || e.StatusCode != http.StatusUnauthorized || !strings.Contains(err.Error(), "signed out") {
		t.Errorf("one of the two is lost: %v", err)
	}
}

// TestRetryAfterAsADate is taken by the clock of the answer, not by this host's.
func TestRetryAfterAsADate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Time
		m := new(moody)
		m.answer = func(r *http.Request) (*http.Response, error) {
			if asked = append(asked, time.Now()); len(asked) > 1 {
				return says(200, "")(r)
			}
			resp, err := says(503, "Tue, 18 Aug 2020 12:51:51 GMT")(r)
			resp.Header.Set("Date", "Tue, 18 Aug 2020 12:51:48 GMT")
			return resp, err
		}
		if _, err := newClient(t, "https://graph.example", withTransport(m)).Command(t.Context(), deviceID, "0"); err != nil {
			t.Fatal(err)
		}
		if wait := asked[1].Sub(asked[0]); wait < 3*time.Second || wait > 3300*time.Millisecond {
			t.Errorf("asked again after %s", wait)
		}
	})
}
