package webhook_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"testing"

	"devicebridge/webhook"
)

// The sender is found in whatever way a proxy writes it, and nobody who is not behind
// a proxy can say that another sent it.
func TestSenderBehindProxies(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ffff::/48")}
	for name, c := range map[string]struct {
		from string
		said []string
		want string
	}{
		"no header":               {"10.0.0.1:1", nil, "10.0.0.1"},
		"an address":              {"10.0.0.1:1", []string{"203.0.113.50"}, "203.0.113.50"},
		"with a port":             {"10.0.0.1:1", []string{"203.0.113.50:1000"}, "203.0.113.50"},
		"an odd port":             {"10.0.0.1:1", []string{"203.0.113.50:99999"}, "203.0.113.50"},
		"an empty port":           {"10.0.0.1:1", []string{"203.0.113.50:"}, "203.0.113.50"},
		"in quotes":               {"10.0.0.1:1", []string{`"203.0.113.50:1000"`}, "203.0.113.50"},
		"IPv6":                    {"10.0.0.1:1", []string{"2001:db8::1"}, "2001:db8::1"},
		"IPv6 in brackets":        {"10.0.0.1:1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		"IPv6 with a port":        {"10.0.0.1:1", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		"IPv6 in quotes":          {"10.0.0.1:1", []string{`"[2001:db8::1]:4711"`}, "2001:db8::1"},
		"IPv6 and a bare port":    {"10.0.0.1:1", []string{"2001:db8:0:0:0:0:0:1:4711"}, "2001:db8::1"},
		"with a zone":             {"10.0.0.1:1", []string{"[fe80::1%eth0]:80"}, "fe80::1"},
		"IPv4 as IPv6":            {"10.0.0.1:1", []string{"::ffff:203.0.113.50"}, "203.0.113.50"},
		"a proxy as IPv6":         {"[::ffff:10.0.0.1]:1", []string{"203.0.113.50"}, "203.0.113.50"},
		"two proxies with ports":  {"10.0.0.1:1", []string{"203.0.113.50:7, 10.2.3.4:5, [2001:db8:ffff::1]:9"}, "203.0.113.50"},
		"several headers":         {"10.0.0.1:1", []string{"198.51.100.1", "203.0.113.50:7", "10.2.3.4"}, "203.0.113.50"},
		"invented further left":   {"10.0.0.1:1", []string{"198.51.100.1, 203.0.113.50:7"}, "203.0.113.50"},
		"garbage further left":    {"10.0.0.1:1", []string{"<script>, 203.0.113.50:7"}, "203.0.113.50"},
		"empty entries":           {"10.0.0.1:1", []string{"203.0.113.50:7, , "}, "203.0.113.50"},
		"garbage":                 {"10.0.0.1:1", []string{"203.0.113.50, x"}, "10.0.0.1"},
		"garbage behind a proxy":  {"10.0.0.1:1", []string{"203.0.113.50, unknown, 10.9.9.9:1"}, "10.9.9.9"},
		"a port of letters":       {"10.0.0.1:1", []string{"203.0.113.50:http"}, "10.0.0.1"},
		"half a bracket":          {"10.0.0.1:1", []string{"[2001:db8::1:80"}, "10.0.0.1"},
		"a name":                  {"10.0.0.1:1", []string{"host.example:80"}, "10.0.0.1"},
		"only proxies":            {"10.0.0.1:1", []string{"10.1.1.1, 10.2.2.2"}, "10.1.1.1"},
		"from somebody, invented": {"198.51.100.9:1", []string{"203.0.113.50:1000"}, "198.51.100.9"},
	} {
		var log bytes.Buffer
		s := server(t, webhook.Options{
			Sink: &sink{}, TrustedProxies: proxies, AddressRate: 0.001, AddressBurst: 1,
			Log: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		post := func(from string, said []string) int {
			return directFrom(s.Handler(), from, "/x", http.Header{"X-Forwarded-For": said})
		}
		post(c.from, c.said)
		if all := lines(t, &log); len(all) != 1 || all[0].Remote != c.want {
			t.Errorf("%s: lines %+v, want the sender %s", name, all, c.want)
		}
		// The budget is the sender's: another behind the same proxy has its own.
		if got := post(c.from, c.said); got != http.StatusTooManyRequests {
			t.Errorf("%s: the second request is answered with %d", name, got)
		}
		for i := range 3 {
			if got := post("10.0.0.1:1", []string{"192.0.2." + strconv.Itoa(i) + ":1000"}); got != http.StatusNotFound {
				t.Errorf("%s: another sender pays for it: %d", name, got)
			}
		}
	}
}
