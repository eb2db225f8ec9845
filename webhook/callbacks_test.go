package webhook_test

import (
	"net/http"
	"strings"
	"testing"

	"devicebridge/webhook"
)

func TestCallbackURL(t *testing.T) {
	for public, want := range map[string]struct{ base, prefix string }{
		"https://bridge.example.com":        {"https://bridge.example.com", ""},
		"HTTPS://bridge.example.com/":       {"https://bridge.example.com", ""},
		"https://bridge.example.com:8443/":  {"https://bridge.example.com:8443", ""},
		"https://example.com/device-bridge": {"https://example.com/device-bridge", "/device-bridge"},
		"https://example.com/a/b.c_~1/":     {"https://example.com/a/b.c_~1", "/a/b.c_~1"},
		"http://127.0.0.1:8080":             {"http://127.0.0.1:8080", ""},
		"http://localhost:8080/x":           {"http://localhost:8080/x", "/x"},
		"http://[::1]:8080":                 {"http://[::1]:8080", ""},
	} {
		callbacks, err := webhook.NewCallbacks(public, keyring(t, firstKey()))
		if err != nil {
			t.Errorf("%s: %v", public, err)
			continue
		}
		if got := callbacks.CallbackURL(command, expiry()); got != want.base+"/postback/"+command+"/"+vector {
			t.Errorf("%s gives %s", public, got)
		}
		if callbacks.PathPrefix() != want.prefix {
			t.Errorf("%s has the prefix %q, want %q", public, callbacks.PathPrefix(), want.prefix)
		}
	}
}

func TestPublicURLFaults(t *testing.T) {
	for public, want := range map[string]string{
		"":                             "https://<host>",
		"bridge.example.com":           "https://<host>",
		"//bridge.example.com":         "https://<host>",
		"ftp://bridge.example.com":     "https://<host>",
		"https:bridge.example.com":     "https://<host>",
		"https://":                     "https://<host>",
		"https://:8443":                "https://<host>",
		"https://exa mple.com":         "not a URL",
		"http://bridge.example.com":    "loopback",
		"http://10.0.0.1":              "loopback",
		"http://localhost.example.com": "loopback",
		"https://user:hunter2@e.com":   "user or password",
		"https://hunter2@e.com":        "user or password",
		"https://e.com?x=hunter2":      "query or fragment",
		"https://e.com?":               "query or fragment",
		"https://e.com#hunter2":        "query or fragment",
		"https://e.com/#":              "query or fragment",
		"https://e.com:":               "port",
		"https://e.com:0":              "port",
		"https://e.com:70000":          "port",
		"https://e.com//a":             "path",
		"https://e.com/a//":            "path",
		"https://e.com/../a":           "path",
		"https://e.com/:command":       "path",
		"https://e.com/*":              "path",
		"https://e.com/a%2Fb":          "path",
		"https://e.com/é":              "path",
	} {
		callbacks, err := webhook.NewCallbacks(public, keyring(t, firstKey()))
		if err == nil || callbacks != nil {
			t.Errorf("%q is taken", public)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: error %q, want %q in it", public, err, want)
		}
	}
	if _, err := webhook.NewCallbacks("https://e.com", nil); err == nil {
		t.Error("callbacks without keys are taken")
	}
}

// A URL that was minted reaches the sink, whether or not an ingress takes the
// prefix off, also where the prefix looks like the route.
func TestMintedURLReachesTheSink(t *testing.T) {
	for _, prefix := range []string{"", "/device-bridge", "/a/b", "/postback"} {
		keys := keyring(t, firstKey())
		callbacks, err := webhook.NewCallbacks("https://example.com"+prefix+"/", keys)
		if err != nil {
			t.Fatal(err)
		}
		stored := &sink{}
		address := listen(t, server(t, webhook.Options{Sink: stored, PathPrefix: callbacks.PathPrefix()}).Handler())
		whole := strings.TrimPrefix(callbacks.CallbackURL(command, expiry()), "https://example.com")
		for _, path := range []string{whole, strings.TrimPrefix(whole, prefix)} {
			if got := send(t, address, http.MethodPost, path, done); got.status != http.StatusAccepted {
				t.Errorf("prefix %q: %s gives %d", prefix, path, got.status)
			}
		}
		if calls := stored.told(); len(calls) != 2 || calls[0].command != command {
			t.Errorf("prefix %q: the sink was told %v", prefix, calls)
		}
		if got := send(t, address, http.MethodPost, "/elsewhere"+whole, done); got.status != http.StatusNotFound {
			t.Errorf("prefix %q: an unknown prefix gives %d", prefix, got.status)
		}
	}
}
