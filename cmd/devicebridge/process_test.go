package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// TestProcess runs the built binary.
func TestProcess(t *testing.T) {
	binary := cliBuild(t)
	// The demo takes other ports where its own are taken; here they always are, so
	// that several can run and no other client of this machine meets them.
	for _, port := range []string{"4222", "8080", "8089"} {
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			t.Cleanup(func() { _ = l.Close() })
		}
	}
	silent, again := cliSubscribeSilently(t, binary), cliSubscribeAgain(t, binary)
	t.Run("beside", func(t *testing.T) { runProcessTests(t, binary) })
	again()
	silent()
}

func runProcessTests(t *testing.T, binary string) {
	for name, test := range map[string]func(*testing.T, string){
		"serve, stop, serve again":  cliTestReopen,
		"kill -9 after a receipt":   cliTestKilled,
		"a damaged store":           cliTestDamaged(cliSpoilEvents, "events are missing from stream DEVICEBRIDGE_V1_EVENTS"),
		"a damaged metafile":        cliTestDamaged(cliSpoilMetafile, "stream DEVICEBRIDGE_V1_EVENTS is not as the bridge left it: its metafile"),
		"a store that is gone":      cliTestDamaged(os.RemoveAll, "stream DEVICEBRIDGE_V1_EVENTS is not as the bridge left it: its directory"),
		"a clock far ahead":         cliTestDamaged(cliNoteEarlier, "the clock says"),
		"second signal":             cliTestSecondSignal,
		"one data directory":        cliTestDataDirectory,
		"demo":                      cliTestDemo,
		"demo --keep":               cliTestDemoKeep,
		"the directory beside it":   cliTestReadmeDirectory,
		"emulator":                  cliTestEmulator,
		"watch ended by a signal":   cliTestWatchSignal,
		"a port that is taken":      cliTestPortTaken,
		"secrets stay out of a log": cliTestLog,
		"paused and quarantined":    cliTestPaused,
		"erased":                    cliTestErased,
		"probes before NATS is up":  cliTestProbesWhileWaiting,
		"probes during a stop":      cliTestProbesWhileStopping,
		"a stop out of time":        cliTestStopUnfinished,
		"a stop without NATS":       cliTestStopWithoutNATS,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, binary)
		})
	}
}

func cliTestReopen(t *testing.T, binary string) {
	site := cliNewSite(t, binary, emulator.Options{})
	for i, s := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		serve, b := site.serve()
		send := cliSpawn(t, binary, b.vars, "send", "--device", cliCompletes, "--uri", "x:y", "--request-id", "kept", "--wait", "1m")
		stdout, stderr := send.end(exitOK)
		if len(stderr) > 0 || !strings.HasPrefix(stdout[1], "state     completed ") {
			t.Errorf("run %d: send printed %q, %q", i, stdout, stderr)
		}
		serve.signal(s)
		serve.end(exitOK)
		b.fails(exitUnavailable, "connect to NATS", "list")
	}
	if posts := len(site.emulator.Commands()); posts != 1 {
		t.Errorf("Graph saw %d POSTs of one request id over two runs", posts)
	}
}

func cliTestKilled(t *testing.T, binary string) {
	// Graph asks for a pause, so that the second command is still to be sent when
	// the process dies.
	site := cliNewSite(t, binary, emulator.Options{Faults: emulator.Faults{ServiceUnavailable: 1, RetryAfter: 3 * time.Second}})
	serve, b := site.serve()
	first := cliField(t, b.ok("send", "--device", cliCompletes, "--uri", "x:y"), "command")
	b.follow(1, first, "--all", "--kind", "deferred")
	callback := b.ok("callback", "--request-id", "minted")
	second := cliField(t, b.ok("send", "--device", cliCompletes, "--app-service", "a", "--package", "p", "--payload", "{}"), "command")
	serve.signal(syscall.SIGKILL)
	serve.end(-1)
	if err := site.emulator.SetFaults(emulator.Faults{}); err != nil {
		t.Fatal(err)
	}

	_, b = site.serve()
	for _, id := range []string{first, second} {
		if out := b.ok("watch", id, "--until-end"); !strings.Contains(out, "accepted ") || !strings.Contains(out, "completed ") {
			t.Errorf("after the restart the command went\n%s", out)
		}
	}
	if got := cliField(t, b.ok("get", second), "response"); !strings.Contains(got, `"Type":"Ok"`) {
		t.Errorf("its response is %q", got)
	}
	if got := cliPost(t, cliField(t, callback, "callback"), `{"status":"completed"}`); got != http.StatusAccepted {
		t.Errorf("a callback minted before is answered with %d", got)
	}
	taken := slices.DeleteFunc(site.emulator.Commands(), func(c emulator.Received) bool { return !c.Taken })
	if len(taken) != 2 {
		t.Errorf("Graph took %d commands, want 2", len(taken))
	}
}

