package emulator_test

import (
	"context"
	"devicebridge/bridge/graph/emulator"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestForcedAnswers(t *testing.T) {
	tests := []struct {
		fault      emulator.Fault
		status     int
		code       string
		retryAfter string
		taken      bool
	}{
		{emulator.Fault{Kind: emulator.FaultNone}, 201, "", "", true},
		{emulator.Fault{}, 201, "", "", true},
		{emulator.Fault{Kind: emulator.FaultThrottle}, 429, "TooManyRequests", "2.128", false},
		{emulator.Fault{Kind: emulator.FaultThrottle, RetryAfter: 500 * time.Millisecond}, 429, "TooManyRequests", "0.5", false},
		{emulator.Fault{Kind: emulator.FaultThrottle, RetryAfter: 3 * time.Second}, 429, "TooManyRequests", "3", false},
		{emulator.Fault{Kind: emulator.FaultServiceUnavailable}, 503, "serviceNotAvailable", "", false},
		{emulator.Fault{Kind: emulator.FaultServiceUnavailable, RetryAfter: time.Second}, 503, "serviceNotAvailable", "1", false},
		{emulator.Fault{Kind: emulator.FaultServerError}, 500, "generalException", "", false},
		{emulator.Fault{Kind: emulator.FaultServerError, Status: 502}, 502, "UnknownError", "", false},
		{emulator.Fault{Kind: emulator.FaultServerError, Status: 504, Taken: true}, 504, "UnknownError", "", true},
		{emulator.Fault{Kind: emulator.FaultUnauthorized}, 401, "InvalidAuthenticationToken", "", false},
		{emulator.Fault{Kind: emulator.FaultNotFound}, 404, "itemNotFound", "", false},
		{emulator.Fault{Kind: emulator.FaultRedirect}, 307, "TemporaryRedirect", "", false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %d", tt.fault.Kind, tt.status), func(t *testing.T) {
			g := start(t, emulator.Options{Faults: emulator.Faults{Next: []emulator.Fault{tt.fault}}})
			a := g.do(http.MethodPost, commands(tablet), launch)
			if tt.code != "" {
				mustRefuse(t, a, tt.status, tt.code, "")
			}
			if a.status != tt.status || a.header.Get("Retry-After") != tt.retryAfter {
				t.Fatalf("%d, Retry-After %q", a.status, a.header.Get("Retry-After"))
			}
			if tt.taken {
				g.await(emulator.EventStatus, emulator.StatusCompleted)
			}
			got := g.Commands()[0]
			if got.Taken != tt.taken || (got.CommandID != "") != tt.taken || got.HTTPStatus != tt.status {
				t.Fatalf("ledger %+v", got)
			}
			// The fault is used up.
			g.send(tablet, launch)
		})
	}
}

// The body of the sample in Graph's throttling guidance.
func TestThrottlingBody(t *testing.T) {
	g := start(t, emulator.Options{Faults: emulator.Faults{Throttle: 1}})
	a := g.do(http.MethodPost, commands(tablet), launch)
	e := a.json["error"].(map[string]any)
	inner := e["innerError"].(map[string]any)
	if inner["code"] != "429" || inner["message"] != "Please retry after" || inner["status"] != "429" ||
		inner["date"] == nil || inner["request-id"] != a.header.Get("request-id") {
		t.Fatalf("%s", a.raw)
	}
}

func TestForcedFaultsFindTheirOperation(t *testing.T) {
	g := start(t, emulator.Options{Faults: emulator.Faults{Next: []emulator.Fault{
		{On: emulator.OpStatus, Kind: emulator.FaultNotFound},
		{On: emulator.OpDevices, Kind: emulator.FaultServiceUnavailable},
		{Kind: emulator.FaultNone},
		{On: emulator.OpSend, Kind: emulator.FaultThrottle},
		{On: emulator.OpResponse, Kind: emulator.FaultServerError, Status: 504},
		{On: emulator.OpDevice, Kind: emulator.FaultUnauthorized},
	}}})
	id := g.send(tablet, pingpong)
	g.await(emulator.EventStatus, emulator.StatusCompleted)
	for _, tt := range []struct {
		method, path, body string
		first, second      int
	}{
		{"POST", commands(tablet), launch, 429, 201},
		{"GET", "/beta/me/devices", "", 503, 200},
		{"GET", "/beta/me/devices/" + tablet, "", 401, 200},
		{"GET", commands(tablet) + "/" + id, "", 404, 200},
		{"GET", commands(tablet) + "/" + id + "/responsePayload", "", 504, 200},
	} {
		for _, want := range []int{tt.first, tt.second} {
			if a := g.do(tt.method, tt.path, tt.body); a.status != want {
				t.Errorf("%s %s: %d, want %d", tt.method, tt.path, a.status, want)
			}
		}
	}
}

