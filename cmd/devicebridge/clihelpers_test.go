package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator"
)

// The emulator's devices that these tests command.
const (
	cliCompletes = "6841b3db-2b55-467b-ad84-79a41a4ef665"
	cliFails     = "2c9e8f14-7a60-4d3b-b5e2-1d04c6a9f7b8"
	cliStays     = "a-device-that-stays-in-requesting"
)

// cliResult is what one run of the command left behind.
type cliResult struct {
	code           int
	stdout, stderr string
}

// cliRun runs the command line as main does.
func cliRun(t *testing.T, vars map[string]string, args ...string) cliResult {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(append([]string{}, args...), cliEnviron(vars), &stdout, &stderr) // nil would mean the arguments of the test
	return cliResult{code, stdout.String(), stderr.String()}
}

func cliEnviron(vars map[string]string) []string {
	var environ []string
	for name, value := range vars {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// cliBridge is a bridge in this process, on the emulator, and the environment in
// which a client finds it.
type cliBridge struct {
	t        *testing.T
	emulator *emulator.Emulator
	vars     map[string]string
	admin    string // base URL of the admin listener
}

// cliDevices are the emulator's, and one that stays in requesting.
func cliDevices() []emulator.Device {
	return append(emulator.DefaultDevices(), emulator.Device{ID: cliStays, Name: "Stays", Script: []emulator.Step{}})
}

// cliEmulator serves the emulator and gives the base URL of its Graph.
func cliEmulator(t *testing.T, o emulator.Options) (e *emulator.Emulator, url string) {
	t.Helper()
	if o.StepDelay == 0 {
		o.StepDelay = 25 * time.Millisecond // quick, and not quicker than Graph's own answer
	}
	if o.Devices == nil {
		o.Devices = cliDevices()
	}
	e, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e)
	t.Cleanup(func() {
		server.Close()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, server.URL + "/beta"
}

// cliServing is the environment of a `serve` on free ports, apart from the
// address where it listens for postbacks.
func cliServing(t *testing.T, graphURL string) map[string]string {
	t.Helper()
	return map[string]string{
		"BRIDGE_GRAPH_URL": graphURL, "BRIDGE_GRAPH_AUTH": "static", "BRIDGE_GRAPH_TOKEN": "any",
		"BRIDGE_DATA_DIR": t.TempDir(), "BRIDGE_NATS_LISTEN": "127.0.0.1:0",
		"BRIDGE_ADMIN_ADDR": "127.0.0.1:0", "BRIDGE_URI_SCHEMES": "https,http,x", // x:y is what most tests open
	}
}

// cliStart runs a bridge until the test ends.
func cliStart(t *testing.T, o emulator.Options) *cliBridge {
	t.Helper()
	return cliStartWith(t, o, nil)
}

func cliStartWith(t *testing.T, o emulator.Options, more map[string]string) *cliBridge {
	t.Helper()
	e, graphURL := cliEmulator(t, o)
	b := cliRunBridge(t, graphURL, more)
	b.emulator = e
	return b
}

// cliStartOn runs a bridge on another Graph than the emulator.
func cliStartOn(t *testing.T, graph http.Handler) *cliBridge {
	t.Helper()
	server := httptest.NewServer(graph)
	t.Cleanup(server.Close)
	return cliRunBridge(t, server.URL+"/beta", nil)
}

func cliRunBridge(t *testing.T, graphURL string, more map[string]string) *cliBridge {
	t.Helper()
	return cliRunBridgeListening(t, graphURL, more, make(chan string, 1))
}

// cliRunBridgeListening tells where postbacks arrive.
func cliRunBridgeListening(t *testing.T, graphURL string, more map[string]string, listening chan<- string) *cliBridge {
	t.Helper()
	hook, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listening <- hook.Addr().String()
	vars := cliServing(t, graphURL)
	maps.Copy(vars, map[string]string{"BRIDGE_PUBLIC_URL": "http://" + hook.Addr().String(), "BRIDGE_NATS_SYNC": "interval"})
	maps.Copy(vars, more)
	c, err := loadServe(vars)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan started, 1), make(chan error, 1)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	go func() { done <- runBridge(ctx, c, hook, log, func(s started) { ready <- s }) }()
	select {
	case s := <-ready:
		t.Cleanup(func() {
			stop()
			if err := <-done; err != nil {
				t.Errorf("the bridge did not stop cleanly: %v", err)
			}
		})
		return &cliBridge{t: t, vars: map[string]string{"NATS_URL": s.NATS}, admin: "http://" + s.Admin}
	case err := <-done:
		stop()
		t.Fatal(err)
		return nil
	}
}

// run runs a client of the bridge.
func (b *cliBridge) run(args ...string) cliResult {
	b.t.Helper()
	return cliRun(b.t, b.vars, args...)
}

// ok runs a client that has to succeed, and gives its output.
func (b *cliBridge) ok(args ...string) string {
	b.t.Helper()
	return cliOK(b.t, b.vars, args...)
}

func cliOK(t *testing.T, vars map[string]string, args ...string) string {
	t.Helper()
	r := cliRun(t, vars, args...)
	if r.code != exitOK || r.stderr != "" {
		t.Fatalf("devicebridge %s: exit %d, stderr %q", strings.Join(args, " "), r.code, r.stderr)
	}
	return r.stdout
}

// fails runs a client that has to fail, and holds its exit code and a part of
// its words.
func (b *cliBridge) fails(code int, words string, args ...string) cliResult {
	b.t.Helper()
	r := b.run(args...)
	if r.code != code || !strings.Contains(r.stderr, words) {
		b.t.Errorf("devicebridge %s: exit %d, %q; want %d and %q", strings.Join(args, " "), r.code, r.stderr, code, words)
	}
	return r
}

// cliWatched is what a watch showed.
type cliWatched struct {
	lines  []string
	stderr string
	err    error
}

// watch runs `watch` until it has printed lines lines and ends it as Ctrl-C does.
func (b *cliBridge) watch(lines int, args ...string) cliWatched {
	b.t.Helper()
	ctx, stop := context.WithCancel(b.t.Context())
	defer stop()
	w := &cliLineWriter{want: lines, enough: stop}
	var stderr bytes.Buffer
	root := newRoot(b.vars, w, &stderr)
	root.SetArgs(append([]string{"watch"}, args...))
	err := root.ExecuteContext(ctx)
	return cliWatched{slices.Collect(strings.Lines(w.String())), stderr.String(), err}
}

// follow is watch that has to succeed.
func (b *cliBridge) follow(lines int, args ...string) []string {
	b.t.Helper()
	w := b.watch(lines, args...)
	if w.err != nil || w.stderr != "" {
		b.t.Fatalf("watch %v: %v, stderr %q", args, w.err, w.stderr)
	}
	return w.lines
}

// cliLineWriter calls enough at the want-th line.
type cliLineWriter struct {
	bytes.Buffer
	want   int
	enough func()
}

func (w *cliLineWriter) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if bytes.Count(w.Bytes(), []byte("\n")) >= w.want {
		w.enough()
	}
	return n, err
}

// cliField gives the value that `name value` lines show for name.
func cliField(t *testing.T, output, name string) string {
	t.Helper()
	for line := range strings.Lines(output) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("no %q in %q", name, output)
	return ""
}

// cliJSON decodes one line of JSON.
func cliJSON[T any](t *testing.T, line string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	if strings.Count(line, "\n") > 1 {
		t.Errorf("more than one line of JSON: %q", line)
	}
	return v
}

// cliPost sends a postback and gives the status.
func cliPost(t *testing.T, address, body string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func cliBuild(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "devicebridge")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// cliProcess is a running process, killed with the test if it still runs then.
type cliProcess struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr *cliLines
	exited         chan struct{}
}

// cliLines hands out what a process writes, line by line; closed at its end.
type cliLines struct {
	rest  []byte
	lines chan string
}

func (l *cliLines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.lines <- string(line)
		l.rest = rest
	}
}

