package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/authority"
)

// hushed makes secrets and looks for them.
type hushed struct {
	mu      sync.Mutex
	secrets map[string]string // by what they are
}

// make gives a new secret.
func (h *hushed) make(what string) string {
	return h.keep(what, "hush"+strings.ReplaceAll(what, " ", "")+"hush")
}

func (h *hushed) keep(what, secret string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.secrets == nil {
		h.secrets = map[string]string{}
	}
	h.secrets[what] = secret
	return secret
}

// found gives what of them is in a text.
func (h *hushed) found(text string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []string
	for what, secret := range h.secrets {
		if strings.Contains(text, secret) {
			list = append(list, what)
		}
	}
	return list
}

// leakBridge is a bridge with handlers that panic, on a Graph that repeats in its
// errors whatever it was told.
type leakBridge struct {
	*cliBridge
	hush   hushed
	logs   lockedText
	hook   string // base of the callbacks
	nc     *nats.Conn
	others lockedText // what was answered to those who asked for nothing secret
}

// gossip answers commands to two devices with errors that repeat the request.
func gossip(e http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status int
		switch {
		case strings.Contains(r.URL.Path, "/gossips/"):
			status = http.StatusBadRequest
		case strings.Contains(r.URL.Path, "/gossips-and-breaks/"):
			status = http.StatusInternalServerError
		default:
			e.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		text, _ := json.Marshal(fmt.Sprintf("%s sent with %s", body, r.Header))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Ms-Ags-Diagnostic", r.Header.Get("Authorization"))
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"error":{"code":"told","message":%s}}`, text)
	})
}

func startLeakBridge(t *testing.T, a *cliAuthority) *leakBridge {
	t.Helper()
	l := &leakBridge{}
	answer := l.hush.make("response payload")
	devices := append(cliDevices(), emulator.Device{ID: "answers", Name: "Answers", Response: map[string]any{"said": answer}})
	e, err := emulator.New(emulator.Options{Authorize: authorizeBy(a.Authority), StepDelay: 25 * time.Millisecond, Devices: devices, InlineResponse: true})
	if err != nil {
		t.Fatal(err)
	}
	graph := httptest.NewServer(gossip(e))
	t.Cleanup(func() { graph.Close(); _ = e.Close() })
	password := l.hush.make("NATS password")
	srv := cliNATSWith(t, server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), Username: "bridge", Password: password,
	})
	if l.nc, err = nats.Connect(srv.ClientURL(), nats.UserInfo("bridge", password)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.nc.Close)
	hook, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.hook = "http://" + hook.Addr().String()
	vars := map[string]string{
		"BRIDGE_PUBLIC_URL": l.hook, "BRIDGE_GRAPH_URL": graph.URL + "/beta", "BRIDGE_GRAPH_AUTH": "device-code",
		"NATS_URL": srv.ClientURL(), "NATS_USER": "bridge", "NATS_PASSWORD": password,
		"BRIDGE_SIGNIN_KEY":    l.hush.keep("sign-in key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
		"BRIDGE_CALLBACK_KEYS": "k1:" + l.hush.keep("callback key", "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="),
		"BRIDGE_ADMIN_ADDR":    "127.0.0.1:0",
	}
	maps.Copy(vars, a.vars)
	l.cliBridge = &cliBridge{t: t, emulator: e, vars: map[string]string{}}
	for _, name := range []string{"BRIDGE_SIGNIN_KEY", "NATS_URL", "NATS_USER", "NATS_PASSWORD", "BRIDGE_GRAPH_CA", "AZURE_AUTHORITY_HOST"} {
		l.vars[name] = vars[name]
	}
	l.serve(vars, hook)
	return l
}

// serve runs the bridge as runBridge does, with an endpoint and a dispatch that
// panic with what they were given.
func (l *leakBridge) serve(vars map[string]string, hook net.Listener) {
	l.t.Helper()
	c, err := loadServe(vars)
	if err != nil {
		l.t.Fatal(err)
	}
	log := newLogger(&l.logs, "json", c.level)
	keys, err := callbackKeys(c)
	if err != nil {
		l.t.Fatal(err)
	}
	o := newOperator(c)
	admin := httptest.NewServer(adminHandler(o.metrics.handler(), o.health, readBuild(), levelHandler(c.level, log)))
	l.t.Cleanup(admin.Close)
	l.admin = admin.URL
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- onNATS(ctx, c, o, log, func(_ *bus.Server, b *bus.Bus) error {
			p, err := compose(c, b, keys, hook, o, log)
			if err != nil {
				return err
			}
			p.streams = streamOptions(c, nil)
			p.endpoints = append(p.endpoints, bus.Endpoint{
				Name: "commands.break", RequestSchema: "{}", ReplySchema: "{}",
				Handle: func(_ context.Context, call bus.Call) (any, error) { panic(string(call.Data)) },
			})
			for i, w := range p.work {
				p.work[i].Handle = func(ctx context.Context, d bus.Delivery) bus.Disposition {
					if strings.Contains(d.Subject, ".panics.") {
						panic(string(d.Data))
					}
					return w.Handle(ctx, d)
				}
			}
			return p.runAll(ctx, o.stop, log, func() { o.health.start(); close(ready) })
		})
	}()
	l.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			l.t.Errorf("the bridge did not stop cleanly: %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		done <- err
		l.t.Fatal(err)
	}
}

// ask sends a request over NATS, which has to be refused with code, or done where
// it is empty, and gives the reply; a refusal is kept as told to others.
func (l *leakBridge) ask(endpoint, body, code string) string {
	l.t.Helper()
	reply, err := l.nc.Request("devicebridge.v1."+endpoint, []byte(body), time.Minute)
	if err != nil {
		l.t.Fatal(err)
	}
	if code != "" {
		_, _ = fmt.Fprintln(&l.others, reply.Header, string(reply.Data))
	}
	var refusal struct{ Error struct{ Code string } }
	if err := json.Unmarshal(reply.Data, &refusal); err != nil || refusal.Error.Code != code {
		l.t.Errorf("%s of %.80s is answered with %.300s, want the code %q", endpoint, body, reply.Data, code)
	}
	return string(reply.Data)
}

// postback posts to a callback and wants a status; the answer is kept.
func (l *leakBridge) postback(address, body string, want int) {
	l.t.Helper()
	response, err := http.Post(address, "application/json", strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != want {
		l.t.Errorf("a postback is answered with %d (%v), want %d", response.StatusCode, err, want)
	}
	_, _ = fmt.Fprintln(&l.others, response.Header, string(text))
}

// request gives a request for a launchUri command whose payload has a secret.
func (l *leakBridge) request(what, device, more string) string {
	return fmt.Sprintf(`{"requestId":%q,"deviceId":%q,"type":"launchUri","payload":{"uri":"https://example.com/?%s"}%s}`, what, device, l.hush.make(what), more)
}

// callback keeps the token of a callback as a secret.
func (l *leakBridge) callback(what, address string) string {
	l.t.Helper()
	token := address[strings.LastIndexByte(address, '/')+1:]
	if mac := token[strings.LastIndexByte(token, '.')+1:]; len(mac) < 40 {
		l.t.Fatalf("no token in %q", address)
	} else {
		l.hush.keep("token of "+what, mac)
	}
	return address
}

// TestLogLeak (fault case 38) has a bridge do all that it does, with every line of
// the log on, and looks for each secret, token and payload in the log, in what the
// admin listener shows and in what refused requests are answered.
func TestLogLeak(t *testing.T) {
	a := cliStartAuthority(t, authority.Options{})
	l := startLeakBridge(t, a)
	if status, _ := cliPut(t, l.admin+"/loglevel", "debug"); status != http.StatusOK {
		t.Fatalf("the level cannot be set: %d", status)
	}
	cliUntil(t, l.admin+"/readyz", http.StatusOK, "signIn: nobody is signed in")
	l.fails(exitUnavailable, "nobody is signed in", "devices", "--refresh")
	l.login(a)

	// Commands that go well, that Graph refuses and that break down on the way.
	l.ok("send", "--device", "answers", "--app-service", "a", "--package", "p", "--payload", `{"pin":"`+l.hush.make("request payload")+`"}`, "--wait", "1m")
	l.ask("commands.send", l.request("launch payload", cliCompletes, ""), "")
	for device, kind := range map[string]string{"gossips": "rejected", "gossips-and-breaks": "outcomeUnknown", "panics": "rejected"} {
		id := cliField(t, l.ok("send", "--device", "id:"+device, "--uri", "https://example.com/?"+l.hush.make("payload for "+device)), "command")
		l.follow(1, id, "--kind", kind, "--all")
	}
	// Requests that are refused.
	l.ask("commands.send", l.request("launch payload", cliStays, ""), "conflict")
	l.ask("commands.send", l.request("payload under a wrong type", cliStays, `,"type":"`+l.hush.make("type")+`"`), "invalid")
	l.ask("commands.send", l.request("payload of broken JSON", cliStays, ","), "invalid")
	l.ask("commands.send", l.request("payload with an unknown member", cliStays, `,"surprise":1`), "invalid")
	l.ask("commands.send", l.request("payload that is too large", cliStays, `,"correlationId":"c","appServiceName":"`+strings.Repeat("x", 1_030_000)+`"`), "invalid")
	l.ask("commands.break", l.request("payload of a panic", cliStays, ""), "unavailable")
	l.ask("intake.send", l.request("payload of the intake", cliCompletes, ""), "")
	id := regexp.MustCompile(`"seq":\d+`).FindString(l.ask("intake.send", l.request("bad payload of the intake", cliStays, `,"x":1`), ""))
	if id == "" {
		t.Error("the intake acknowledged nothing")
	}
	l.follow(2, "--kind", "rejected", "--all")

	// Postbacks, good, bad and forged.
	made := cliField(t, l.ok("callback", "--request-id", "by-hand"), "callback")
	l.callback("a callback by hand", made)
	for i, r := range l.emulator.Commands() {
		var body struct{ PostBackURI string }
		if err := json.Unmarshal(r.Body, &body); err != nil {
			t.Fatal(err)
		}
		l.callback(fmt.Sprintf("POST %d", i), body.PostBackURI)
	}
	said := `{"status":"executing","id":"g","responsePayload":{"a":"` + l.hush.make("payload of a postback") + `"}}`
	l.postback(made, said, http.StatusAccepted)
	l.postback(made, said, http.StatusAccepted)
	l.postback(made, `{"status":"completed","`+l.hush.make("broken postback"), http.StatusBadRequest)
	l.postback(made, `{"status":"`+strings.Repeat(l.hush.make("large postback"), 100_000)+`"}`, http.StatusRequestEntityTooLarge)
	l.postback(made+"x", said, http.StatusNotFound)
	l.postback(strings.Replace(made, "/postback/", "/postbacks/", 1)+"?"+l.hush.make("query"), said, http.StatusNotFound)
	l.postback(made, `{"status":"completed"}`, http.StatusAccepted)

	shown := cliGet(t, l.admin+"/metrics") + cliGet(t, l.admin+"/readyz?verbose") + cliGet(t, l.admin+"/version") + cliRun(t, l.vars, "whoami").stdout
	for where, text := range map[string]string{"the log": l.logs.String(), "the admin listener and whoami": shown, "an answer to a refused request": l.others.String()} {
		for _, what := range l.hush.found(text) {
			t.Errorf("%s has the %s: %s", where, what, cliAround(text, l.hush.secrets[what]))
		}
		if n := len(a.leaked(text)); n > 0 {
			t.Errorf("%s has %d tokens of the authority", where, n)
		}
		if token := regexp.MustCompile(`Bearer [^\[]\S*`).FindString(text); token != "" {
			t.Errorf("%s has a bearer token: %s", where, cliAround(text, token))
		}
	}
	checkLeakLines(t, l.logs.String())
	// The control: the search finds what is there.
	if n := len(l.hush.found(said + made)); n != 2 {
		t.Errorf("the search finds %d secrets in a postback and its callback, want 2", n)
	}
}

func cliAround(text, secret string) string {
	i := strings.Index(text, secret)
	return text[max(0, i-200):min(len(text), i+20)]
}

// checkLeakLines wants of the log that everything was in it, and that the lines
// about a command name it.
func checkLeakLines(t *testing.T, log string) {
	t.Helper()
	seen := map[string]int{}
	for text := range strings.Lines(log) {
		var line struct{ Level, Msg, Command, Operation, Result, Consumer string }
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("line %s: %v", text, err)
		}
		seen[line.Msg]++
		seen[line.Level]++
		about := line.Msg == "event stored" || line.Operation == "send command" || line.Consumer == "dispatch" || line.Result == "accepted"
		if about && len(line.Command) != 26 {
			t.Errorf("the line names no command: %s", text)
		}
	}
	for _, word := range []string{
		slog.LevelDebug.String(), slog.LevelError.String(), "event stored", "graph request", "postback",
		"a handler panicked; its message is set aside and the others go on", "an endpoint panicked; its request is refused and the others go on",
	} {
		if seen[word] == 0 {
			t.Errorf("the log has no line of %q", word)
		}
	}
}
