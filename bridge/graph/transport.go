package graph

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// maxBody bounds a response body, in bytes after gzip was undone.
const maxBody = 8 << 20

// TransportOptions say how NewTransport's transport differs from the default.
type TransportOptions struct {
	// RootCAs are trusted to sign a server's certificate; nil means the system's.
	RootCAs *x509.CertPool
	// AtOnce is how many requests there may be at once to one host. Over HTTP/1.1 as
	// many connections are kept for the next; 0 means 16.
	AtOnce int
}

// NewTransport makes a transport as the client uses by default, to be shared with
// whoever signs in: time-outs for dialling and TLS, TLS 1.2 at least, HTTP/2, the
// proxy of HTTPS_PROXY, HTTP_PROXY and NO_PROXY, gzip. Idle connections are given
// up early: a POST that meets one which the server is just closing cannot be told
// from one that was taken.
func NewTransport(o TransportOptions) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
		MaxIdleConnsPerHost:    cmp.Or(o.AtOnce, 16),
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// oneRoundTrip is the end of the pipeline. It asks the round tripper itself and
// not an http.Client, so there is nothing that could follow a redirect.
type oneRoundTrip struct{ next http.RoundTripper }

// Do sends req once and bounds the body of the answer.
func (t oneRoundTrip) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp == nil {
		return nil, errors.New("the transport gave neither an answer nor an error")
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxBody, lenient: !success(resp.StatusCode)}
	return resp, nil
}

// boundedBody ends with an error behind its bound. A lenient one just ends,
// there and where the body breaks off: of an error answer the status counts, and
// it must not be lost with the text.
type boundedBody struct {
	io.ReadCloser
	left    int64
	lenient bool
}

func (b *boundedBody) Read(p []byte) (int, error) {
	// One byte more than allowed tells a body that fits from one that does not.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), tooLargeError{}
	}
	b.left -= int64(n)
	if err != nil && b.lenient {
		err = io.EOF
	}
	return n, err
}

// tooLargeError keeps azcore from asking again for what will be too large again.
type tooLargeError struct{}

func (tooLargeError) Error() string {
	return fmt.Sprintf("the answer is larger than %d bytes", maxBody)
}

// NonRetriable marks the error for azcore's retry policy.
func (tooLargeError) NonRetriable() {}

func success(status int) bool { return status >= 200 && status <= 299 }
