package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/events"
	"devicebridge/webhook"
)

// cliDoctor runs the doctor and gives its findings by their check.
func cliDoctor(t *testing.T, vars map[string]string, args ...string) (code int, found map[string]finding) {
	t.Helper()
	r := cliRun(t, vars, append([]string{"doctor", "--json"}, args...)...)
	got := cliJSON[struct {
		OK     bool
		Checks []finding
	}](t, r.stdout)
	found = map[string]finding{}
	for _, f := range got.Checks {
		if _, twice := found[f.Check]; twice || !slices.Contains([]string{stateOK, stateWarn, stateFail}, f.State) || f.Detail == "" {
			t.Errorf("finding %+v", f)
		}
		if (f.State != stateOK) != (f.Help != "") {
			t.Errorf("%+v has a way out: %t", f, f.Help != "")
		}
		found[f.Check] = f
	}
	if got.OK != (r.code == exitOK) || r.code == exitFailure && !strings.Contains(r.stderr, "checks failed") {
		t.Errorf("exit %d, ok %t, stderr %q", r.code, got.OK, r.stderr)
	}
	return r.code, found
}

func wantFinding(t *testing.T, found map[string]finding, check, state, words string) {
	t.Helper()
	if f := found[check]; f.State != state || !strings.Contains(f.Detail+"; "+f.Help, words) {
		t.Errorf("%s: %+v, want %s with %q; all are %+v", check, f, state, words, found)
	}
}

// cliPatient is the environment of a doctor who sees what the bridge b sees.
func cliPatient(b *cliBridge, graphURL string) map[string]string {
	vars := cliMinimal(map[string]string{"BRIDGE_GRAPH_URL": graphURL, "BRIDGE_CALLBACK_KEYS": webhook.NewKey(), "HOME": b.t.TempDir()})
	maps.Copy(vars, b.vars)
	return vars
}

func TestDoctorOfAHealthyBridge(t *testing.T) {
	e, graphURL := cliEmulator(t, emulator.Options{})
	b := cliRunBridge(t, graphURL, nil)
	b.emulator = e
	vars := cliPatient(b, graphURL)
	code, found := cliDoctor(t, vars)
	if code != exitOK {
		t.Errorf("exit %d: %+v", code, found)
	}
	for check, words := range map[string]string{
		"configuration": "no fault", "nats": "in account GUESTS", "jetstream": "API level", "streams": "all 5 are as declared",
		"clock of NATS": "this machine's", "replicas": "1 under devicebridge.v1", "sign-in": "static, usable", "graph": graphURL + " is reached",
		"clock of graph": "this machine's", "authority": "none is asked by static", "public URL": "leads to this bridge",
	} {
		wantFinding(t, found, check, stateOK, words)
	}
	words := strings.Fields(found["public URL"].Detail)
	id := words[len(words)-1]
	record := cliJSON[events.CommandReply](t, b.ok("get", id, "--json")).Command
	if record.State != events.StateCompleted || record.Source != events.SourcePostback || record.CorrelationID != "devicebridge doctor" {
		t.Errorf("the canary is %+v", record)
	}
	text := cliOK(t, vars, "doctor")
	if strings.Contains(text, "/postback/") || strings.Count(text, "\n") != len(found) {
		t.Errorf("for a person it says\n%s", text)
	}
	_, found = cliDoctor(t, vars, "--no-canary")
	wantFinding(t, found, "public URL", stateWarn, "not checked")
	vars["BRIDGE_SUBJECT_PREFIX"] = "house.v2"
	_, found = cliDoctor(t, vars)
	wantFinding(t, found, "replicas", stateFail, "those that do are under devicebridge.v1")
	wantFinding(t, found, "sign-in", stateFail, "no bridge answers")
	wantFinding(t, found, "stream HOUSE_V2_EVENTS", stateFail, "there is none")
	wantFinding(t, found, "public URL", stateWarn, "no bridge answers")
}

// TestDoctorFollowsTheCanary: whatever else the public URL leads to is told.
func TestDoctorFollowsTheCanary(t *testing.T) {
	for _, test := range []struct {
		status int
		words  string
	}{
		{http.StatusOK, "something in front of the bridge answers"},
		{http.StatusNotFound, "it leads elsewhere"},
		{http.StatusTemporaryRedirect, "a callback is not redirected"},
		{http.StatusServiceUnavailable, "cannot store it"},
		{http.StatusAccepted, "was acknowledged, but no event of it arrives"},
	} {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/")
				w.WriteHeader(test.status)
			}))
			t.Cleanup(elsewhere.Close)
			_, graphURL := cliEmulator(t, emulator.Options{})
			b := cliRunBridge(t, graphURL, map[string]string{"BRIDGE_PUBLIC_URL": elsewhere.URL})
			code, found := cliDoctor(t, cliPatient(b, graphURL), "--timeout", "1s")
			if wantFinding(t, found, "public URL", stateFail, test.words); code != exitFailure {
				t.Errorf("exit %d", code)
			}
			if detail := found["public URL"].Detail; strings.Contains(detail, "/postback/") {
				t.Errorf("the token is shown: %s", detail)
			}
		})
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, graphURL := cliEmulator(t, emulator.Options{})
	b := cliRunBridge(t, graphURL, map[string]string{"BRIDGE_PUBLIC_URL": gone.URL})
	_, found := cliDoctor(t, cliPatient(b, graphURL))
	wantFinding(t, found, "public URL", stateFail, "does not answer")
}

