package webhook_test

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"devicebridge/webhook"
)

// TestFaultReplay posts one captured postback 1,000 times at once: the token's
// budget is all that gets through, and the rest is told when to come back.
func TestFaultReplay(t *testing.T) {
	stored := &sink{}
	address := listen(t, server(t, webhook.Options{Sink: stored}).Handler())
	answers := map[int]int{}
	for range 1000 {
		got := send(t, address, http.MethodPost, path(t), done)
		answers[got.status]++
		if got.status == http.StatusTooManyRequests && got.header.Get("Retry-After") != "1" {
			t.Fatalf("Retry-After %q", got.header.Get("Retry-After"))
		}
	}
	if answers[http.StatusAccepted] != 100 || answers[http.StatusTooManyRequests] != 900 || len(stored.told()) != 100 {
		t.Errorf("answers %v, and the sink was told %d times", answers, len(stored.told()))
	}
}

// guess posts a forged token by way of a proxy and gives the answer.
func guess(handler http.Handler, peer string, forwarded ...string) int {
	return through(handler, "/postback/a/b", peer, forwarded...)
}

func through(handler http.Handler, path, peer string, forwarded ...string) int {
	header := http.Header{}
	for _, line := range forwarded {
		header.Add("X-Forwarded-For", line)
	}
	return directFrom(handler, peer+":4711", path, header)
}

// Who guesses tokens is told to stop, by address; nobody else is, not even a good
// postback that shares the address.
func TestFaultGuessedTokens(t *testing.T) {
	var results []webhook.Result
	handler := server(t, webhook.Options{
		Sink: &sink{}, AddressRate: 0.5, AddressBurst: 2, Observe: observe(&results),
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ffff::/48")},
	}).Handler()
	for i, step := range []struct {
		peer      string
		forwarded []string
		want      int
	}{
		{"192.0.2.1", nil, 404}, {"192.0.2.1", nil, 404}, {"192.0.2.1", nil, 429}, {"192.0.2.1", nil, 429},
		// Who is no proxy of ours cannot say where it comes from.
		{"192.0.2.1", []string{"203.0.113.9"}, 429}, {"203.0.113.9", nil, 404},
		// Behind a proxy it is the address that the proxy saw, from the right, whatever
		// the sender wrote to its left.
		{"10.0.0.1", []string{"198.51.100.1"}, 404}, {"10.0.0.2", []string{"192.0.2.7, 198.51.100.1"}, 404},
		{"10.0.0.1", []string{"192.0.2.8", "198.51.100.1"}, 429}, {"10.0.0.1", []string{"junk, 198.51.100.1, 10.9.9.9"}, 429},
		{"[2001:db8:ffff::1]", []string{"198.51.100.1"}, 429},
		// An IPv6 sender is its /64.
		{"[2001:db8::1]", nil, 404}, {"[2001:db8::2]", nil, 404}, {"[2001:db8::3]", nil, 429}, {"[2001:db8:0:1::1]", nil, 404},
		// What a proxy says and cannot be read counts for the proxy.
		{"10.0.0.3", []string{"junk"}, 404}, {"10.0.0.3", []string{""}, 404}, {"10.0.0.3", []string{"1.2.3.4:x"}, 429},
		// Some proxies add the port.
		{"10.0.0.3", []string{"1.2.3.4:80"}, 404}, {"10.0.0.3", []string{"1.2.3.4:81"}, 404}, {"10.0.0.3", []string{"1.2.3.4:82"}, 429},
	} {
		if got := guess(handler, step.peer, step.forwarded...); got != step.want {
			t.Errorf("step %d, %s for %q: %d, want %d", i, step.peer, step.forwarded, got, step.want)
		}
	}
	if last := results[len(results)-1]; last != webhook.ResultAddressLimited {
		t.Errorf("it is counted as %s", last)
	}
	if got := through(handler, path(t), "192.0.2.1"); got != http.StatusAccepted {
		t.Errorf("a good postback from the same address: %d", got)
	}
	got := directReply(handler, "192.0.2.1:1", "/")
	if after, err := strconv.Atoi(got.Header().Get("Retry-After")); err != nil || after != 2 || !strings.Contains(got.Body.String(), `"status":429`) {
		t.Errorf("Retry-After %q, body %s", got.Header().Get("Retry-After"), got.Body)
	}
}

// What a good token pays for is its command: a body that names another one is told
// of the token's.
func TestFaultCrossCommand(t *testing.T) {
	stored := &sink{}
	address := listen(t, server(t, webhook.Options{Sink: stored}).Handler())
	body := `{"id":"` + stranger + `","command":"` + stranger + `","status":"completed"}`
	if got := send(t, address, http.MethodPost, path(t), body); got.status != http.StatusAccepted {
		t.Errorf("%d", got.status)
	}
	token := path(t)[strings.LastIndexByte(path(t), '/'):]
	if got := send(t, address, http.MethodPost, "/postback/"+stranger+token, done); got.status != http.StatusNotFound {
		t.Errorf("the token of another command: %d", got.status)
	}
	if calls := stored.told(); len(calls) != 1 || calls[0].command != command {
		t.Errorf("the sink was told %+v", calls)
	}
}