func cliSpawn(t *testing.T, binary string, vars map[string]string, args ...string) *cliProcess {
	t.Helper()
	p := &cliProcess{
		t: t, cmd: exec.CommandContext(context.Background(), binary, args...), exited: make(chan struct{}),
		// A process that nobody reads from must not stall.
		stdout: &cliLines{lines: make(chan string, 10_000)}, stderr: &cliLines{lines: make(chan string, 10_000)},
	}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = cliEnviron(vars), p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // its outcome is in ProcessState
		close(p.stdout.lines)
		close(p.stderr.lines)
		close(p.exited)
	}()
	t.Cleanup(func() {
		if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-p.exited
	})
	return p
}

// await gives the next line that holds words.
func (p *cliProcess) await(from *cliLines, words string) string {
	p.t.Helper()
	var before []string
	for line := range from.lines {
		if strings.Contains(line, words) {
			return line
		}
		before = append(before, line)
	}
	p.t.Fatalf("the process ended (%v) without %q; it wrote\n%s", p.cmd.ProcessState, words, strings.Join(before, "\n"))
	return ""
}

func (p *cliProcess) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// end waits for the process and gives what it had left to say.
func (p *cliProcess) end(code int) (stdout, stderr []string) {
	p.t.Helper()
	stdout, stderr = slices.AppendSeq(stdout, cliRest(p.stdout)), slices.AppendSeq(stderr, cliRest(p.stderr))
	if <-p.exited; p.cmd.ProcessState.ExitCode() != code {
		p.t.Errorf("the process ended with %v, want exit code %d; it wrote\n%s\n%s", p.cmd.ProcessState, code, strings.Join(stdout, "\n"), strings.Join(stderr, "\n"))
	}
	return stdout, stderr
}

