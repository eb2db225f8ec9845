package bus_test

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// linked is a cluster of three whose servers hear each other only through
// proxies, one for each direction, so that a single server can be cut off.
type linked struct {
	servers []*server.Server
	links   [3][3]*proxy // by who dials and who listens
	target  [3]string
}

func linkedCluster(t *testing.T) *linked {
	t.Helper()
	c := new(linked)
	var ports [3]int
	for i := range ports {
		ports[i] = fixedPort(t)
		c.target[i] = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[i]))
	}
	for from := range ports {
		for to := range ports {
			if from != to {
				c.links[from][to] = newProxy(t, c.target[to])
			}
		}
	}
	for from := range ports {
		var routes []*url.URL
		for to := range ports {
			if from != to {
				routes = append(routes, &url.URL{Scheme: "nats", Host: c.links[from][to].listener.Addr().String()})
			}
		}
		c.servers = append(c.servers, startNATS(t, &server.Options{
			ServerName: fmt.Sprintf("n%d", from), Host: "127.0.0.1", Port: server.RANDOM_PORT,
			JetStream: true, StoreDir: t.TempDir(),
			// What a server tells others of itself leads nowhere: no route but these.
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: ports[from], Advertise: "127.0.0.1:1"},
			Routes:  routes,
		}))
	}
	until(t, "one leader that knows three peers", func() bool {
		ready := 0
		for _, s := range c.servers {
			if s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == len(c.servers) {
				ready++
			}
		}
		return ready == 1
	})
	return c
}

// cut loses everything between a server and the others, whose connections stay.
func (c *linked) cut(lonely int) {
	for other := range c.servers {
		if other != lonely {
			c.links[lonely][other].losing(all)
			c.links[other][lonely].losing(all)
		}
	}
}

// heal ends the connections that lost something and lets new ones through.
func (c *linked) heal(lonely int) {
	for other := range c.servers {
		if other != lonely {
			c.links[lonely][other].to(c.target[other])
			c.links[other][lonely].to(c.target[lonely])
		}
	}
}

// leader gives which server leads a stream.
func (c *linked) leader(t *testing.T, stream string) int {
	t.Helper()
	leader := -1
	until(t, "a leader of "+stream, func() bool {
		for i, s := range c.servers {
			if s.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream) {
				leader = i
			}
		}
		return leader >= 0
	})
	return leader
}
