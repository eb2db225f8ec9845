package otlp

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"devicebridge/bridge/roundtrip"
)

// Options say where spans go. Only URL has no default.
type Options struct {
	// URL takes the POSTs, such as http://localhost:4318/v1/traces.
	URL string
	// Headers go with each; they may be secret.
	Headers map[string]string
	// Timeout bounds one batch, its repeats included. Zero: 10 s.
	Timeout time.Duration
	// Gzip compresses the body.
	Gzip bool
	// CA holds certificates in PEM to trust in the place of the system's; nil: those.
	CA []byte
	// UserAgent is sent where it is not empty.
	UserAgent string
	// Transport sends the requests; nil: one of its own.
	Transport http.RoundTripper
}

// Client sends spans; it is an otlptrace.Client. It is safe for concurrent use.
type Client struct {
	options Options
	http    *http.Client
}

const (
	defaultTimeout = 10 * time.Second
	firstPause     = 500 * time.Millisecond
	longestPause   = 5 * time.Second
	// maxAnswer is how much of an answer is read, so that its connection can be used
	// again.
	maxAnswer = 64 << 10
)

// New gives a client and sends nothing.
func New(o Options) *Client {
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	if o.Transport == nil {
		o.Transport = newTransport(o.CA)
	}
	return &Client{options: o, http: &http.Client{
		Transport: roundtrip.Bound(o.Transport),
		// A redirect would take the headers elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func newTransport(ca []byte) http.RoundTripper {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConns: 2, IdleConnTimeout: time.Minute}
	if ca != nil {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca) // one that holds none trusts nobody
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return t
}

// ValidCA reports whether text holds a certificate in PEM.
func ValidCA(text []byte) bool { return x509.NewCertPool().AppendCertsFromPEM(text) }

// Start does nothing: a collector that is away must not keep the bridge from
// starting.
func (c *Client) Start(context.Context) error { return nil }

// Stop closes idle connections.
func (c *Client) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces sends a batch. The message that OTLP wants, ExportTraceServiceRequest,
// is on the wire what TracesData is: the spans as field 1.
func (c *Client) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("otlp: encode: %w", err)
	}
	if c.options.Gzip {
		if body, err = compressed(body); err != nil {
			return fmt.Errorf("otlp: compress: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		again, wait, err := c.post(ctx, body)
		if err == nil {
			return nil
		}
		if !again || !sleep(ctx, cmp.Or(wait, pause)) {
			return fmt.Errorf("otlp: %w", err)
		}
	}
}

// post sends a batch once. again says that it may be sent once more, after wait, 0
// where the collector does not say how long.
func (c *Client) post(ctx context.Context, body []byte) (again bool, wait time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.options.URL, bytes.NewReader(body))
	if err != nil {
		return false, 0, errors.New("the URL cannot be requested")
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	if c.options.Gzip {
		request.Header.Set("Content-Encoding", "gzip")
	}
	if c.options.UserAgent != "" {
		request.Header.Set("User-Agent", c.options.UserAgent)
	}
	for name, value := range c.options.Headers {
		request.Header.Set(name, value)
	}
	response, err := c.http.Do(request)
	if err != nil {
		// Without the URL, whose query may be secret.
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err
		}
		return ctx.Err() == nil, 0, err
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
	switch response.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return false, 0, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // a date: the usual pause
		again, wait = true, time.Duration(max(seconds, 0))*time.Second
	}
	return again, wait, fmt.Errorf("the collector answered %d %s", response.StatusCode, http.StatusText(response.StatusCode))
}

func compressed(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(body)
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

// sleep waits for d; false when ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
