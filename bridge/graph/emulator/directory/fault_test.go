package directory_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/graph/emulator/directory"
)

func TestForcedFaults(t *testing.T) {
	g := start(t, directory.Options{})
	for _, tt := range []struct {
		fault   directory.Fault
		status  int
		code    string
		headers map[string]string
	}{
		{directory.Fault{Kind: directory.FaultThrottle}, 429, "TooManyRequests", map[string]string{
			"Retry-After": "2.128", "x-ms-throttle-information": "ResourceUnitLimitExceeded", "x-ms-throttle-limit-percentage": "1.0",
		}},
		{directory.Fault{Kind: directory.FaultThrottle, RetryAfter: 5 * time.Second}, 429, "TooManyRequests", map[string]string{"Retry-After": "5"}},
		{directory.Fault{Kind: directory.FaultServiceUnavailable}, 503, "serviceNotAvailable", map[string]string{"Retry-After": ""}},
		{directory.Fault{Kind: directory.FaultServiceUnavailable, RetryAfter: 1500 * time.Millisecond}, 503, "serviceNotAvailable", map[string]string{"Retry-After": "1.5"}},
		{directory.Fault{Kind: directory.FaultServerError}, 500, "generalException", nil},
		{directory.Fault{Kind: directory.FaultUnauthorized}, 401, "InvalidAuthenticationToken", nil},
		{directory.Fault{Kind: directory.FaultNotFound, On: directory.OpGet}, 404, "Request_ResourceNotFound", nil},
	} {
		mustDo(t, g.SetFaults(directory.Faults{Next: []directory.Fault{tt.fault}}))
		if tt.fault.On != "" && g.get("/v1.0/devices").status != 200 {
			t.Errorf("%v: the fault of another call", tt.fault)
		}
		a := g.get("/v1.0/devices/" + desktop)
		mustRefuse(t, a, tt.status, tt.code, "")
		for name, value := range tt.headers {
			if got := a.header.Get(name); got != value {
				t.Errorf("%v: %s %q", tt.fault, name, got)
			}
		}
		if a := g.get("/v1.0/devices/" + desktop); a.status != 200 {
			t.Errorf("%v: it stays: %d", tt.fault, a.status)
		}
	}
	mustDo(t, g.SetFaults(directory.Faults{Next: []directory.Fault{{Kind: directory.FaultThrottle}}}))
	a := g.do(http.MethodDelete, "/v1.0/devices/"+desktop, "")
	if a.header.Get("x-ms-throttle-information") != "WriteLimitExceeded" || !strings.HasPrefix(a.header.Get("x-ms-throttle-scope"), "Tenant_Application/Write/") {
		t.Errorf("%v", a.header)
	}
}

// The deed is done, the answer is gone.
func TestAnswerLost(t *testing.T) {
	g := start(t, directory.Options{Faults: directory.Faults{Next: []directory.Fault{{On: directory.OpCreate, Kind: directory.FaultAnswerLost}}}})
	if a, err := g.request(http.MethodPost, "/v1.0/devices", sample, nil); err == nil {
		t.Fatalf("answered %d", a.status)
	}
	if len(g.Devices()) != 13 {
		t.Errorf("%d devices", len(g.Devices()))
	}
	mustRefuse(t, g.do(http.MethodPost, "/v1.0/devices", sample), 400, "Request_BadRequest", "deviceId exists already")
}

func TestDeltaFaults(t *testing.T) {
	g := start(t, directory.Options{DeltaPageSize: 6})
	next := func(kind directory.FaultKind) {
		mustDo(t, g.SetFaults(directory.Faults{Next: []directory.Fault{{Kind: kind}}}))
	}
	next(directory.FaultEmptyPage)
	if items, sizes, _ := g.sync("/v1.0/devices/delta"); len(items) != 12 || sizes[0] != 0 {
		t.Errorf("empty page: %v", sizes)
	}
	next(directory.FaultDuplicate)
	if items, sizes, _ := g.sync("/v1.0/devices/delta"); len(items) != 13 || items[0]["id"] != items[6]["id"] {
		t.Errorf("duplicate: %v", sizes)
	}
	next(directory.FaultReplay)
	items, sizes, link := g.sync("/v1.0/devices/delta")
	if len(items) != 18 || !slices.Equal(column(items[:6], "id"), column(items[6:12], "id")) {
		t.Errorf("replayed page: %v", sizes)
	}
	mustDo(t, g.Patch(surface, directory.Device{"model": "Book 3"}))
	next(directory.FaultReplay)
	first, _, link := g.sync(link)
	again, _, link := g.sync(link)
	last, _, _ := g.sync(link)
	mustEqual(t, again, first)
	if len(first) != 1 || len(last) != 0 {
		t.Errorf("replayed round: %v, then %v", first, last)
	}
	next(directory.FaultExpired)
	mustRefuse(t, g.get(link), 410, "Gone", "no longer valid")
	// A fault for deltas alone waits for one.
	next(directory.FaultDuplicate)
	if n := len(g.get("/v1.0/devices").values(t)); n != 12 {
		t.Errorf("%d devices", n)
	}
}

