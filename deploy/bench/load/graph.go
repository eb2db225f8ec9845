package load

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync/atomic"
)

// Graph answers every POST of a command as Graph does: 201 with the command's id
// and the status requesting. It looks at nothing of the request.
type Graph struct {
	listener net.Listener
	taken    atomic.Uint64
}

// StartGraph starts it on a loopback address.
func StartGraph(ctx context.Context) (*Graph, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for Graph: %w", err)
	}
	g := &Graph{listener: l}
	go g.serve()
	return g, nil
}

// URL is its base URL.
func (g *Graph) URL() string { return "http://" + g.listener.Addr().String() + "/beta" }

// Taken is how many commands it took.
func (g *Graph) Taken() uint64 { return g.taken.Load() }

// Close ends it; connections end with their clients.
func (g *Graph) Close() { _ = g.listener.Close() }

func (g *Graph) serve() {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			return // closed
		}
		go g.answer(conn)
	}
}

func (g *Graph) answer(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReader(conn)
	var head, body []byte
	for {
		if _, err := readMessage(reader); err != nil {
			return // the client went away
		}
		body = AppendBody(body[:0], g.taken.Add(1), "requesting")
		head = fmt.Appendf(head[:0], "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(body))
		if _, err := conn.Write(append(head, body...)); err != nil {
			return
		}
	}
}
