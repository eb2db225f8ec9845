package webhook

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/semaphore"

	"devicebridge/bridge/lograte"
)

// Server is the postback endpoint.
type Server struct {
	options Options
	limits  *rateLimits // of commands
	bodies  *semaphore.Weighted
	handler http.Handler
	// strangers are the limits of addresses.
	strangers *rateLimits
	// lines are the limits of the log.
	lines lograte.Limiter

	// gate is held for reading by every request and for writing, for good, by the
	// stop.
	gate sync.RWMutex
	// stopped ends when a stop ran out of time; stop ends it.
	stopped context.Context
	stop    context.CancelFunc
}

// New gives a server that does nothing yet, or an error that lists every fault
// of the options.
func New(options Options) (*Server, error) {
	options.PathPrefix = strings.TrimSuffix(options.PathPrefix, "/")
	options = options.withDefaults()
	if err := options.check(); err != nil {
		return nil, err
	}
	s := &Server{
		options:   options,
		limits:    newRateLimits(options.Rate, options.Burst, maxTracked),
		strangers: newRateLimits(options.AddressRate, options.AddressBurst, maxTracked),
		bodies:    semaphore.NewWeighted(options.BodyMemory),
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.handler = s.newEcho()
	return s, nil
}

// Handler gives the endpoint without the listener's limits, for tests and for
// mounting elsewhere.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers on l until ctx ends, then takes no more connections and waits up
// to DrainTimeout for the requests under way. It closes l. It returns nil when
// every request that began was answered; an error when the listener failed, or
// when requests had to be cut off: their Sink contexts were ended and their
// senders got no answer. No Sink call is under way after it returned. A server
// serves once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer s.stop()
	defer s.lines.Close()
	server := s.httpServer()
	served := make(chan error, 1)
	var serving sync.WaitGroup
	serving.Go(func() { served <- s.accept(server, l) })
	defer serving.Wait()
	select {
	case <-ctx.Done():
		return s.drain(ctx, server)
	case err := <-served:
		_ = s.drain(ctx, server) // the listener's failure is the one to report
		return fmt.Errorf("webhook: serve: %w", err)
	}
}

func (s *Server) accept(server *http.Server, l net.Listener) error {
	l = newPerAddress(netutil.LimitListener(l, s.options.MaxConnections), s.options.AddressConnections, s.options.TrustedProxies,
		func() { s.options.Observe(ResultConnectionRefused, 0) })
	if s.options.TLS == nil {
		return server.Serve(plainListener{l})
	}
	server.TLSConfig = s.options.TLS.Clone() // where net/http looks for h2
	secure := newSecureListener(l, server.TLSConfig, s.options.ReadHeaderTimeout, server.ErrorLog)
	defer secure.wait()
	return server.Serve(secure)
}

func (s *Server) drain(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.DrainTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if err == nil || s.gate.TryLock() {
		// What may still be open has sent no whole header: closing it loses nothing.
		_ = server.Close()
		return nil
	}
	s.stop()
	_ = server.Close()
	s.gate.Lock()
	return fmt.Errorf("webhook: requests cut off after %v: %w", s.options.DrainTimeout, err)
}

func (s *Server) httpServer() *http.Server {
	return &http.Server{
		Handler:                      s.handler,
		DisableGeneralOptionsHandler: true, // OPTIONS * is an unknown path like any other
		ReadHeaderTimeout:            s.options.ReadHeaderTimeout,
		ReadTimeout:                  s.options.ReadTimeout,
		WriteTimeout:                 s.options.WriteTimeout,
		IdleTimeout:                  s.options.IdleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:                     newErrorLog(s.options.Log, &s.lines),
	}
}
