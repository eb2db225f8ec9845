package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// site is the sample set-up, started: three servers of a hub, a leaf, and beside
// the leaf the bridge with the emulator.
type site struct {
	hub  string // URLs of the hub's servers
	leaf string
	ca   string // file
}

// configuration reads a sample as nats-server does, with its files under dir and
// edited as asked.
func configuration(t *testing.T, dir, name string, env map[string]string, edit func(string) string) *server.Options {
	t.Helper()
	text := string(readFile(t, "deploy/leafnode", name))
	text = strings.NewReplacer("/etc/nats/", filepath.Join(dir, "etc")+"/", "/var/lib/nats", filepath.Join(dir, "data")).Replace(text)
	if edit != nil {
		text = edit(text)
	}
	for variable, value := range env {
		t.Setenv(variable, value)
	}
	file := filepath.Join(dir, name)
	write(t, file, text)
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	options.NoLog, options.NoSigs, options.HTTPPort = true, true, 0
	return options
}

// start runs a server until the test ends.
func start(t *testing.T, options *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatalf("%s does not get ready", options.ServerName)
	}
	return s
}

// newSite starts the hub and the leaf by their samples. Only addresses differ:
// every host of the samples is this machine. edit changes the hub's sample.
func newSite(t *testing.T, edit func(string) string) site {
	t.Helper()
	dir := t.TempDir()
	authority := newCA(t)
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, errPublic := user.PublicKey()
	seed, errSeed := user.Seed()
	if errPublic != nil || errSeed != nil {
		t.Fatal(errPublic, errSeed)
	}
	env := map[string]string{
		"SITE_NKEY": public, "BACKOFFICE_PASSWORD": "backoffice", "ARCHIVE_PASSWORD": "archive", "CLUSTER_PASSWORD": "route", "NATS_BRIDGE_PASSWORD": "bridge",
	}
	var ports []int
	var leaves, routes []*url.URL
	for range 3 {
		ports = append(ports, freePort(t))
		routes = append(routes, parsed(t, fmt.Sprintf("nats-route://route:route@127.0.0.1:%d", ports[len(ports)-1])))
	}
	var servers []*server.Server
	for i, port := range ports {
		env["SERVER_NAME"] = fmt.Sprintf("hub-%d", i+1)
		of := filepath.Join(dir, env["SERVER_NAME"])
		authority.issue(t, filepath.Join(of, "etc"))
		o := configuration(t, of, "hub.conf", env, edit)
		o.Host, o.Port = "127.0.0.1", -1
		o.Cluster.Host, o.Cluster.Port = "127.0.0.1", port
		o.LeafNode.Host, o.LeafNode.Port = "127.0.0.1", -1
		o.Routes = routes
		servers = append(servers, start(t, o))
		leaves = append(leaves, parsed(t, fmt.Sprintf("tls://127.0.0.1:%d", o.LeafNode.Port)))
	}
	var clients []string
	for _, s := range servers {
		clients = append(clients, s.ClientURL())
	}
	at := filepath.Join(dir, "site")
	write(t, filepath.Join(at, "site-seed.conf"), "nkey: "+string(seed)+"\n")
	write(t, filepath.Join(at, "etc", "hub-ca.pem"), authority.pem)
	o := configuration(t, at, "leaf.conf", env, nil)
	o.Port = -1
	o.LeafNode.Remotes[0].URLs = leaves
	leaf := start(t, o)
	return site{hub: strings.Join(clients, ","), leaf: leaf.ClientURL(), ca: filepath.Join(at, "etc", "hub-ca.pem")}
}