// TestDoctorFindsOtherKeys: replicas that do not share their keys refuse each
// other's callbacks.
func TestDoctorFindsOtherKeys(t *testing.T) {
	_, graphURL := cliEmulator(t, emulator.Options{})
	nats := cliNATS(t)
	var turn atomic.Uint64
	var targets []*url.URL
	balancer := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(targets[int(turn.Add(1))%len(targets)])
	}})
	t.Cleanup(balancer.Close)
	var b *cliBridge
	for range 2 {
		listening := make(chan string, 1)
		b = cliRunBridgeListening(t, graphURL, map[string]string{
			"NATS_URL": nats, "BRIDGE_PUBLIC_URL": balancer.URL, "BRIDGE_CALLBACK_KEYS": webhook.NewKey(),
		}, listening)
		targets = append(targets, &url.URL{Scheme: "http", Host: <-listening})
	}
	_, found := cliDoctor(t, cliPatient(b, graphURL))
	wantFinding(t, found, "replicas", stateOK, "2 under devicebridge.v1")
	wantFinding(t, found, "public URL", stateFail, "a replica that has other BRIDGE_CALLBACK_KEYS")
}

func TestDoctorWithoutNATS(t *testing.T) {
	_, graphURL := cliEmulator(t, emulator.Options{})
	code, found := cliDoctor(t, map[string]string{"NATS_URL": "nats://127.0.0.1:1", "BRIDGE_GRAPH_URL": graphURL, "BRIDGE_GRAPH_AUTH": "static"})
	if code != exitFailure {
		t.Errorf("exit %d", code)
	}
	wantFinding(t, found, "configuration", stateWarn, "a bridge would not start in this environment: BRIDGE_GRAPH_TOKEN is missing")
	wantFinding(t, found, "nats", stateFail, "connect to NATS at nats://127.0.0.1:1")
	wantFinding(t, found, "graph", stateOK, "is reached")
	for _, args := range [][]string{{"--timeout", "0s"}, {"x"}} {
		if r := cliRun(t, nil, append([]string{"doctor"}, args...)...); r.code != exitUsage {
			t.Errorf("%v: exit %d, %q", args, r.code, r.stderr)
		}
	}
	if r := cliRun(t, map[string]string{"BRIDGE_TYPO": "x"}, "doctor"); r.code != exitUsage || !strings.Contains(r.stderr, "BRIDGE_TYPO") {
		t.Errorf("exit %d, %q", r.code, r.stderr)
	}
}

// TestDoctorOfASignedOutBridge asks the authority of the bridge, and says why
// nothing is sent.
func TestDoctorOfASignedOutBridge(t *testing.T) {
	a := cliStartAuthority(t, authority.Options{})
	b := cliSignedOutBridge(t, a, nil)
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "signIn: nobody is signed in")
	vars := maps.Clone(b.vars)
	_, graphURL := cliEmulator(t, emulator.Options{})
	vars["BRIDGE_GRAPH_URL"], vars["AZURE_AUTHORITY_HOST"] = graphURL, "" // which the bridge tells
	_, found := cliDoctor(t, vars)
	wantFinding(t, found, "sign-in", stateFail, "nobody is signed in; run `devicebridge login`")
	wantFinding(t, found, "authority", stateOK, a.vars["AZURE_AUTHORITY_HOST"]+"/consumers/v2.0/.well-known/openid-configuration is reached")
	delete(vars, "BRIDGE_GRAPH_CA")
	_, found = cliDoctor(t, vars)
	wantFinding(t, found, "authority", stateFail, "its certificate is not trusted: a proxy may stand in between; name its CA in BRIDGE_GRAPH_CA")
}

// TestDoctorOfGraph: what a Graph answers, and by what clock.
func TestDoctorOfGraph(t *testing.T) {
	for _, test := range []struct {
		status       int
		ahead        time.Duration
		state, clock string
	}{
		{http.StatusUnauthorized, 0, stateOK, stateOK},
		{http.StatusNotFound, 0, stateFail, stateOK},
		{http.StatusFound, 0, stateFail, stateOK},
		{http.StatusBadGateway, 0, stateWarn, stateOK},
		{http.StatusUnauthorized, 30 * time.Second, stateOK, stateWarn},
		{http.StatusUnauthorized, -time.Hour, stateOK, stateFail},
	} {
		var asked atomic.Pointer[http.Request]
		graph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Store(r)
			w.Header().Set("Date", time.Now().Add(test.ahead).UTC().Format(http.TimeFormat))
			w.WriteHeader(test.status)
		}))
		t.Cleanup(graph.Close)
		_, found := cliDoctor(t, cliMinimal(map[string]string{"NATS_URL": "nats://127.0.0.1:1", "BRIDGE_GRAPH_URL": graph.URL + "/beta"}))
		wantFinding(t, found, "graph", test.state, graph.URL+"/beta is reached")
		wantFinding(t, found, "clock of graph", test.clock, "this machine's")
		if r := asked.Load(); r.Header.Get("Authorization") != "" || !strings.HasPrefix(r.UserAgent(), "devicebridge-doctor/") {
			t.Errorf("it asked with %v", r.Header)
		}
	}
}

