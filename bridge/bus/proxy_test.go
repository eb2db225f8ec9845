package bus_test

import (
	"bytes"
	"net"
	"sync"
	"testing"
)

// proxy stands between a client and a NATS server and loses what it is told to.
type proxy struct {
	listener net.Listener
	workers  sync.WaitGroup

	mu     sync.Mutex
	target string
	lose   loss
	conns  []net.Conn
	// away counts the connections that found no target.
	away int
}

// loss says whether a piece of the byte stream is lost.
type loss func(toServer bool, piece []byte) bool

func replies(toServer bool, _ []byte) bool  { return !toServer }
func requests(toServer bool, _ []byte) bool { return toServer }
func all(bool, []byte) bool                 { return true }

// newProxy passes everything to target; an empty target takes no connections.
func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target}
	p.workers.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		_ = p.to("")
		p.workers.Wait()
	})
	return p
}

func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

// to ends the connections there are and leads new ones to target; it gives the
// target before.
func (p *proxy) to(target string) (before string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, p.target, p.lose = p.target, target, nil
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
	return before
}

// losing loses what l says from now on; nil loses nothing.
func (p *proxy) losing(l loss) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = l
}

// losingAcknowledgements loses every reply from now on and tells of each that
// acknowledges a publish: other replies, such as the server's own PING, may come
// before it.
func (p *proxy) losingAcknowledgements() <-chan struct{} {
	lost := make(chan struct{}, 1<<10)
	p.losing(func(toServer bool, piece []byte) bool {
		if !toServer && bytes.Contains(piece, []byte(`"seq":`)) {
			lost <- struct{}{}
		}
		return !toServer
	})
	return lost
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.workers.Go(func() { p.serve(client) })
	}
}

func (p *proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	p.mu.Lock()
	if p.target == "" {
		p.away++
		p.mu.Unlock()
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		p.mu.Unlock()
		return
	}
	p.conns = append(p.conns, client, server)
	p.mu.Unlock()
	var back sync.WaitGroup
	back.Go(func() { p.pump(client, server, false) })
	p.pump(server, client, true)
	back.Wait()
}

// pump copies one direction until either side ends.
func (p *proxy) pump(to, from net.Conn, toServer bool) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	piece := make([]byte, 1<<16)
	for {
		n, err := from.Read(piece)
		if err != nil {
			return
		}
		p.mu.Lock()
		gone := p.lose != nil && p.lose(toServer, piece[:n])
		p.mu.Unlock()
		if gone {
			continue
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}
