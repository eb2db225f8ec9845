package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Restart stops the server and starts it anew: same directory, address and
// identities, so that clients reconnect by themselves. A server whose store
// failed writes again only after it, even when there is space once more; what was
// written lately is written to the disk again before, since a part of it may be in
// the system's cache alone. When the start fails there is no server until a later
// Restart. What is in flight gets no answer.
func (s *Server) Restart(ctx context.Context) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.stopped {
		return errors.New("embedded NATS server: it is stopped for good")
	}
	shutdown(s.current.Swap(nil))
	if err := s.checkClock(); err != nil {
		return err
	}
	if early := s.early.Swap(nil); early != nil {
		early.end() // of files as they were
	}
	since := time.Now()
	if d := s.doubt.Load(); d != nil {
		since = d.at
	}
	if err := rewriteFiles(s.o.storeDir(), since.Add(-doubtBefore(s.o.LazySync))); err != nil {
		return fmt.Errorf("embedded NATS server: %w", err)
	}
	srv, err := s.launch(ctx)
	if err != nil {
		return err
	}
	s.current.Store(srv)
	return nil
}

// InProcessConn gives a connection to the server there is now. It makes Server
// the InProcessConnProvider of a client, which asks again at each reconnect.
func (s *Server) InProcessConn() (net.Conn, error) {
	srv := s.current.Load()
	if srv == nil {
		return nil, errors.New("embedded NATS server: it is being started, or could not be")
	}
	return srv.InProcessConn()
}

// storeFault says what keeps the store of the streams from writing; nil if
// nothing is known to. JetStream answers reads, and claims to be enabled, long
// after a write failed, but lets publishes go without an answer.
func (s *Server) storeFault(streams []string) error {
	srv := s.current.Load()
	if srv == nil {
		return errors.New("the embedded NATS server does not run")
	}
	if !srv.JetStreamEnabled() {
		return errors.New("the embedded NATS server has switched JetStream off")
	}
	for _, name := range streams {
		// Other codes say that the stream is not there, or that the server is busy.
		health := srv.Healthz(&server.HealthzOptions{Account: bridgeAccount, Stream: name})
		if health.StatusCode == http.StatusServiceUnavailable {
			return fmt.Errorf("the embedded NATS server: %s", health.Error)
		}
	}
	if d := s.doubt.Load(); d != nil {
		return errors.New(d.text)
	}
	return nil
}
