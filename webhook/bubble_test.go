package webhook_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"devicebridge/webhook"
)

// pipes is a listener in memory, so that a server runs inside a synctest bubble
// with its clock.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// running is a server that serves in a bubble.
type running struct {
	*pipes
	stop   context.CancelFunc
	served chan error
}

func serve(t *testing.T, options webhook.Options) running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	run := running{newPipes(), stop, make(chan error, 1)}
	s := server(t, options)
	go func() { run.served <- s.Serve(ctx, run.pipes) }()
	return run
}

// end stops the server, which must be clean.
func (r running) end(t *testing.T) {
	t.Helper()
	r.stop()
	if err := <-r.served; err != nil {
		t.Errorf("a clean stop gives %v", err)
	}
}

// result is what a request led to.
type result struct {
	status int
	err    error
}

// post sends a postback in the background.
func (r running) post(t *testing.T) <-chan result {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://bridge"+path(t), strings.NewReader(done))
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan result, 1)
	go func() {
		got, err := roundTrip(r.dial, request)
		answered <- result{got.status, err}
	}()
	return answered
}

// open sends text on a new connection and gives, once the server closed it, all
// that it answered.
func (r running) open(t *testing.T, text string) <-chan string {
	t.Helper()
	conn, err := r.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan string, 1)
	go func() { _, _ = io.WriteString(conn, text) }() // ends when conn is closed
	go func() {
		answer, _ := io.ReadAll(conn)
		_ = conn.Close()
		answered <- string(answer)
	}()
	return answered
}

// whole is a postback as text.
func whole(t *testing.T) string {
	return "POST " + path(t) + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + strconv.Itoa(len(done)) + "\r\n\r\n" + done
}

// gate is a sink that says when it was entered and waits until it is let go.
type gate struct {
	sink
	entered, release chan struct{}
}

func newGate() *gate {
	g := &gate{entered: make(chan struct{}, 100), release: make(chan struct{})}
	g.do = func(ctx context.Context) error {
		g.entered <- struct{}{}
		select {
		case <-g.release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return g
}

func pending[T any](answered <-chan T) bool { return len(answered) == 0 }
