// Package roundtrip keeps what HTTP servers answer within the time of the request:
// net/http leaves some answers to whoever reads them, for as long as that takes.
package roundtrip

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// StatusError says that a server gave a 1xx for its answer, such as 101 Switching
// Protocols, which is none: nobody asked it to speak another protocol.
type StatusError struct {
	// StatusCode is what the server gave.
	StatusCode int
}

// Error names the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the answer is %d %s, which is none to this request", e.StatusCode, http.StatusText(e.StatusCode))
}

// Bound returns a round tripper whose answers end with their requests: the body is
// closed when the request's context ends, and a 1xx in the place of an answer, whose
// body is the connection itself and never ends, is a *StatusError.
func Bound(next http.RoundTripper) http.RoundTripper { return bounded{next} }

type bounded struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err != nil || resp == nil || resp.Body == nil || resp.Body == http.NoBody && resp.StatusCode >= 200 {
		return resp, err
	}
	if resp.StatusCode >= 100 && resp.StatusCode <= 199 {
		_ = resp.Body.Close()
		return nil, &StatusError{StatusCode: resp.StatusCode}
	}
	resp.Body = newBody(r.Context(), resp.Body)
	return resp, nil
}

// CloseIdleConnections closes the connections that no request uses, where the inner
// round tripper can do that.
func (b bounded) CloseIdleConnections() {
	if t, ok := b.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// body is closed with the context of its request.
type body struct {
	inner io.ReadCloser
	ctx   context.Context //nolint:containedctx // a body belongs to one request
	stop  func() bool
	close func() error
}

func newBody(ctx context.Context, inner io.ReadCloser) *body {
	b := &body{inner: inner, ctx: ctx, close: sync.OnceValue(inner.Close)}
	b.stop = context.AfterFunc(ctx, func() { _ = b.close() })
	return b
}

// Read reads until the context ends; then its error is the context's cause.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.inner.Read(p)
	if err != nil && err != io.EOF && b.ctx.Err() != nil { //nolint:errorlint // a reader's end is io.EOF itself
		err = context.Cause(b.ctx)
	}
	return n, err
}

// Close closes the body.
func (b *body) Close() error {
	b.stop()
	return b.close()
}