func TestAnswerLost(t *testing.T) {
	for name, f := range map[string]emulator.Faults{
		"forced":    {Next: []emulator.Fault{{Kind: emulator.FaultAnswerLost}}},
		"by chance": {AnswerLost: 1},
	} {
		t.Run(name, func(t *testing.T) {
			rc := receive(t)
			g := start(t, emulator.Options{Faults: f})
			if a, err := g.request(http.MethodPost, commands(tablet), rc.with(), nil); err == nil {
				t.Fatalf("answered %d %s", a.status, a.raw)
			}
			g.await(emulator.EventPostbackDelivered, "completed")
			got := g.Commands()
			if len(got) != 1 || !got[0].Taken || !got[0].Answered || got[0].HTTPStatus != 0 || got[0].Fault != emulator.FaultAnswerLost {
				t.Fatalf("%+v", got)
			}
			if rc.last()["id"] != got[0].CommandID {
				t.Fatal("another command was posted back")
			}
		})
	}
}

func TestGarbledAnswer(t *testing.T) {
	g := start(t, emulator.Options{Faults: emulator.Faults{Next: []emulator.Fault{{Kind: emulator.FaultGarbled}}}})
	a := g.do(http.MethodPost, commands(tablet), launch)
	if a.status != http.StatusCreated || json.Valid(a.raw) || len(a.raw) == 0 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	g.await(emulator.EventStatus, emulator.StatusCompleted)
	if !g.Commands()[0].Taken {
		t.Fatal("not taken")
	}
}

// A refused request stays refused: there is no answer to lose.
func TestFaultsAfterTheRefusal(t *testing.T) {
	g := start(t, emulator.Options{Faults: emulator.Faults{AnswerLost: 1}})
	mustRefuse(t, g.do(http.MethodPost, commands(tablet), `{}`), 400, "BadRequest", "'type'")
}

