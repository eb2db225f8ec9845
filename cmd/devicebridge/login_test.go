package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/bridge/graph/signin"
)

// cliAuthority is an emulated authority over TLS, which keeps every secret that it
// gave out.
type cliAuthority struct {
	*authority.Authority
	vars map[string]string // for the bridge and for login

	mu      sync.Mutex
	secrets map[string]bool
}

func cliStartAuthority(t *testing.T, o authority.Options) *cliAuthority {
	t.Helper()
	if o.Interval == 0 {
		o.Interval = -1
	}
	a, err := authority.New(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &cliAuthority{Authority: a, secrets: map[string]bool{}}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		a.ServeHTTP(recorder, r)
		c.keep(recorder.Body.String())
		maps.Copy(w.Header(), recorder.Header())
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(recorder.Body.Bytes())
	}))
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	c.vars = map[string]string{
		"AZURE_AUTHORITY_HOST": server.URL, "AZURE_CLIENT_ID": authority.DeviceApp, "BRIDGE_GRAPH_CA": cliFile(t, "ca.pem", string(ca)),
	}
	return c
}

// keep notes the secrets of an answer.
func (c *cliAuthority) keep(answer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range regexp.MustCompile(`"(?:access_token|refresh_token|id_token|device_code)":\s*"([^"]+)"`).FindAllStringSubmatch(answer, -1) {
		c.secrets[m[1]] = true
	}
}

// leaked gives what of the secrets is in a text.
func (c *cliAuthority) leaked(text string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []string
	for s := range c.secrets {
		if strings.Contains(text, s) {
			found = append(found, s)
		}
	}
	return found
}

// cliSignedOutBridge runs a bridge in which somebody has to sign in.
func cliSignedOutBridge(t *testing.T, a *cliAuthority, more map[string]string) *cliBridge {
	t.Helper()
	vars := map[string]string{"BRIDGE_GRAPH_AUTH": "device-code", "BRIDGE_GRAPH_TOKEN": "", "BRIDGE_DATA_DIR": t.TempDir()}
	maps.Copy(vars, a.vars)
	maps.Copy(vars, more)
	b := cliStartWith(t, emulator.Options{Authorize: authorizeBy(a.Authority)}, vars)
	// A client on the machine of the bridge finds the key in its data directory.
	b.vars["BRIDGE_DATA_DIR"] = vars["BRIDGE_DATA_DIR"]
	b.vars["BRIDGE_GRAPH_CA"], b.vars["AZURE_AUTHORITY_HOST"] = a.vars["BRIDGE_GRAPH_CA"], a.vars["AZURE_AUTHORITY_HOST"]
	return b
}

// cliWriter gives what is written to it line by line.
type cliWriter struct {
	bytes.Buffer
	line func(string)
}

func (w *cliWriter) Write(p []byte) (int, error) {
	w.line(string(p))
	return w.Buffer.Write(p)
}

// login runs `login` and approves the code it shows.
func (b *cliBridge) login(a *cliAuthority, args ...string) string {
	b.t.Helper()
	shown := regexp.MustCompile(`enter the code ([A-Z0-9]+);`)
	out := &cliWriter{line: func(line string) {
		if m := shown.FindStringSubmatch(line); m != nil {
			if err := a.Approve(m[1], authority.PersonalUser); err != nil {
				b.t.Error(err)
			}
		}
	}}
	var errs bytes.Buffer
	if code := run(append([]string{"login"}, args...), cliEnviron(b.vars), out, &errs); code != exitOK {
		b.t.Fatalf("login: exit %d: %s%s", code, out.String(), errs.String())
	}
	return out.String()
}

