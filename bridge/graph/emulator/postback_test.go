package emulator_test

import (
	"devicebridge/bridge/graph/emulator"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestPostbackRequest(t *testing.T) {
	rc := receive(t)
	g := start(t, emulator.Options{})
	id := g.send(tablet, rc.with())
	g.await(emulator.EventPostbackDelivered, "completed")
	for i, r := range rc.requests {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json; charset=utf-8" || r.URL.Path != "/postback" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		mustEqual(t, rc.bodies[i], `{"id":"`+id+`","status":"`+emulator.DefaultScript()[i].Status+`","type":null,"appServiceName":null,
			"packageFamilyName":null,"error":null,"permissionTicket":null,"postBackUri":"`+rc.url+`","payload":null}`)
	}
}

func TestNoPostbackWithoutURI(t *testing.T) {
	bubble(t, emulator.Options{}, inTurn(), func(t *testing.T, b *inBubble) {
		b.post(t.Context(), tablet, launch)
		if err := b.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(b.of(emulator.EventStatus)) != 3 || len(b.of(emulator.EventPostbackDelivered)) != 0 {
			t.Fatalf("%v", b.events)
		}
	})
}

func TestPostbackRetries(t *testing.T) {
	const backoff = time.Second
	tests := []struct {
		name    string
		retries int
		answers []canned
		end     emulator.EventKind
		attempt int
		took    time.Duration
	}{
		{"taken at once", 0, nil, emulator.EventPostbackDelivered, 1, 0},
		{"any 2xx", 0, []canned{answering(204)}, emulator.EventPostbackDelivered, 1, 0},
		{"backoff doubles", 0, []canned{answering(500), answering(400), failing()}, emulator.EventPostbackDelivered, 4, 7 * backoff},
		{"given up", 0, []canned{answering(500), answering(500), answering(500), answering(500)}, emulator.EventPostbackFailed, 4, 7 * backoff},
		{"no retries", -1, []canned{answering(500)}, emulator.EventPostbackFailed, 1, 0},
		{"more retries", 5, []canned{failing(), failing(), failing(), failing(), failing()}, emulator.EventPostbackDelivered, 6, 31 * backoff},
		{"404", 0, []canned{answering(404)}, emulator.EventPostbackFailed, 1, 0},
		{"410", 0, []canned{answering(410)}, emulator.EventPostbackFailed, 1, 0},
		{"fractional Retry-After", 0, []canned{answering(503, "Retry-After", "2.5")}, emulator.EventPostbackDelivered, 2, 2500 * time.Millisecond},
		{"Retry-After of zero", 0, []canned{answering(429, "Retry-After", "0")}, emulator.EventPostbackDelivered, 2, 0},
		// Simulated time begins at midnight UTC, 2000-01-01.
		{"Retry-After as a date", 0, []canned{answering(503, "Retry-After", "Sat, 01 Jan 2000 00:00:09 GMT")}, emulator.EventPostbackDelivered, 2, 9 * time.Second},
		{"Retry-After of a day", 0, []canned{answering(503, "Retry-After", "86400")}, emulator.EventPostbackDelivered, 2, time.Minute},
		{"Retry-After of nonsense", 0, []canned{answering(503, "Retry-After", "soon")}, emulator.EventPostbackDelivered, 2, backoff},
		{"redirect not followed", -1, []canned{answering(307, "Location", "https://elsewhere.example.org/")}, emulator.EventPostbackFailed, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := emulator.Options{
				StepDelay: -1, PostbackRetries: tt.retries, PostbackBackoff: backoff,
				Devices: one(emulator.Step{Status: emulator.StatusCompleted}),
			}
			bubble(t, o, inTurn(tt.answers...), func(t *testing.T, b *inBubble) {
				begin := time.Now()
				b.post(t.Context(), "d", posted)
				if err := b.Shutdown(t.Context()); err != nil {
					t.Fatal(err)
				}
				end := b.of(tt.end)
				if len(end) != 1 || end[0].Attempt != tt.attempt {
					t.Fatalf("%v", b.events)
				}
				if got := len(b.of(emulator.EventPostbackRefused)); got != tt.attempt-1 {
					t.Errorf("%d refused", got)
				}
				if took := time.Since(begin); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// A status waits for the one before it, also while that one is being retried.
func TestPostbacksKeepTheirOrder(t *testing.T) {
	rc := receive(t, reply(http.StatusServiceUnavailable, "Retry-After", "0.001"), reply(http.StatusInternalServerError))
	g := start(t, emulator.Options{PostbackBackoff: time.Millisecond})
	g.send(tablet, rc.with())
	events := g.await(emulator.EventPostbackDelivered, "completed")
	if got, want := rc.seen(), []string{"sentToTarget", "sentToTarget", "sentToTarget", "executing", "completed"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if got := statuses(events, emulator.EventPostbackDelivered); !slices.Equal(got, []string{"sentToTarget", "executing", "completed"}) {
		t.Fatalf("delivered %v", got)
	}
}

func TestEventsOfAStatusComeBeforeItsPostbacks(t *testing.T) {
	rc := receive(t)
	g := start(t, emulator.Options{})
	g.send(tablet, rc.with())
	reached := map[string]bool{}
	for _, ev := range g.await(emulator.EventPostbackDelivered, "completed") {
		switch ev.Kind {
		case emulator.EventStatus:
			reached[ev.Status] = true
		case emulator.EventPostbackDelivered:
			if !reached[ev.Status] {
				t.Errorf("%s was delivered before its status event", ev.Status)
			}
		}
	}
}

func TestPostbackConcurrencyIsBounded(t *testing.T) {
	var now, most atomic.Int32
	slow := roundTrip(func(*http.Request) (*http.Response, error) {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		<-time.After(time.Second)
		return status(http.StatusOK)
	})
	o := emulator.Options{StepDelay: -1, PostbackConcurrency: 2, Devices: one(emulator.Step{Status: emulator.StatusCompleted})}
	bubble(t, o, slow, func(t *testing.T, b *inBubble) {
		for range 10 {
			b.post(t.Context(), "d", posted)
		}
		begin := time.Now()
		if err := b.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if most.Load() != 2 || time.Since(begin) != 5*time.Second {
			t.Fatalf("%d at once, took %v", most.Load(), time.Since(begin))
		}
	})
}

func TestPostbackTimeout(t *testing.T) {
	hanging := roundTrip(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	o := emulator.Options{
		StepDelay: -1, PostbackRetries: -1, PostbackTimeout: 3 * time.Second,
		Devices: one(emulator.Step{Status: emulator.StatusCompleted}),
	}
	bubble(t, o, hanging, func(t *testing.T, b *inBubble) {
		begin := time.Now()
		b.post(t.Context(), "d", posted)
		if err := b.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		failed := b.of(emulator.EventPostbackFailed)
		if len(failed) != 1 || time.Since(begin) != 3*time.Second {
			t.Fatalf("after %v: %v", time.Since(begin), b.events)
		}
		// A callback URL is a secret.
		if strings.Contains(failed[0].Err.Error(), "bridge.example.org") {
			t.Errorf("the error shows the callback URL: %v", failed[0].Err)
		}
	})
}

func TestStepDelays(t *testing.T) {
	script := []emulator.Step{
		{Status: emulator.StatusSentToTarget},
		{Status: emulator.StatusExecuting, After: time.Hour},
		{Status: emulator.StatusCompleted, After: -1},
	}
	bubble(t, emulator.Options{Devices: one(script...)}, inTurn(), func(t *testing.T, b *inBubble) {
		b.post(t.Context(), "d", launch)
		var got []int
		for _, d := range []time.Duration{199 * time.Millisecond, time.Millisecond, time.Hour - time.Millisecond, time.Millisecond} {
			<-time.After(d)
			synctest.Wait()
			got = append(got, len(b.of(emulator.EventStatus)))
		}
		if !slices.Equal(got, []int{0, 1, 1, 3}) {
			t.Fatalf("%v statuses", got)
		}
	})
}

// The private network of two containers.
func TestPlainPostbackByOption(t *testing.T) {
	o := emulator.Options{StepDelay: -1, AllowPlainPostback: true}
	bubble(t, o, inTurn(), func(t *testing.T, b *inBubble) {
		w := b.post(t.Context(), tablet, strings.Replace(posted, "https://bridge.example.org", "http://bridge:8080", 1))
		if w.Code != http.StatusCreated {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