func TestPostbackFaults(t *testing.T) {
	script := emulator.DefaultScript()
	script = append(script[:2:2], emulator.Step{Status: emulator.StatusCustom}, script[2])
	tests := []struct {
		kind   emulator.FaultKind
		chance emulator.Faults
		want   []string
	}{
		{emulator.FaultPostbackLost, emulator.Faults{PostbackLost: 1}, nil},
		{
			emulator.FaultPostbackDuplicated,
			emulator.Faults{PostbackDuplicated: 1},
			[]string{"sentToTarget", "sentToTarget", "executing", "executing", "custom", "custom", "completed", "completed"},
		},
		{emulator.FaultPostbackReordered, emulator.Faults{PostbackReordered: 1}, []string{"executing", "sentToTarget", "completed", "custom"}},
	}
	for _, tt := range tests {
		for name, f := range map[string]emulator.Faults{"forced": {Next: []emulator.Fault{{Kind: tt.kind}}}, "by chance": tt.chance} {
			t.Run(string(tt.kind)+" "+name, func(t *testing.T) {
				rc := receive(t)
				g := start(t, emulator.Options{Faults: f, Devices: one(script...)})
				id := g.send("d", rc.with())
				g.await(emulator.EventScriptDone, "")
				if err := g.Shutdown(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := rc.seen(); !slices.Equal(got, tt.want) {
					t.Fatalf("got %v, want %v", got, tt.want)
				}
				if got := g.get(commands("d") + "/" + id).json["status"]; got != "completed" {
					t.Fatalf("status %v", got)
				}
			})
		}
	}
}

// The swapped order ends with the last status all the same when the number of statuses is odd.
func TestReorderedKeepsEveryPostback(t *testing.T) {
	rc := receive(t)
	g := start(t, emulator.Options{Faults: emulator.Faults{PostbackReordered: 1}})
	g.send(tablet, rc.with())
	g.await(emulator.EventPostbackDelivered, "completed")
	if got := rc.seen(); !slices.Equal(got, []string{"executing", "sentToTarget", "completed"}) {
		t.Fatalf("got %v", got)
	}
}

func TestPostbackBeforeAnswer(t *testing.T) {
	for name, f := range map[string]emulator.Faults{
		"forced":    {Next: []emulator.Fault{{Kind: emulator.FaultPostbackBeforeAnswer}}},
		"by chance": {PostbackBeforeAnswer: 1},
		"and lost":  {PostbackBeforeAnswer: 1, PostbackLost: 1},
	} {
		t.Run(name, func(t *testing.T) {
			rc := receive(t)
			g := start(t, emulator.Options{Faults: f})
			a := g.do(http.MethodPost, commands(tablet), rc.with())
			if a.status != http.StatusCreated || a.json["status"] != "requesting" {
				t.Fatalf("%d %s", a.status, a.raw)
			}
			events := g.await(emulator.EventPostAnswered, "")
			kind := emulator.EventPostbackDelivered
			if name == "and lost" {
				kind = emulator.EventPostbackLost
			}
			if got := statuses(events, kind); len(got) == 0 || got[0] != "sentToTarget" {
				t.Fatalf("before the answer: %v", events)
			}
		})
	}
	t.Run("nothing to wait for", func(t *testing.T) {
		g := start(t, emulator.Options{Faults: emulator.Faults{PostbackBeforeAnswer: 1}, Devices: []emulator.Device{{ID: "d", Script: []emulator.Step{}}}})
		g.send("d", launch)
	})
}

func TestDelayComesAfterTaking(t *testing.T) {
	o := emulator.Options{StepDelay: -1, Faults: emulator.Faults{DelayMin: 3 * time.Second, DelayMax: 3 * time.Second}}
	bubble(t, o, inTurn(), func(t *testing.T, b *inBubble) {
		begin := time.Now()
		done := make(chan int)
		go func() { done <- b.post(t.Context(), tablet, launch).Code }()
		synctest.Wait()
		if got := b.Commands()[0]; !got.Taken || got.Answered {
			t.Fatalf("%+v", got)
		}
		if code := <-done; code != http.StatusCreated || time.Since(begin) != 3*time.Second {
			t.Fatalf("%d after %v", code, time.Since(begin))
		}
	})
}

func TestImpatientClientHasSentItsCommand(t *testing.T) {
	o := emulator.Options{StepDelay: -1, Faults: emulator.Faults{Next: []emulator.Fault{{Delay: time.Hour}}}}
	bubble(t, o, inTurn(), func(t *testing.T, b *inBubble) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b.post(ctx, tablet, posted)
		if err := b.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := b.of(emulator.EventPostbackDelivered); len(got) != 3 {
			t.Fatalf("%v", got)
		}
	})
}

// fates gives what n POSTs and all of their postbacks meet.
func fates(t *testing.T, seed uint64, n int, between func(*inBubble)) []string {
	t.Helper()
	o := emulator.Options{StepDelay: -1, Faults: emulator.Faults{
		Seed: seed, Throttle: .2, ServiceUnavailable: .1, ServiceUnavailableBare: .1, ServerError: .2,
		PostbackLost: .3, PostbackDuplicated: .3, PostbackReordered: .3, PostbackBeforeAnswer: .3,
	}}
	var list []string
	bubble(t, o, inTurn(), func(t *testing.T, b *inBubble) {
		for range n {
			between(b)
			w := b.post(t.Context(), tablet, posted)
			synctest.Wait()
			list = append(list, fmt.Sprint(w.Code, w.Header().Get("Retry-After"), b.Commands()[len(list)].Taken,
				b.statuses(emulator.EventPostbackLost), b.statuses(emulator.EventPostbackDelivered)))
		}
	})
	return list
}

func (b *inBubble) statuses(kind emulator.EventKind) []string { return statuses(b.of(kind), kind) }

func TestOneSeedOneSequence(t *testing.T) {
	nothing := func(*inBubble) {}
	reads := func(b *inBubble) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/beta/me/devices", nil)
		r.Header.Set("Authorization", "Bearer Eaeou")
		b.ServeHTTP(httptest.NewRecorder(), r)
		r.Header.Del("Authorization")
		b.ServeHTTP(httptest.NewRecorder(), r)
	}
	first := fates(t, 1, 60, nothing)
	if again := fates(t, 1, 60, reads); !slices.Equal(first, again) {
		t.Errorf("seed 1 gave\n%v\nand, with reads in between,\n%v", first, again)
	}
	if other := fates(t, 2, 60, nothing); slices.Equal(first, other) {
		t.Error("seeds 1 and 2 gave the same")
	}
}
