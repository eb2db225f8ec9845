// Package check holds the dashboard and the alerts of devicebridge against what a
// running bridge shows, with Prometheus' own parser and engine. It is a module of
// its own so that the bridge does not depend on Prometheus' server.
package check

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// root is the folder of the product's module.
const root = "../../.."

// device is one of the emulator's, whose commands complete.
const device = "6841b3db-2b55-467b-ad84-79a41a4ef665"

// scrapes is what a bridge showed before and after a command.
type scrapes struct{ before, after []byte }

// scraped runs a bridge on the emulator, built from this source, sends a command
// through it and forges a postback.
func scraped(t *testing.T) scrapes {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "devicebridge")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, "./cmd/devicebridge")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	emulator := spawn(t, binary, nil, "emulator", "--listen", "127.0.0.1:0")
	graph := regexp.MustCompile(`http://[0-9.:]+/beta`).FindString(emulator.await("/beta"))

	// The public address has to be known before the bridge listens.
	var listen atomic.Pointer[url.URL]
	public := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(listen.Load()) }})
	t.Cleanup(public.Close)
	serve := spawn(t, binary, []string{
		"BRIDGE_GRAPH_URL=" + graph, "BRIDGE_GRAPH_AUTH=static", "BRIDGE_GRAPH_TOKEN=any", "BRIDGE_PUBLIC_URL=" + public.URL,
		"BRIDGE_DATA_DIR=" + t.TempDir(), "BRIDGE_LISTEN_ADDR=127.0.0.1:0", "BRIDGE_NATS_LISTEN=127.0.0.1:0", "BRIDGE_ADMIN_ADDR=127.0.0.1:0",
	}, "serve")
	var ready struct{ NATS, Listen, Admin string }
	if err := json.Unmarshal([]byte(serve.await(`"msg":"ready"`)), &ready); err != nil {
		t.Fatal(err)
	}
	listen.Store(&url.URL{Scheme: "http", Host: ready.Listen})

	var s scrapes
	s.before = get(t, "http://"+ready.Admin+"/metrics")
	if status := post(t, public.URL+"/postback/x/y"); status != http.StatusNotFound {
		t.Errorf("a forged postback is answered with %d", status)
	}
	send := exec.CommandContext(t.Context(), binary, "send", "--device", device, "--uri", "https://example.com/", "--wait", "1m")
	send.Env = []string{"NATS_URL=" + ready.NATS}
	if out, err := send.CombinedOutput(); err != nil {
		t.Fatalf("send: %v: %s", err, out)
	}
	s.after = get(t, "http://"+ready.Admin+"/metrics")
	return s
}

// process is a running devicebridge and its lines.
type process struct {
	t     *testing.T
	lines *bufio.Scanner
}

// spawn starts a process that ends with the test.
func spawn(t *testing.T, binary string, environ []string, args ...string) process {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append([]string{"HOME=" + t.TempDir()}, environ...), w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, r) // until it has closed its end
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", args[0], err)
		}
		_ = r.Close()
	})
	return process{t, bufio.NewScanner(r)}
}

// await gives the next line that has words.
func (p process) await(words string) string {
	p.t.Helper()
	var all []string
	for p.lines.Scan() {
		if all = append(all, p.lines.Text()); strings.Contains(p.lines.Text(), words) {
			return p.lines.Text()
		}
	}
	p.t.Fatalf("no line has %q: %s", words, strings.Join(all, "\n"))
	return ""
}

func get(t *testing.T, address string) []byte {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", address, response.StatusCode, err)
	}
	return text
}

func post(t *testing.T, address string) int {
	t.Helper()
	response, err := http.Post(address, "application/json", strings.NewReader(`{"status":"completed"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}
