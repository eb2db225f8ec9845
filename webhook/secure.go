package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// secureListener is a listener whose connections have shaken hands over TLS. net/http
// would do that as well, but offers no place at which what it writes by itself on a
// connection of HTTP/1 could be made a problem document, and answers plain HTTP in
// its own words. Connections of HTTP/2 go to net/http as they are.
type secureListener struct {
	net.Listener
	config *tls.Config
	limit  time.Duration
	log    *log.Logger

	accepted chan accepted
	// ending ends with Close, and with it the handshakes under way.
	ending context.Context
	end    context.CancelFunc
	work   sync.WaitGroup
}

// accepted is what one Accept returns.
type accepted struct {
	conn net.Conn
	err  error
}

// newSecureListener accepts from l at once; a handshake may take limit. wait waits,
// after Close, for all that it has begun.
func newSecureListener(l net.Listener, config *tls.Config, limit time.Duration, to *log.Logger) *secureListener {
	s := &secureListener{Listener: l, config: config, limit: limit, log: to, accepted: make(chan accepted)}
	s.ending, s.end = context.WithCancel(context.Background())
	s.work.Go(s.run)
	return s
}

// Accept returns the next connection whose handshake succeeded, or the error with
// which the listener below accepts no connection.
func (s *secureListener) Accept() (net.Conn, error) {
	select {
	case next := <-s.accepted:
		return next.conn, next.err
	case <-s.ending.Done():
		return nil, net.ErrClosed
	}
}

// Close ends the listener and the handshakes under way.
func (s *secureListener) Close() error {
	err := s.Listener.Close()
	s.end()
	return err
}

func (s *secureListener) wait() {
	_ = s.Close()
	s.work.Wait()
}

// run accepts connections until the listener below has ended. After an error that
// passes, net/http asks again when it has waited a while.
func (s *secureListener) run() {
	for {
		conn, err := s.Listener.Accept()
		if err == nil {
			s.work.Go(func() { s.secure(conn) })
			continue
		}
		if !s.give(accepted{err: err}) || !passing(err) {
			return
		}
	}
}

// passing is net/http's own question to an error of Accept.
func passing(err error) bool {
	temporary, is := errors.AsType[net.Error](err)
	return is && temporary.Temporary() //nolint:staticcheck // as net/http's Serve asks, which decides whether it accepts again
}

// secure shakes hands on a connection and gives it on, or ends it.
func (s *secureListener) secure(raw net.Conn) {
	conn := tls.Server(raw, s.config)
	ctx, cancel := context.WithTimeout(s.ending, s.limit)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		s.refuse(raw, err)
		return
	}
	next := accepted{conn: conn}
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		next.conn = secureConn{plainConn{Conn: conn, secure: true}, conn}
	}
	if !s.give(next) {
		_ = conn.Close()
	}
}

// refuse ends a connection whose handshake failed, and answers who speaks HTTP.
func (s *secureListener) refuse(raw net.Conn, err error) {
	reason := err.Error()
	if record, is := errors.AsType[tls.RecordHeaderError](err); is && speaksHTTP(record.RecordHeader) {
		reason = "client sent an HTTP request to an HTTPS server"
		s.answerPlain(raw)
	}
	_ = raw.Close()
	if s.ending.Err() == nil {
		s.log.Printf("http: TLS handshake error from %s: %s", raw.RemoteAddr(), reason)
	}
}

// answerPlain answers a request in clear, and throws away the rest of it for a moment,
// as linger does.
func (s *secureListener) answerPlain(raw net.Conn) {
	_ = raw.SetDeadline(time.Now().Add(lingerTime))
	release := context.AfterFunc(s.ending, func() { _ = raw.SetDeadline(time.Now()) })
	defer release()
	_, _ = raw.Write(problemAnswer(http.StatusBadRequest, "this port takes HTTPS only", false))
	_, _ = io.Copy(io.Discard, raw)
}

// speaksHTTP reports whether the first bytes of a connection are those of a request.
func speaksHTTP(start [5]byte) bool {
	switch string(start[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO", "PRI *":
		return true
	}
	return false
}

// give hands one result to Accept; false after Close.
func (s *secureListener) give(next accepted) bool {
	select {
	case s.accepted <- next:
		return true
	case <-s.ending.Done():
		return false
	}
}

// secureConn is a connection of HTTP/1 over TLS, as net/http asks for it.
type secureConn struct {
	plainConn
	over *tls.Conn
}

// ConnectionState returns what was agreed on; net/http puts it into the request.
func (c secureConn) ConnectionState() tls.ConnectionState { return c.over.ConnectionState() }
