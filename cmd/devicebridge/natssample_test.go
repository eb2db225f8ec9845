package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/webhook"
)

// natsSample is a NATS server that runs the sample of deploy/nats, with another
// port, certificate and directory.
type natsSample struct {
	t       *testing.T
	url, ca string

	mu         sync.Mutex
	violations []string
}

// startNATSSample runs the sample; without names strings of it that are left out.
func startNATSSample(t *testing.T, without ...string) *natsSample {
	t.Helper()
	text, err := os.ReadFile("../../deploy/nats/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	pair := cliPair(t, "nats.example.com", time.Hour)
	conf := string(text)
	for theirs, ours := range map[string]string{
		"listen: 0.0.0.0:4222": "listen: 127.0.0.1:-1", "/var/lib/nats": t.TempDir(), "sync_interval: always": "sync_interval: 2m",
		"/etc/nats/tls/tls.crt": pair["cert"], "/etc/nats/tls/tls.key": pair["key"],
	} {
		if strings.Count(conf, theirs) != 1 {
			t.Fatalf("the sample has not one %q", theirs)
		}
		conf = strings.Replace(conf, theirs, ours, 1)
	}
	for _, taken := range without {
		if strings.Count(conf, taken) != 1 {
			t.Fatalf("the sample has not one %q", taken)
		}
		conf = strings.Replace(conf, taken, `"unused"`, 1)
	}
	for _, user := range []string{"bridge", "operator", "requester", "subscriber", "backup"} {
		t.Setenv("NATS_"+strings.ToUpper(user)+"_PASSWORD", "of-"+user)
	}
	o, err := server.ProcessConfigFile(cliFile(t, "nats.conf", conf))
	if err != nil {
		t.Fatal(err)
	}
	o.NoSigs = true
	s := &natsSample{t: t, ca: pair["cert"]}
	srv, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	srv.SetLoggerV2(s, false, false, false)
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(time.Minute) {
		t.Fatal("the NATS server is not ready")
	}
	s.url = "tls://" + srv.Addr().String()
	return s
}

// natsSample is the server's logger too: it keeps what was denied to the bridge.

func (s *natsSample) Errorf(format string, v ...any) {
	if text := fmt.Sprintf(format, v...); strings.Contains(text, "iolation") && strings.Contains(text, "bridge") {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.violations = append(s.violations, text)
	}
}
func (s *natsSample) Fatalf(format string, v ...any) { s.t.Errorf(format, v...) }
func (s *natsSample) Noticef(string, ...any)         {}
func (s *natsSample) Warnf(string, ...any)           {}
func (s *natsSample) Debugf(string, ...any)          {}
func (s *natsSample) Tracef(string, ...any)          {}

// denied gives what the server has denied to the bridge so far.
func (s *natsSample) denied() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// vars are a client's settings.
func (s *natsSample) vars(user string) map[string]string {
	return map[string]string{"NATS_URL": s.url, "NATS_CA": s.ca, "NATS_USER": user, "NATS_PASSWORD": "of-" + user}
}

// bridgeVars are the bridge's.
func (s *natsSample) bridgeVars(more map[string]string) map[string]string {
	vars := s.vars("bridge")
	vars["BRIDGE_CALLBACK_KEYS"], vars["BRIDGE_NATS_SYNC"], vars["BRIDGE_SWEEP_EVERY"] = webhook.NewKey(), "always", "1s"
	maps.Copy(vars, more)
	return vars
}

// as connects as a user of the sample.
func (s *natsSample) as(user string, opts ...nats.Option) (*nats.Conn, jetstream.JetStream) {
	s.t.Helper()
	opts = append(opts, nats.RootCAs(s.ca), nats.UserInfo(user, "of-"+user),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // asserted where it is expected
	nc, err := nats.Connect(s.url, opts...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		s.t.Fatal(err)
	}
	return nc, js
}