// TestLoginWhoAmILogout is the life of a sign-in as a person sees it: without one
// commands wait, and they go on the moment there is one.
func TestLoginWhoAmILogout(t *testing.T) {
	a := cliStartAuthority(t, authority.Options{})
	b := cliSignedOutBridge(t, a, nil)

	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\nsignIn: nobody is signed in; run `devicebridge login` (nothing is asked of Graph, and commands wait, unclaimed)\n")
	r := cliRun(t, b.vars, "whoami")
	if r.code != exitFailure || !strings.Contains(r.stdout, "signedOut: nobody is signed in; run `devicebridge login`") ||
		!strings.Contains(r.stderr, "there is no token for Graph: nobody is signed in; run `devicebridge login`") {
		t.Errorf("whoami: %+v", r)
	}
	id := cliField(t, b.ok("send", "--device", cliCompletes, "--uri", "https://example.com"), "command")
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_signin_state{state="signedOut"} 1`)
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_degraded{condition="signIn"} 1`)
	if lines := b.follow(1, id, "--all"); !strings.Contains(lines[0], "accepted") {
		t.Errorf("the command is %q", lines)
	}
	b.fails(exitUnavailable, "nobody is signed in; run `devicebridge login`", "devices")

	out := b.login(a)
	for _, words := range []string{"/devicelogin in any browser and enter the code ", "account   " + authority.PersonalUser, "usable", "Device.Command", "token     until "} {
		if !strings.Contains(out, words) {
			t.Errorf("login does not say %q: %s", words, out)
		}
	}
	b.follow(1, id, "--kind", "completed", "--all")
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\n")
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_signin_state{state="usable"} 1`)
	if who := b.ok("whoami"); !strings.Contains(who, authority.PersonalUser) || !strings.Contains(who, "kept in   nats") {
		t.Errorf("whoami: %s", who)
	}
	if out := b.ok("devices"); !strings.Contains(out, "JimSurface") {
		t.Errorf("devices: %s", out)
	}

	if out := b.ok("logout"); !strings.Contains(out, "signedOut: nobody is signed in since somebody signed out") || strings.Contains(out, "\ntoken ") {
		t.Errorf("logout: %s", out)
	}
	cliUntil(t, b.admin+"/metrics", http.StatusOK, "devicebridge_signin_token_expiry_timestamp_seconds 0\n")
	if who := b.run("whoami"); strings.Contains(who.stdout, "\ntoken ") {
		t.Errorf("whoami of nobody shows a token: %s", who.stdout)
	}
	b.fails(exitUnavailable, "since somebody signed out; run `devicebridge login`", "devices", "--refresh")
	second := cliField(t, b.ok("send", "--device", cliCompletes, "--uri", "https://example.com"), "command")
	b.login(a)
	b.follow(1, second, "--kind", "completed", "--all")
	if n := len(b.emulator.Commands()); n != 2 {
		t.Errorf("Graph saw %d POSTs", n)
	}
	if l := a.Ledger(); l.DeviceGrants != 2 {
		t.Errorf("%d sign-ins", l.DeviceGrants)
	}
}

// TestWhyLoginIsRefused holds what a person is told who cannot sign in.
func TestWhyLoginIsRefused(t *testing.T) {
	a := cliStartAuthority(t, authority.Options{AutoApprove: true})
	b := cliSignedOutBridge(t, a, nil)
	with := func(name, value string) map[string]string {
		vars := maps.Clone(b.vars)
		vars[name] = value
		return vars
	}
	static := cliStart(t, emulator.Options{})
	for name, test := range map[string]struct {
		vars  map[string]string
		args  []string
		code  int
		words string
	}{
		"another key":           {with("BRIDGE_SIGNIN_KEY", signin.NewKey()), nil, exitUsage, ", and the bridge seals with key "},
		"no key":                {with("BRIDGE_DATA_DIR", t.TempDir()), nil, exitUsage, "set BRIDGE_SIGNIN_KEY to the key of the bridge"},
		"a foreign authority":   {with("AZURE_AUTHORITY_HOST", ""), nil, exitUsage, "which is none of Microsoft's; set it here too if that is right"},
		"no trust in it":        {with("BRIDGE_GRAPH_CA", ""), nil, exitFailure, "certificate"},
		"nobody signs in":       {static.vars, nil, exitRefused, "the bridge signs in by static, in which nobody signs in"},
		"no bridge":             {with("NATS_URL", "nats://127.0.0.1:1"), nil, exitUnavailable, "start `devicebridge serve`"},
		"both ways":             {b.vars, []string{"--browser", "--device-code"}, exitUsage, "contradict each other"},
		"a place nobody knows":  {b.vars, []string{"--store", "pocket"}, exitUsage, "it takes auto, nats or user"},
		"logout, another key":   {with("BRIDGE_SIGNIN_KEY", signin.NewKey()), []string{"logout"}, exitUsage, ", and the bridge seals with key "},
		"logout, nobody can be": {static.vars, []string{"logout"}, exitRefused, "in which nobody signs in"},
	} {
		t.Run(name, func(t *testing.T) {
			args := test.args
			if len(args) == 0 || args[0] != "logout" {
				args = append([]string{"login"}, args...)
			}
			vars := maps.Clone(test.vars)
			vars["HOME"] = t.TempDir()
			r := cliRun(t, vars, args...)
			if r.code != test.code || !strings.Contains(r.stderr, test.words) {
				t.Errorf("exit %d: %s, want %d with %q", r.code, r.stderr, test.code, test.words)
			}
		})
	}
	if out := b.ok("login"); !strings.Contains(out, "usable") {
		t.Errorf("after all that: %s", out)
	}
}

// TestARecordUnderAnotherKeyIsToldOf restarts a bridge with another key on the same
// store: it says so, sends nothing, and does not touch the record.
func TestARecordUnderAnotherKeyIsToldOf(t *testing.T) {
	a := cliStartAuthority(t, authority.Options{AutoApprove: true})
	url := cliNATS(t)
	more := map[string]string{"NATS_URL": url, "BRIDGE_SIGNIN_KEY": signin.NewKey(), "BRIDGE_CALLBACK_KEYS": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}
	b := cliSignedOutBridge(t, a, more)
	b.vars["BRIDGE_SIGNIN_KEY"] = more["BRIDGE_SIGNIN_KEY"]
	b.ok("login")
	other := maps.Clone(more)
	other["BRIDGE_SIGNIN_KEY"] = signin.NewKey()
	second := cliSignedOutBridge(t, a, other)
	cliUntil(t, second.admin+"/readyz", http.StatusOK, "signIn: the sign-in record is sealed with key ")
	cliUntil(t, second.admin+"/metrics", http.StatusOK, `devicebridge_signin_state{state="unreadable"} 1`)
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_signin_state{state="usable"} 1`)
	if l := a.Ledger(); l.DeviceCodes != 1 {
		t.Errorf("%d device codes were asked for", l.DeviceCodes)
	}
}

// TestTheDataDirectoryKeepsTheKey holds where the embedded server's key is.
func TestTheDataDirectoryKeepsTheKey(t *testing.T) {
	a := cliStartAuthority(t, authority.Options{AutoApprove: true})
	b := cliSignedOutBridge(t, a, nil)
	info, err := os.Stat(filepath.Join(b.vars["BRIDGE_DATA_DIR"], "signin-key"))
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if out := fmt.Sprint(b.ok("login", "--device-code")); !strings.Contains(out, "kept in   nats") {
		t.Error(out)
	}
}
