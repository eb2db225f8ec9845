package bus_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// external starts a NATS server as an operator would, where every client may do
// everything.
func external(t *testing.T, dir string) *server.Server {
	t.Helper()
	return startNATS(t, &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir})
}

// cluster starts three servers as one JetStream cluster.
func cluster(t *testing.T) []*server.Server {
	t.Helper()
	var servers []*server.Server
	for _, o := range clusterOptions(t) {
		servers = append(servers, startNATS(t, o))
	}
	untilClustered(t, servers)
	return servers
}

// clusterOptions are those of three servers of one cluster.
func clusterOptions(t *testing.T) []*server.Options {
	t.Helper()
	var routes []*url.URL
	var ports []int
	for range 3 {
		port := fixedPort(t)
		ports = append(ports, port)
		routes = append(routes, &url.URL{Scheme: "nats", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))})
	}
	var list []*server.Options
	for i, port := range ports {
		list = append(list, &server.Options{
			ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: server.RANDOM_PORT,
			JetStream: true, StoreDir: t.TempDir(),
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port},
			Routes:  routes,
		})
	}
	return list
}

func untilClustered(t *testing.T, servers []*server.Server) {
	t.Helper()
	until(t, "one leader that knows three peers", func() bool {
		ready := 0
		for _, s := range servers {
			if s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == len(servers) {
				ready++
			}
		}
		return ready == 1
	})
}

func startNATS(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	o.NoSigs, o.NoLog = true, true
	srv, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(time.Minute) {
		t.Fatal("the NATS server is not ready")
	}
	return srv
}

// fixedPort gives a port that the system does not hand out by itself: the
// routes of a cluster have to be known before its servers listen. It is odd; whoever
// listens on the even one before it has it until the test ends, so that no two tests,
// also of other packages, are given one port.
func fixedPort(t *testing.T) int {
	t.Helper()
	for {
		guard := 10_000 + 2*rand.IntN(10_000)
		held, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(guard)))
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = held.Close() })
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(guard+1)))
		if err == nil {
			_ = l.Close()
			return guard + 1
		}
	}
}
