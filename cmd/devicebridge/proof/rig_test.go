package proof

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// patience bounds every wait for something that has to happen; no test depends on
// how long it takes.
const patience = 3 * time.Minute

// setup says what a rig consists of. The zero value: one replica with the
// embedded server, and an emulator without faults.
type setup struct {
	// Crash builds the bridge with its crash points.
	Crash bool
	// Cluster starts three NATS servers; otherwise the one embedded in the bridge
	// is used, which then must be the only replica.
	Cluster bool
	// Replicas of the bridge; 0 means 1.
	Replicas int
	// Emulator are the options of Graph.
	Emulator emulator.Options
	// Vars are put over the environment of every replica.
	Vars map[string]string
}

// rig is a set of processes, the Graph they talk to, and the ledger.
type rig struct {
	t testing.TB
	// bridges are the replicas, not started yet; nats the servers, running.
	bridges []*program
	nats    []*program
	graph   *emulator.Emulator
	ledger  *ledger
	// URLs are what a client connects to.
	natsURL, publicURL string
	subjects           events.Subjects
	// client asks the bridge, as the client subcommands do. js is a plain
	// subscriber's view of the streams. Both come up with the first replica.
	client *bus.Bus
	js     jetstream.JetStream
}

// newRig starts everything but the bridges.
func newRig(t testing.TB, s setup) *rig {
	t.Helper()
	r := &rig{t: t, ledger: newLedger()}
	build := plainBridge
	if s.Crash {
		build = crashBridge
	}
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	var graphURL string
	r.graph, graphURL = newGraph(t, r.ledger, s.Emulator)
	var listen []string
	for range max(1, s.Replicas) {
		listen = append(listen, freeAddress(t))
	}
	r.publicURL = newIngress(t, r.ledger, listen)
	vars := map[string]string{
		"BRIDGE_PUBLIC_URL": r.publicURL, "BRIDGE_GRAPH_URL": graphURL,
		"BRIDGE_GRAPH_AUTH": "static", "BRIDGE_GRAPH_TOKEN": "any", "BRIDGE_LOG_FORMAT": "json", "BRIDGE_ADMIN_ADDR": "off",
		// A lease is the time-out of a POST and 30 s.
		"BRIDGE_GRAPH_POST_TIMEOUT": "2s", "BRIDGE_POLL_FIRST": "1s", "BRIDGE_POLL_MAX": "3s", "BRIDGE_SWEEP_EVERY": "5s",
	}
	if s.Cluster {
		r.nats, r.natsURL = newCluster(t)
		vars["NATS_URL"], vars["BRIDGE_NATS_REPLICAS"] = r.natsURL, strconv.Itoa(clusterSize)
		vars["BRIDGE_CALLBACK_KEYS"] = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	} else {
		address := freeAddress(t)
		r.natsURL = "nats://" + address
		vars["BRIDGE_NATS_LISTEN"], vars["BRIDGE_DATA_DIR"] = address, t.TempDir()
	}
	maps.Copy(vars, s.Vars)
	for i, address := range listen {
		own := maps.Clone(vars)
		own["BRIDGE_LISTEN_ADDR"] = address
		r.bridges = append(r.bridges, newProgram(t, program{
			name: fmt.Sprintf("bridge-%d", i+1), path: path, args: []string{"serve"}, vars: own, ready: `"msg":"ready"`,
		}))
	}
	return r
}

// start starts all replicas side by side, with more in their environment for this
// run, waits until they are ready, and connects the clients.
func (r *rig) start(more map[string]string) {
	r.t.Helper()
	ctx := within(r.t)
	for _, b := range r.bridges {
		if err := b.launch(more); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, b := range r.bridges {
		if _, err := b.await(ctx, b.ready); err != nil {
			r.t.Fatal(err)
		}
	}
	if r.client == nil {
		r.connect(ctx)
	}
}

// connect connects the clients; they stay connected across restarts.
func (r *rig) connect(ctx context.Context) {
	r.t.Helper()
	client, err := bus.Connect(ctx, bus.Options{URL: r.natsURL, Name: "proof", Subjects: r.subjects, Wait: true, Timeout: tryFor})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = client.Close(closing) // its servers may be gone
	})
	nc, err := nats.Connect(r.natsURL, nats.Name("proof reader"), nats.MaxReconnects(-1), nats.ReconnectWait(250*time.Millisecond))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	if r.js, err = jetstream.New(nc); err != nil {
		r.t.Fatal(err)
	}
	r.client = client
}

// within gives a context that ends with the test or after patience.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// pace waits for d; false when ctx ended first. It spaces out what is done, and
// never stands for a result.
func pace(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