// cliTestDamaged: a store that lost events, or would lose them as soon as it is opened,
// does not make the bridge send again. spoil is given the store's directory.
func cliTestDamaged(spoil func(store string) error, words string) func(*testing.T, string) {
	return func(t *testing.T, binary string) {
		site := cliNewSite(t, binary, emulator.Options{})
		serve, b := site.serve()
		b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--wait", "1m")
		serve.signal(syscall.SIGTERM)
		serve.end(exitOK)
		if err := spoil(filepath.Join(site.vars["BRIDGE_DATA_DIR"], "nats")); err != nil {
			t.Fatal(err)
		}

		for range 2 {
			_, stderr := cliSpawn(t, binary, site.vars, "serve").end(exitFailure)
			last := stderr[len(stderr)-1]
			for _, words := range []string{words, "BRIDGE_DISPATCH=paused"} {
				if !strings.Contains(last, words) {
					t.Errorf("it says %q, without %q", last, words)
				}
			}
		}
		site.vars["BRIDGE_DISPATCH"] = "paused"
		serve, b = site.serve()
		b.ok("quarantine", "--before", "now")
		serve.signal(syscall.SIGTERM)
		serve.end(exitOK)
		delete(site.vars, "BRIDGE_DISPATCH")
		serve, b = site.serve()
		b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--wait", "1m")
		serve.signal(syscall.SIGTERM)
		serve.end(exitOK)
		if posts := len(site.emulator.Commands()); posts != 2 {
			t.Errorf("Graph saw %d POSTs of two commands", posts)
		}
	}
}

// cliEventFile returns the file that holds the events of a small store.
func cliEventFile(store string) (string, error) {
	files, err := filepath.Glob(filepath.Join(store, "jetstream", "*", "streams", "*_EVENTS", "msgs", "1.blk"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("the events are in %v (%w)", files, err)
	}
	return files[0], nil
}

// cliSpoil changes one byte in the middle of a file.
func cliSpoil(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text[len(text)/2] ^= 1
	return os.WriteFile(file, text, 0o600)
}

func cliSpoilEvents(store string) error {
	file, err := cliEventFile(store)
	if err != nil {
		return err
	}
	return cliSpoil(file)
}

// cliSpoilMetafile leaves of the events only the first, and makes the stream one that
// NATS leaves out.
func cliSpoilMetafile(store string) error {
	file, err := cliEventFile(store)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	first := int64(binary.LittleEndian.Uint32(text) &^ (1 << 31))
	return errors.Join(os.Truncate(file, first), cliSpoil(filepath.Join(filepath.Dir(filepath.Dir(file)), "meta.inf")))
}

// cliNoteEarlier has the bridge have run eight days ago: the clock is as far ahead.
func cliNoteEarlier(store string) error {
	file := filepath.Join(filepath.Dir(store), "witness.json")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var said map[string]any
	if err := json.Unmarshal(text, &said); err != nil {
		return err
	}
	said["noted"] = time.Now().Add(-8 * 24 * time.Hour)
	if text, err = json.Marshal(said); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func cliTestSecondSignal(t *testing.T, binary string) {
	posted, release := make(chan struct{}), make(chan struct{})
	graph := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(posted)
		<-release
	}))
	t.Cleanup(graph.Close)
	t.Cleanup(func() { close(release) })
	site := cliNewSite(t, binary, emulator.Options{})
	site.vars["BRIDGE_GRAPH_URL"] = graph.URL + "/beta"
	serve, b := site.serve()
	b.ok("send", "--device", "id:d", "--uri", "x:y")
	<-posted
	serve.signal(syscall.SIGTERM)
	serve.await(serve.stderr, "a second signal ends it at once")
	serve.signal(syscall.SIGTERM)
	serve.end(-1)
	if status, ok := serve.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("the process ended with %v, want the signal", serve.cmd.ProcessState)
	}
}

