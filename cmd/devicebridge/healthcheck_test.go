package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator"
)

func TestHealthcheckOfARunningBridge(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	vars := map[string]string{"BRIDGE_ADMIN_ADDR": strings.TrimPrefix(b.admin, "http://"), "BRIDGE_WORKERS": "broken"} // which is none of its business
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\n")
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "ready\n"}, {[]string{"--ready"}, "ready\n"}, {[]string{"--live"}, "ok\n"}, {[]string{"--url", b.admin + "/livez"}, "ok\n"},
	} {
		if out := cliOK(t, vars, append([]string{"healthcheck"}, test.args...)...); out != test.want {
			t.Errorf("%v: %q, want %q", test.args, out, test.want)
		}
	}
}

func TestHealthcheckTellsWhyNot(t *testing.T) {
	unwell := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/livez", http.StatusFound)
			return
		}
		answerText(w, http.StatusServiceUnavailable, "not ready\ndisconnected: there is no connection to NATS\nsignIn: nobody is signed in\n")
	}))
	t.Cleanup(unwell.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	address := unwell.Listener.Addr().String()
	for _, test := range []struct {
		name  string
		vars  map[string]string
		args  []string
		code  int
		words string
	}{
		{"not ready", map[string]string{"BRIDGE_ADMIN_ADDR": address}, nil, exitFailure, "not ready: disconnected: there is no connection to NATS; signIn: nobody is signed in (http://" + address + "/readyz answers 503"},
		{"somebody else", map[string]string{"BRIDGE_ADMIN_ADDR": address}, []string{"--url", unwell.URL + "/moved"}, exitFailure, "answers 302"},
		{"nobody", map[string]string{"BRIDGE_ADMIN_ADDR": gone.Listener.Addr().String()}, nil, exitFailure, "the bridge does not answer"},
		{"off", map[string]string{"BRIDGE_ADMIN_ADDR": "off"}, nil, exitUsage, "BRIDGE_ADMIN_ADDR: is off"},
		{"no address", map[string]string{"BRIDGE_ADMIN_ADDR": "8081"}, nil, exitUsage, `BRIDGE_ADMIN_ADDR: is "8081"`},
		{"both", nil, []string{"--live", "--ready"}, exitUsage, "contradict"},
		{"no URL", nil, []string{"--url", "localhost"}, exitUsage, "--url: is not an http or https URL"},
		{"no time", nil, []string{"--timeout", "0s"}, exitUsage, "--timeout: is 0s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := cliRun(t, test.vars, append([]string{"healthcheck"}, test.args...)...)
			if r.code != test.code || r.stdout != "" || !strings.Contains(r.stderr, test.words) || strings.Count(r.stderr, "\n") != 1 {
				t.Errorf("exit %d, %q, %q; want %d and one line with %q", r.code, r.stdout, r.stderr, test.code, test.words)
			}
		})
	}
}

// TestHealthcheckAsksThisMachine: an address to listen on is none to ask.
func TestHealthcheckAsksThisMachine(t *testing.T) {
	for listen, want := range map[string]string{
		"": "http://127.0.0.1:8081/readyz", ":9": "http://127.0.0.1:9/readyz", "0.0.0.0:9": "http://127.0.0.1:9/readyz",
		"[::]:9": "http://[::1]:9/readyz", "10.0.0.1:9": "http://10.0.0.1:9/readyz", "localhost:9": "http://localhost:9/readyz",
	} {
		if got, err := (healthcheck{timeout: 1}).address(map[string]string{"BRIDGE_ADMIN_ADDR": listen}); err != nil || got != want {
			t.Errorf("for %q it asks %s (%v), want %s", listen, got, err, want)
		}
	}
}
