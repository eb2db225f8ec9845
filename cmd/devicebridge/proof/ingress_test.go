package proof

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// ingress is what stands under the public URL: it hands each postback to one
// replica, to the next if that does not answer, and notes what became of it.
type ingress struct {
	ledger   *ledger
	replicas []string // host:port
	next     atomic.Uint64
	inner    *http.Transport
}

// answerWithin is how long a replica may take, as an ingress is commonly set.
const answerWithin = 3 * time.Second

// newIngress gives the public URL.
func newIngress(t testing.TB, l *ledger, replicas []string) string {
	t.Helper()
	in := &ingress{ledger: l, replicas: replicas, inner: &http.Transport{ResponseHeaderTimeout: answerWithin}}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "replica"}) // chosen by RoundTrip
			r.SetXForwarded()
		},
		Transport: in,
		// A caller that went away is all that there is to say.
		ErrorLog: log.New(io.Discard, "", 0),
	})
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		in.inner.CloseIdleConnections()
	})
	return server.URL
}

// RoundTrip tries each replica once and answers 503 when none did.
func (in *ingress) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	first := in.next.Add(1)
	for i := range in.replicas {
		n := int(first+uint64(i)) % len(in.replicas)
		attempt := r.Clone(r.Context())
		attempt.URL.Host = in.replicas[n]
		attempt.Body = io.NopCloser(bytes.NewReader(body))
		note := postback{At: time.Now(), Command: commandOf(r.URL.Path), Body: body, Replica: n + 1}
		answer, err := in.inner.RoundTrip(attempt)
		if err == nil {
			note.Status = answer.StatusCode
		}
		in.ledger.postback(note)
		if err == nil {
			return answer, nil
		}
		if r.Context().Err() != nil {
			return nil, r.Context().Err()
		}
	}
	return &http.Response{
		Status: "503 Service Unavailable", StatusCode: http.StatusServiceUnavailable,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Retry-After": {"1"}}, Body: io.NopCloser(strings.NewReader("")),
	}, nil
}
