package graph

import (
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// attempt is what is known of one HTTP request that was handed to the transport.
type attempt struct {
	clientRequestID string
	token           string

	resp  *http.Response
	err   error
	ended bool // the context had ended when the attempt did
	left  bool // and not by a time-out of the client: the caller went away

	// The transport reports from goroutines of its own.
	traced    atomic.Bool // the transport asked for a connection, so it reports to httptrace
	connected atomic.Bool // it has one
	writing   atomic.Bool // it began to put the request's header into its buffer
}

func (a *attempt) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { a.traced.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { a.connected.Store(true) },
		// The earliest report of the request being written, for HTTP/1.1 and for
		// HTTP/2: later ones such as WroteHeaders come when bytes have long left.
		WroteHeaderField: func(string, []string) { a.writing.Store(true) },
	}
}

// mayHaveLeft reports whether a byte of the request may have left this host. It
// gives false only on proof: the transport reports what it does, and either had
// no connection yet (dial, DNS, TLS and proxy failures) or had not begun to
// write. When the context ended meanwhile, an HTTP/2 connection may still write
// after the answer is given, so then a connection is enough.
func (a *attempt) mayHaveLeft() bool {
	switch {
	case !a.traced.Load():
		return true
	case !a.connected.Load():
		return false
	default:
		return a.writing.Load() || a.ended
	}
}