func parsed(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// at connects to the hub.
func (s site) at(t *testing.T, user string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(s.hub, nats.UserInfo(user, user), nats.RootCAs(s.ca), nats.CustomInboxPrefix("_INBOX_"+user),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// TestACommandFromTheHub: who is at the hub asks, the bridge at the site sends, and
// the end is told at the hub; the hub keeps a copy of the events.
func TestACommandFromTheHub(t *testing.T) {
	s := newSite(t, nil)
	emulated := runEmulator(t)
	runBridge(t, map[string]string{
		"NATS_URL": s.leaf, "NATS_USER": "bridge", "NATS_PASSWORD": "bridge", "BRIDGE_CALLBACK_KEYS": secretText("callback"),
		"BRIDGE_GRAPH_URL": emulated, "BRIDGE_GRAPH_AUTH": "static", "BRIDGE_GRAPH_TOKEN": "x",
	})
	backoffice := s.at(t, "backoffice")
	completed := make(chan *nats.Msg, 1)
	if _, err := backoffice.ChanSubscribe("devicebridge.v1.events.*.*.completed", completed); err != nil {
		t.Fatal(err)
	}
	request := []byte(`{"deviceId":"6841b3db-2b55-467b-ad84-79a41a4ef665","type":"launchUri","payload":{"uri":"https://example.com/"}}`)
	reply := untilAnswered(t, backoffice, "devicebridge.v1.commands.send", request)
	var receipt struct{ Command struct{ ID string } }
	if err := json.Unmarshal(reply.Data, &receipt); err != nil || receipt.Command.ID == "" {
		t.Fatalf("the receipt is %s (%v)", reply.Data, err)
	}
	select {
	case m := <-completed:
		if !strings.Contains(m.Subject, "."+receipt.Command.ID+".") {
			t.Errorf("the end told is of %s, not of %s", m.Subject, receipt.Command.ID)
		}
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
	t.Run("the copy", func(t *testing.T) { s.copies(t, receipt.Command.ID) })
}

// copies mirrors the site's events at the hub, as deploy/README.md has it.
func (s site) copies(t *testing.T, command string) {
	js, err := jetstream.New(s.at(t, "archive"))
	if err != nil {
		t.Fatal(err)
	}
	var copied jetstream.StreamConfig
	if err := json.Unmarshal(readFile(t, "deploy/leafnode/site-1-events.json"), &copied); err != nil {
		t.Fatal(err)
	}
	mirror, err := js.CreateOrUpdateStream(t.Context(), copied)
	for errors.Is(err, context.DeadlineExceeded) || errors.Is(err, jetstream.ErrNoStreamResponse) { // the hub had no leader yet, and never answers that
		mirror, err = js.CreateOrUpdateStream(t.Context(), copied)
	}
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := mirror.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{FilterSubjects: []string{"devicebridge.v1.events." + command + ".*.completed"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := consumer.Next(jetstream.FetchContext(t.Context())); err != nil {
		t.Errorf("the hub's copy has no end of %s: %v", command, err)
	}
}

// TestWhatTheHubMayNotDo tries from the hub what only the bridge may do, against a
// hub that allows everything: then the leaf's own rules are what holds. What is
// tried is followed by something allowed on the same way, so that its arrival
// would have been seen.
func TestWhatTheHubMayNotDo(t *testing.T) {
	s := newSite(t, func(hub string) string {
		return regexp.MustCompile(`allow: \[[^]]*\]`).ReplaceAllString(hub, `allow: [">"]`)
	})
	bridge, err := nats.Connect(s.leaf, nats.UserInfo("bridge", "bridge"))
	if err != nil {
		t.Fatal(err)
	}
	defer bridge.Close()
	var mu sync.Mutex
	var seen []string
	forbidden := []string{"devicebridge.v1.append.c._.completed", "devicebridge.v1.timers.x", "$JS.site-1.API.STREAM.DELETE.DEVICEBRIDGE_V1_EVENTS"}
	const allowed = "devicebridge.v1.commands.get"
	for _, subject := range append(slices.Clone(forbidden), allowed) {
		_, err := bridge.Subscribe(subject, func(m *nats.Msg) {
			mu.Lock()
			seen = append(seen, m.Subject)
			mu.Unlock()
			_ = m.Respond(nil)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := bridge.Flush(); err != nil {
		t.Fatal(err)
	}
	archive := s.at(t, "archive") // who may do all at the hub
	untilAnswered(t, archive, allowed, nil)
	for _, subject := range forbidden {
		if err := archive.Publish(subject, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	untilAnswered(t, archive, allowed, nil)
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(slices.Compact(seen), []string{allowed}) {
		t.Errorf("from the hub came %q", seen)
	}
}

// untilAnswered asks until somebody answers: how far interest has spread over a
// cluster and a leaf nobody can be asked.
func untilAnswered(t *testing.T, nc *nats.Conn, subject string, data []byte) *nats.Msg {
	t.Helper()
	for {
		m, err := nc.RequestWithContext(t.Context(), subject, data)
		if err == nil {
			return m
		}
		if t.Context().Err() != nil || !strings.Contains(err.Error(), "no responders") {
			t.Fatalf("%s: %v", subject, err)
		}
	}
}

// TestSampleVariablesAreNotRefused: `serve` refuses a variable of its prefix that it
// does not know, so no sample may have one, also where it is NATS' own.
func TestSampleVariablesAreNotRefused(t *testing.T) {
	known, err := os.ReadFile("../../cmd/devicebridge/CONFIGURATION.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "check" || entry.Name() == "bench") {
			return filepath.SkipDir // programs
		}
		if entry.IsDir() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, name := range regexp.MustCompile(`\bBRIDGE_[A-Z0-9_]+\b`).FindAllString(string(text), -1) {
			seen++
			if !strings.Contains(string(known), "`"+strings.TrimSuffix(name, "_FILE")+"`") && !strings.Contains(string(known), "`"+name+"`") {
				t.Errorf("%s: %s is no setting, and the bridge would refuse to start beside it", path, name)
			}
		}
		return nil
	})
	if err != nil || seen == 0 {
		t.Errorf("%d variables, %v", seen, err)
	}
}