func cliTestDataDirectory(t *testing.T, binary string) {
	site := cliNewSite(t, binary, emulator.Options{})
	serve, b := site.serve()
	other := cliSpawn(t, binary, site.vars, "serve")
	_, stderr := other.end(exitFailure)
	want := "devicebridge: data directory " + filepath.Join(site.vars["BRIDGE_DATA_DIR"], "nats") + " is in use by another process"
	if len(stderr) != 1 || !strings.HasPrefix(stderr[0], want) || !strings.Contains(stderr[0], "BRIDGE_DATA_DIR") {
		t.Errorf("the second says %q, want %q", stderr, want)
	}
	b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--wait", "1m") // the first does not mind
	serve.signal(syscall.SIGTERM)
	serve.end(exitOK)
}

// cliTimeline finds the kinds in the lines of a timeline.
func cliTimeline(lines []string) string {
	var kinds []string
	line := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3}  [a-z2-7]{26}  +\d+  ([a-zA-Z]+)`)
	for _, text := range lines {
		if m := line.FindStringSubmatch(text); m != nil {
			kinds = append(kinds, m[1])
		}
	}
	return strings.Join(kinds, " ")
}

func cliTestDemo(t *testing.T, binary string) {
	temp := t.TempDir()
	stdout, stderr := cliSpawn(t, binary, map[string]string{"TMPDIR": temp}, "demo").end(exitOK)
	launch := "accepted sending requesting sentToTarget executing completed"
	if got, want := cliTimeline(stdout), launch+" "+launch+" response"; got != want {
		t.Errorf("the timelines are %q, want %q", got, want)
	}
	text := strings.Join(stdout, "\n")
	for _, words := range []string{
		"\nlaunchUri on JimSurface (", "\nappService on JimSurface (", `response         {"CreationDate":`, `"Type":"Ok"}`,
		"sub 'devicebridge.v1.events.>'", "req devicebridge.v1.commands.send", "curl -i -d",
	} {
		if !strings.Contains(text, words) {
			t.Errorf("%q is missing in\n%s", words, text)
		}
	}
	if len(stderr) > 0 {
		t.Errorf("it complains: %q", stderr)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v behind (%v)", left, err)
	}
}

func cliTestDemoKeep(t *testing.T, binary string) {
	demo := cliSpawn(t, binary, map[string]string{"TMPDIR": t.TempDir()}, "demo", "--keep")
	nats := regexp.MustCompile(`NATS (nats://\S+), Graph`).FindStringSubmatch(demo.await(demo.stdout, "devicebridge "))
	curl := demo.await(demo.stdout, "curl -i -d '{\"status\":\"completed\"}' ")
	ledger := strings.TrimPrefix(demo.await(demo.stdout, "curl -s http"), "  curl -s ")
	demo.await(demo.stdout, "Ctrl-C stops it.")
	fields := strings.Fields(curl)
	if got := cliPost(t, strings.Trim(fields[len(fields)-1], "'"), `{"status":"completed"}`); got != http.StatusAccepted {
		t.Errorf("%s is answered with %d", curl, got)
	}
	b := &cliBridge{t: t, vars: map[string]string{"NATS_URL": nats[1]}}
	if got := cliField(t, b.ok("get", events.RequestCommandID("by-hand")), "state"); !strings.HasPrefix(got, "completed ") {
		t.Errorf("after the curl line the command is %s", got)
	}
	if text := cliGet(t, ledger); !strings.Contains(text, "LaunchUri") {
		t.Errorf("the ledger shows %s", text)
	}
	demo.signal(os.Interrupt)
	demo.end(exitOK)
}

func cliTestEmulator(t *testing.T, binary string) {
	p := cliSpawn(t, binary, nil, "emulator", "--listen", "127.0.0.1:0", "--profile", "pascal")
	base := regexp.MustCompile(`http://\S+/beta`).FindString(p.await(p.stdout, "Graph emulator at "))
	if text := cliGet(t, base+"/me/devices"); !strings.Contains(text, `"Name":"JimSurface"`) {
		t.Errorf("the devices are %s", text)
	}
	p.signal(syscall.SIGTERM)
	p.end(exitOK)
}

