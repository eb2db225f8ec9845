package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"devicebridge/events"
)

// oddGraph is a Graph whose delta query answers by a function, which gets the number
// of the request, from 1 on.
type oddGraph struct {
	*httptest.Server
	mu     sync.Mutex
	at     []time.Time
	answer func(n int, w http.ResponseWriter, r *http.Request)
}

func startOddGraph(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *oddGraph {
	t.Helper()
	g := &oddGraph{answer: answer}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.at = append(g.at, time.Now())
		n := len(g.at)
		g.mu.Unlock()
		g.answer(n, w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

// times gives how often it was asked.
func (g *oddGraph) times() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.at)
}

// devices is the collection's URL.
func (g *oddGraph) devices() string { return g.URL + "/v1.0/devices" }

// follow runs a bridge that only follows the directory of this Graph.
func (g *oddGraph) follow(t *testing.T, every string) *cliBridge {
	t.Helper()
	return cliRunBridge(t, g.URL+"/beta", map[string]string{
		"BRIDGE_COMMANDS": "off", "BRIDGE_DIRECTORY": "read", "BRIDGE_DIRECTORY_URL": g.URL + "/v1.0",
		"BRIDGE_INVENTORY": "on", "BRIDGE_INVENTORY_EVERY": every,
	})
}

// inventorySubscriber sees what the feed publishes.
func inventorySubscriber(t *testing.T, b *cliBridge) *nats.Subscription {
	t.Helper()
	nc, err := nats.Connect(b.vars["NATS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	live, err := nc.SubscribeSync("devicebridge.v1.inventory.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return live
}

// seeInventory gives the ids and kinds of the next n events.
func seeInventory(t *testing.T, live *nats.Subscription, n int) (seen []string) {
	t.Helper()
	for range n {
		msg, err := live.NextMsg(time.Minute)
		if err != nil {
			t.Fatalf("after %q: %v", seen, err)
		}
		e, err := events.DecodeInventory(msg.Header, msg.Data)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, string(e.Kind)+" "+e.ID())
	}
	return seen
}

// TestADirectoryWithoutEnd: the same devices and always another next link.
func TestADirectoryWithoutEnd(t *testing.T) {
	var g *oddGraph
	g = startOddGraph(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"value":[{"id":"a"},{"id":"b"}],"@odata.nextLink":"%s/delta?$skiptoken=%d"}`, g.devices(), n)
	})
	b := g.follow(t, "10s")
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "the pages of the directory do not end")
	if n := g.times(); n > 60 {
		t.Errorf("asked %d times until it was noticed", n)
	}
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_degraded{condition="inventory"} 1`)
}

// TestTheFeedHeedsRetryAfter: Graph is left alone for as long as it asks.
func TestTheFeedHeedsRetryAfter(t *testing.T) {
	const wait = 7 * time.Second // longer than the Graph client itself waits
	g := startOddGraph(t, nil)
	g.answer = func(n int, w http.ResponseWriter, _ *http.Request) {
		switch n {
		case 1:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			_, _ = fmt.Fprintf(w, `{"value":[{"id":"a"}],"@odata.deltaLink":"%s/delta?$deltatoken=%d"}`, g.devices(), n)
		}
	}
	b := g.follow(t, "50ms")
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "it is left alone for 7s")
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_inventory_events_total{kind="created"} 1`)
	g.mu.Lock()
	defer g.mu.Unlock()
	if pause := g.at[1].Sub(g.at[0]); pause < wait {
		t.Errorf("asked again after %s", pause)
	}
}

// TestOneOddDeviceDoesNotStopTheFeed: it is left out, and told.
func TestOneOddDeviceDoesNotStopTheFeed(t *testing.T) {
	g := startOddGraph(t, nil)
	odd := make(chan string, 1)
	page := `{"id":"a"}`
	g.answer = func(n int, w http.ResponseWriter, _ *http.Request) {
		select {
		case page = <-odd:
		default:
		}
		_, _ = fmt.Fprintf(w, `{"value":[%s],"@odata.deltaLink":"%s/delta?$deltatoken=%d"}`, page, g.devices(), n)
	}
	b := g.follow(t, "50ms")
	live := inventorySubscriber(t, b)
	big := `{"id":"big","displayName":"` + strings.Repeat("x", 1_200_000) + `"}`
	odd <- `{"id":"b"},` + big + `,{"id":"c"},{"displayName":"no id"},null,{"id":"d"}`
	seen := strings.Join(seeInventory(t, live, 3), " ")
	if strings.Contains(seen, "created a.1") {
		seen += " " + strings.Join(seeInventory(t, live, 1), "")
	}
	for _, id := range []string{"b", "c", "d"} {
		if !strings.Contains(seen, "created "+id+".1") {
			t.Errorf("seen %s", seen)
		}
	}
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_inventory_left_out_devices 3`)
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "big has 1200029 bytes, too many for a NATS message")
	odd <- `{"id":"big"}`
	if seen := seeInventory(t, live, 1); seen[0] != "created big.1" {
		t.Errorf("seen %s", seen)
	}
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_inventory_left_out_devices 2`)
}

// TestAForgottenLinkAndAnEmptyDirectory: what was known is called missing only when
// a second read says so.
func TestAForgottenLinkAndAnEmptyDirectory(t *testing.T) {
	g := startOddGraph(t, nil)
	g.answer = func(n int, w http.ResponseWriter, r *http.Request) {
		switch {
		case n == 1:
			_, _ = fmt.Fprintf(w, `{"value":[{"id":"a"},{"id":"b"},{"id":"c"}],"@odata.deltaLink":"%s/delta?$deltatoken=1"}`, g.devices())
		case strings.Contains(r.URL.RawQuery, "deltatoken=1"):
			w.WriteHeader(http.StatusGone)
		default:
			_, _ = fmt.Fprintf(w, `{"value":[],"@odata.deltaLink":"%s/delta?$deltatoken=2"}`, g.devices())
		}
	}
	b := g.follow(t, "2s")
	live := inventorySubscriber(t, b)
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "did not have 3 of the 3 devices that are known")
	if n := g.times(); n != 3 {
		t.Errorf("asked %d times until then", n)
	}
	deleted := 0
	for deleted < 3 {
		if strings.HasPrefix(seeInventory(t, live, 1)[0], "deleted") {
			deleted++
		}
	}
	if n := g.times(); n < 4 {
		t.Errorf("asked %d times until three devices were called missing", n)
	}
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_degraded{condition="inventory"} 0`)
}
