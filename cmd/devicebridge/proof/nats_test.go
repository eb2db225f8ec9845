package proof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const clusterSize = 3

// newCluster starts three NATS servers as one JetStream cluster that writes every
// message to disk before it acknowledges it. It gives the servers and their URLs,
// comma separated.
func newCluster(t testing.TB) ([]*program, string) {
	t.Helper()
	ctx := within(t)
	path, err := natsServer()
	if err != nil {
		t.Fatal(err)
	}
	var clients, routes []string
	for range clusterSize {
		clients, routes = append(clients, freeAddress(t)), append(routes, freeAddress(t))
	}
	var servers []*program
	for i := range clusterSize {
		dir := t.TempDir()
		config := filepath.Join(dir, "nats.conf")
		text := fmt.Sprintf(`server_name: n%d
listen: %q
jetstream { store_dir: %q, sync_interval: always }
cluster { name: proof, listen: %q, routes: [%q, %q, %q] }
`, i+1, clients[i], dir, routes[i], "nats://"+routes[0], "nats://"+routes[1], "nats://"+routes[2])
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		server := newProgram(t, program{name: fmt.Sprintf("nats-%d", i+1), path: path, args: []string{"-c", config}, ready: "Server is ready"})
		if err := server.launch(nil); err != nil {
			t.Fatal(err)
		}
		servers = append(servers, server)
	}
	url := "nats://" + strings.Join(clients, ",nats://")
	for _, s := range servers {
		if _, err := s.await(ctx, s.ready); err != nil {
			t.Fatal(err)
		}
	}
	if err := placing(ctx, url); err != nil {
		t.Fatal(err)
	}
	return servers, url
}

// placing waits until the cluster places a stream on all of its servers: it has a
// leader a moment before it knows them.
func placing(ctx context.Context, url string) error {
	nc, err := nats.Connect(url)
	if err != nil {
		return fmt.Errorf("connect to the cluster: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	probe := jetstream.StreamConfig{Name: "PROBE", Replicas: clusterSize, Storage: jetstream.MemoryStorage}
	for {
		// What is asked while there is no leader is never answered.
		try, cancel := context.WithTimeout(ctx, tryFor)
		_, err := js.CreateOrUpdateStream(try, probe)
		cancel()
		if err == nil {
			return js.DeleteStream(ctx, probe.Name)
		}
		if !pace(ctx, tryEvery) {
			return fmt.Errorf("the cluster places no stream: %w", err)
		}
	}
}

// freeAddress gives a loopback address whose port the system does not hand out by
// itself, so that it is still free when a process comes back. It is odd; whoever
// listens on the even one before it has it until the test ends, so that no two tests,
// also of other packages, are given one address.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		guard := 10_000 + 2*rand.IntN(10_000)
		held, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(guard)))
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = held.Close() })
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(guard+1))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}