func cliTestWatchSignal(t *testing.T, binary string) {
	b := cliStart(t, emulator.Options{})
	id := cliField(t, b.ok("send", "--device", cliStays, "--uri", "x:y"), "command")
	watch := cliSpawn(t, binary, b.vars, "watch", "--all")
	watch.await(watch.stdout, id)
	watch.signal(os.Interrupt)
	if _, stderr := watch.end(exitOK); len(stderr) > 0 {
		t.Errorf("watch complains: %q", stderr)
	}
}

func cliTestPortTaken(t *testing.T, binary string) {
	taken := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(taken.Close)
	address := taken.Listener.Addr().String()
	for _, name := range []string{"BRIDGE_LISTEN_ADDR", "BRIDGE_ADMIN_ADDR", "BRIDGE_NATS_LISTEN"} {
		vars := cliServing(t, "http://127.0.0.1:1/beta")
		maps.Copy(vars, map[string]string{"BRIDGE_PUBLIC_URL": "http://127.0.0.1:1", "BRIDGE_LISTEN_ADDR": "127.0.0.1:0", name: address})
		_, stderr := cliSpawn(t, binary, vars, "serve").end(exitFailure) // it passes
		if len(stderr) != 1 || !strings.Contains(stderr[0], name) || !strings.Contains(stderr[0], "address already in use") {
			t.Errorf("%s taken: %q", name, stderr)
		}
		for address, want := range map[string]int{
			"192.0.2.1:8080":  exitFailure, // it is for documentation, so no machine has it; another might come with the network
			"127.0.0.1:99999": exitUsage,
		} {
			if name == "BRIDGE_NATS_LISTEN" && want == exitFailure {
				continue // it takes addresses on loopback only
			}
			vars[name] = address
			_, stderr := cliSpawn(t, binary, vars, "serve").end(want)
			if len(stderr) != 1 || !strings.Contains(stderr[0], name) {
				t.Errorf("%s=%s: %q", name, address, stderr)
			}
		}
	}
	_, stderr := cliSpawn(t, binary, nil, "emulator", "--listen", address).end(exitFailure)
	if len(stderr) != 1 || !strings.Contains(stderr[0], "--listen") || !strings.Contains(stderr[0], "address already in use") {
		t.Errorf("--listen taken: %q", stderr)
	}
}

func cliTestLog(t *testing.T, binary string) {
	site := cliNewSite(t, binary, emulator.Options{})
	maps.Copy(site.vars, map[string]string{"BRIDGE_LOG_LEVEL": "debug", "BRIDGE_GRAPH_TOKEN": "token-of-this-test"})
	serve, b := site.serve()
	callback := cliField(t, b.ok("callback"), "callback")
	b.ok("send", "--device", cliCompletes, "--app-service", "a", "--package", "p", "--payload", `{"pin":"payload-of-this-test"}`, "--wait", "1m")
	b.fails(exitNotCompleted, "", "send", "--device", cliFails, "--uri", "https://example.com/payload-of-this-test", "--wait", "1m")
	if got := cliPost(t, callback, `{"status":"completed","responsePayload":{"a":"payload-of-this-test"}}`); got != http.StatusAccepted {
		t.Errorf("the postback is answered with %d", got)
	}
	if got := cliPost(t, callback+"x", `not JSON`); got != http.StatusNotFound {
		t.Errorf("a forged postback is answered with %d", got)
	}
	serve.signal(syscall.SIGTERM)
	stdout, stderr := serve.end(exitOK)
	log := strings.Join(append(stdout, stderr...), "\n")
	token := callback[strings.LastIndex(callback, "/")+1:]
	mac := token[strings.LastIndex(token, ".")+1:]
	for _, secret := range []string{"token-of-this-test", "payload-of-this-test", mac, "Bearer"} {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log:\n%s", secret, log)
		}
	}
	if len(stdout) > 0 || !strings.Contains(log, `"level":"DEBUG"`) {
		t.Errorf("stdout is %q, the log\n%s", stdout, log)
	}
}