// The same seed gives the same faults, whatever other calls come between.
func TestChance(t *testing.T) {
	faults := directory.Faults{Chance: map[directory.FaultKind]float64{directory.FaultThrottle: 0.3, directory.FaultServerError: 0.3, directory.FaultReplay: 1}}
	run := func(between bool) (statuses []int) {
		g := start(t, directory.Options{Seed: 5, Faults: faults})
		for range 30 {
			statuses = append(statuses, g.get("/v1.0/devices").status)
			if between {
				g.get("/v1.0/devices/" + desktop)
			}
		}
		return statuses
	}
	first := run(false)
	if !slices.Equal(first, run(true)) {
		t.Error("other calls shift the faults")
	}
	for _, status := range []int{200, 429, 500} {
		if !slices.Contains(first, status) {
			t.Errorf("no %d in %v", status, first)
		}
	}
}

func TestFaultErrors(t *testing.T) {
	g := start(t, directory.Options{})
	for want, f := range map[string]directory.Faults{
		"Faults.Chance":           {Chance: map[directory.FaultKind]float64{"flood": 0.1}},
		"Faults.Chance[throttle]": {Chance: map[directory.FaultKind]float64{directory.FaultThrottle: 1.1}},
		"Faults.RetryAfter":       {RetryAfter: -1},
		"Faults.Next[0].On":       {Next: []directory.Fault{{On: "send"}}},
		"Faults.Next[0].Kind":     {Next: []directory.Fault{{Kind: "flood"}}},
		"is for \"delta\" only":   {Next: []directory.Fault{{On: directory.OpList, Kind: directory.FaultReplay}}},
		"must not be negative":    {Next: []directory.Fault{{Delay: -1}}},
	} {
		if err := g.SetFaults(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// call makes a request without a server, for the fake clock.
func call(d *directory.Directory, path string) answer {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer x")
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), raw: w.Body.Bytes()}
	a.decode()
	return a
}

// A delta token is good for 7 days, or as long as the options say; following a link in time gives a new one.
func TestDeltaLifetime(t *testing.T) {
	for lifetime, lasts := range map[time.Duration]time.Duration{0: 7 * 24 * time.Hour, time.Minute: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			d, err := directory.New(directory.Options{DeltaLifetime: lifetime, DeltaPageSize: 7})
			mustDo(t, err)
			next := call(d, "/v1.0/devices/delta").json["@odata.nextLink"].(string)
			link := call(d, next).json["@odata.deltaLink"].(string)
			mustDo(t, d.Delete(iphone, true))
			<-time.After(lasts)
			fresh := call(d, link)
			if items := fresh.values(t); len(items) != 1 {
				t.Fatalf("%v", items)
			}
			<-time.After(time.Second)
			for _, old := range []string{link, next} {
				mustRefuse(t, call(d, old), 410, "Gone", "no longer valid")
			}
			if a := call(d, fresh.json["@odata.deltaLink"].(string)); a.status != 200 {
				t.Fatalf("%d %s", a.status, a.raw)
			}
		})
	}
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := directory.New(directory.Options{Faults: directory.Faults{Next: []directory.Fault{{Delay: time.Hour}}}})
		mustDo(t, err)
		before := time.Now()
		if a := call(d, "/v1.0/devices"); a.status != 200 || time.Since(before) != time.Hour {
			t.Errorf("%d after %v", a.status, time.Since(before))
		}
	})
}
