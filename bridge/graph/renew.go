package graph

import (
	"net/http"
	"sync/atomic"
)

// renewing sends over connections that were not there when Graph last answered
// 503: its page on best practices asks to try again on a new one then, since the
// old one leads to the host that is in trouble. Requests under way end where they
// are.
type renewing struct {
	current atomic.Pointer[http.Transport]
}

// renewed gives a transport that renews its connections where it is one that can
// be copied; any other is used as it is.
func renewed(rt http.RoundTripper) http.RoundTripper {
	transport, ok := rt.(*http.Transport)
	if !ok {
		return rt
	}
	r := new(renewing)
	r.current.Store(transport)
	return r
}

// RoundTrip sends a request.
func (r *renewing) RoundTrip(req *http.Request) (*http.Response, error) {
	used := r.current.Load()
	resp, err := used.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusServiceUnavailable {
		r.replace(used)
	}
	return resp, err
}

// replace puts a copy without connections in the place of used, unless another
// answer has done so. What is still busy on the old one closes when it is done,
// or when it has been idle for the transport's IdleConnTimeout.
func (r *renewing) replace(used *http.Transport) {
	fresh := used.Clone()
	if r.current.CompareAndSwap(used, fresh) {
		used.CloseIdleConnections()
	}
}

// CloseIdleConnections closes the connections that no request uses.
func (r *renewing) CloseIdleConnections() { r.current.Load().CloseIdleConnections() }