func cliRest(l *cliLines) func(func(string) bool) {
	return func(yield func(string) bool) {
		for line := range l.lines {
			if !yield(line) {
				return
			}
		}
	}
}

// cliSite is where a `serve` stands: its Graph, its data directory, and a public
// URL that stays the same whatever port the process listens on.
type cliSite struct {
	t        *testing.T
	binary   string
	emulator *emulator.Emulator
	vars     map[string]string
	listen   atomic.Pointer[url.URL]
}

func cliNewSite(t *testing.T, binary string, o emulator.Options) *cliSite {
	t.Helper()
	e, graphURL := cliEmulator(t, o)
	s := &cliSite{t: t, binary: binary, emulator: e, vars: cliServing(t, graphURL)}
	public := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(s.listen.Load()) },
		ErrorLog:     nil,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(public.Close)
	s.vars["BRIDGE_PUBLIC_URL"], s.vars["BRIDGE_LISTEN_ADDR"] = public.URL, "127.0.0.1:0"
	return s
}

// serve starts the process and gives it with a client, once it is ready.
func (s *cliSite) serve() (*cliProcess, *cliBridge) {
	s.t.Helper()
	p := cliSpawn(s.t, s.binary, s.vars, "serve")
	return p, s.client(p)
}

// client waits until the process is ready and gives a client of it.
func (s *cliSite) client(p *cliProcess) *cliBridge {
	s.t.Helper()
	ready := cliJSON[struct {
		NATS, Listen, Admin, Callbacks string
		Embedded                       bool
	}](s.t, p.await(p.stderr, `"msg":"ready"`))
	if !ready.Embedded || ready.Callbacks != s.vars["BRIDGE_PUBLIC_URL"]+"/postback/" {
		s.t.Errorf("ready says %+v", ready)
	}
	s.listen.Store(&url.URL{Scheme: "http", Host: ready.Listen})
	return &cliBridge{t: s.t, emulator: s.emulator, vars: map[string]string{"NATS_URL": ready.NATS}, admin: "http://" + ready.Admin}
}

// cliGet reads a URL of this machine.
func cliGet(t *testing.T, address string) string {
	t.Helper()
	status, text := cliFetch(t, http.MethodGet, address)
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d", address, status)
	}
	return text
}

// cliFetch gives the status and the body that a URL of this machine answers with.
func cliFetch(t *testing.T, method, address string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer x")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	return response.StatusCode, string(text)
}
