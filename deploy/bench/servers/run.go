package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Kind names a server.
type Kind string

// The servers.
const (
	Floor   Kind = "floor"   // reads the body and answers 202
	Parse   Kind = "parse"   // and verifies the token, and parses the body
	Publish Kind = "publish" // reads the body, publishes it and answers 202 when that is stored
	Peer    Kind = "peer"    // the Watermill bridge, with its NATS server inside or beside it
	Forward Kind = "forward" // POSTs what is asked over NATS to Graph, and replies
)

// Config says how a server runs.
type Config struct {
	Kind Kind
	// HTTP and NATS are where it listens, as far as it does. Beside says that a NATS
	// server listens there already, as a process of its own, which the peer can use.
	HTTP, NATS string
	Beside     bool
	// Dir is for its stream; Always syncs every append.
	Dir    string
	Always bool
	// Keys are the callback keys, as webhook.ParseKeyring reads them.
	Keys string
	// Graph is the base URL of Graph.
	Graph string
}

// Run runs a server until ctx ends.
func Run(ctx context.Context, c Config) error {
	switch c.Kind {
	case Floor:
		return serve(ctx, c.HTTP, http.HandlerFunc(accept))
	case Parse:
		return parse(ctx, c)
	case Publish:
		return publish(ctx, c)
	case Peer:
		return peer(ctx, c)
	case Forward:
		return forward(ctx, c)
	default:
		return fmt.Errorf("no server is called %q", c.Kind)
	}
}

// accept is the floor: no token, no parsing, nothing stored.
func accept(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// serve serves handler on address until ctx ends.
func serve(ctx context.Context, address string, handler http.Handler) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