// TestDoctorWithoutCommands: who sends no commands needs no public URL.
func TestDoctorWithoutCommands(t *testing.T) {
	graph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(graph.Close)
	graphURL := graph.URL + "/beta"
	more := map[string]string{"BRIDGE_COMMANDS": "off", "BRIDGE_DIRECTORY": "read", "BRIDGE_PUBLIC_URL": ""}
	b := cliRunBridge(t, graphURL, more)
	vars := cliPatient(b, graphURL)
	maps.Copy(vars, more)
	_, found := cliDoctor(t, vars)
	wantFinding(t, found, "public URL", stateOK, "device commands are off")
	wantFinding(t, found, "directory", stateOK, "/v1.0 is reached")
}

// TestDoctorIsGreen in the environment of the bridge, whatever port it has, and in that
// of a client.
func TestDoctorIsGreen(t *testing.T) {
	_, graphURL := cliEmulator(t, emulator.Options{})
	own := cliServing(t, graphURL)
	b := cliRunBridge(t, graphURL, map[string]string{"BRIDGE_DATA_DIR": own["BRIDGE_DATA_DIR"], "BRIDGE_STREAM_MAX_AGE": "100h"})
	own["BRIDGE_PUBLIC_URL"], own["BRIDGE_STREAM_MAX_AGE"] = "http://127.0.0.1:8080", "100h"
	for name, vars := range map[string]map[string]string{
		"the bridge's": own, "a client's": {"NATS_URL": b.vars["NATS_URL"], "HOME": t.TempDir()},
		"a client's on the machine": {"BRIDGE_DATA_DIR": own["BRIDGE_DATA_DIR"]},
	} {
		code, found := cliDoctor(t, vars)
		for check, f := range found {
			if f.State != stateOK {
				t.Errorf("%s: %s: %+v", name, check, f)
			}
		}
		if code != exitOK || len(found) < 10 {
			t.Errorf("%s: exit %d, %+v", name, code, found)
		}
	}
}

func TestDoctorOfCertificates(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	far := certificate{"NATS server n1", now.AddDate(1, 0, 0)}
	for _, test := range []struct {
		list         []certificate
		state, words string
	}{
		{[]certificate{far}, stateOK, "the next to end is that of NATS server n1, 2027-11-22"},
		{[]certificate{far, {"the public URL https://b", now.AddDate(0, 0, 13)}}, stateWarn, "that of the public URL https://b, 2026-12-05"},
		{[]certificate{{"the public URL https://b", now}, far}, stateFail, "that of the public URL https://b ended 2026-11-22"},
	} {
		d := doctor{certificates: test.list}
		d.expiries(now)
		if len(d.findings) != 1 || d.findings[0].State != test.state || !strings.Contains(d.findings[0].Detail, test.words) {
			t.Errorf("%+v, want %s %q", d.findings, test.state, test.words)
		}
	}
	var none doctor
	if none.expiries(now); len(none.findings) > 0 {
		t.Errorf("without a certificate %+v", none.findings)
	}
	broken := doctor{}
	broken.c.NATS.Cert, broken.c.NATS.Key = cliFile(t, "cert", "x"), cliFile(t, "key", "x")
	if broken.expiries(now); len(broken.findings) != 1 || broken.findings[0].State != stateFail {
		t.Errorf("of a broken client certificate %+v", broken.findings)
	}
}

// TestDoctorOfStreams: what differs of how much is kept is told apart from what the
// promises rest on, and a full stream from both.
func TestDoctorOfStreams(t *testing.T) {
	_, graphURL := cliEmulator(t, emulator.Options{})
	url := cliNATS(t)
	b := cliRunBridge(t, graphURL, map[string]string{"NATS_URL": url, "BRIDGE_CALLBACK_KEYS": webhook.NewKey()})
	vars := cliPatient(b, graphURL)
	vars["BRIDGE_STREAM_MAX_AGE"] = "100h"
	code, found := cliDoctor(t, vars)
	if wantFinding(t, found, "stream DEVICEBRIDGE_V1_EVENTS", stateWarn, `max age is "168h0m0s", declared is "100h0m0s"; give the doctor the environment of the bridge`); code != exitOK {
		t.Errorf("exit %d", code)
	}
	delete(vars, "BRIDGE_STREAM_MAX_AGE")
	cliEventLimit(t, url)(0)
	code, found = cliDoctor(t, vars)
	if wantFinding(t, found, "stream DEVICEBRIDGE_V1_EVENTS", stateFail, "it is 100 % full and takes no more"); code != exitFailure {
		t.Errorf("exit %d", code)
	}
	wantFinding(t, found, "public URL", stateFail, "no room")
}
