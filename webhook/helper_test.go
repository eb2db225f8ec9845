package webhook_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"devicebridge/events"
	"devicebridge/webhook"
)

const (
	command  = "xm2igitaea4d34ipad5wcv3kzi"
	stranger = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	done     = `{"status":"completed","id":"0158"}`
)

// expiry is that of the token vector, and now a moment well before it.
func expiry() time.Time { return time.Unix(2_000_000_000, 0) }
func now() time.Time    { return expiry().Add(-time.Hour) }

// firstKey is the key of the token vector, secondKey another.
func firstKey() string  { return keyText("k1", func(i byte) byte { return i }) }
func secondKey() string { return keyText("k2", func(byte) byte { return 0xff }) }

func keyText(id string, at func(i byte) byte) string {
	var raw []byte
	for i := range byte(32) {
		raw = append(raw, at(i))
	}
	return id + ":" + base64.StdEncoding.EncodeToString(raw)
}

func keyring(t testing.TB, text string) *webhook.Keyring {
	t.Helper()
	ring, err := webhook.ParseKeyring(text)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func path(t testing.TB) string {
	return "/postback/" + command + "/" + keyring(t, firstKey()).Token(command, expiry())
}

// call is what a sink was told.
type call struct {
	command      string
	observations []events.Observation
}

// sink records its calls and answers with do, or with nil.
type sink struct {
	do func(context.Context) error

	mu    sync.Mutex
	calls []call
}

func (s *sink) Postback(ctx context.Context, command string, observations []events.Observation) error {
	s.mu.Lock()
	s.calls = append(s.calls, call{command, observations})
	s.mu.Unlock()
	if s.do == nil {
		return nil
	}
	return s.do(ctx)
}

func (s *sink) told() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func failing(err error) *sink { return &sink{do: func(context.Context) error { return err }} }

// server gives a server with the fixed key and clock where options name none.
func server(t testing.TB, options webhook.Options) *webhook.Server {
	t.Helper()
	if options.Keys == nil {
		options.Keys = keyring(t, firstKey())
	}
	if options.Now == nil {
		options.Now = now
	}
	s, err := webhook.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// listen runs the handler behind net/http and gives its address.
func listen(t testing.TB, handler http.Handler) string {
	t.Helper()
	ts := httptest.NewServer(handler)
	t.Cleanup(ts.Close)
	return ts.Listener.Addr().String()
}

// reply is a whole answer.
type reply struct {
	status int
	header http.Header
	body   string
}

// dialer opens connections to a server under test.
type dialer func(ctx context.Context) (net.Conn, error)

func tcp(address string) dialer {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}
}

// send makes one request on a connection of its own.
func send(t testing.TB, address, method, path, body string, header ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	got, err := roundTrip(tcp(address), r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func roundTrip(dial dialer, r *http.Request) (reply, error) {
	transport := &http.Transport{
		DisableKeepAlives: true, DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(body)}, err
}

// dial opens a connection for bytes that no client would send.
func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := tcp(address)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// wire gives the bytes of an answer without its date.
func wire(t testing.TB, conn net.Conn) string {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	response.Header.Del("Date")
	dump, err := httputil.DumpResponse(response, true)
	if err != nil {
		t.Fatal(err)
	}
	return string(dump)
}

// parsed reads one answer of HTTP/1.
func parsed(t testing.TB, from io.Reader) reply {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(from), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(body)}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// direct calls the handler without a connection.
func direct(handler http.Handler, method, path string, body io.Reader) *httptest.ResponseRecorder {
	r := &http.Request{
		Method: method, URL: &url.URL{Path: path}, Header: http.Header{}, Body: io.NopCloser(body),
		ContentLength: -1, RemoteAddr: "192.0.2.1:1234", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// directReply posts from an address without a connection.
func directReply(handler http.Handler, from, path string) *httptest.ResponseRecorder {
	return directWith(handler, from, path, http.Header{})
}

func directFrom(handler http.Handler, from, path string, header http.Header) int {
	return directWith(handler, from, path, header).Code
}

func directWith(handler http.Handler, from, path string, header http.Header) *httptest.ResponseRecorder {
	r := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: path}, Header: header, Body: io.NopCloser(strings.NewReader(done)),
		ContentLength: int64(len(done)), RemoteAddr: from, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// certificate gives the TLS of a server on example.com.
func certificate(t testing.TB) *tls.Config {
	t.Helper()
	ts := httptest.NewUnstartedServer(nil)
	ts.StartTLS()
	defer ts.Close()
	return &tls.Config{Certificates: ts.TLS.Certificates, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
}

// observe collects the results of a server that is called by one goroutine.
func observe(results *[]webhook.Result) func(webhook.Result, time.Duration) {
	return func(result webhook.Result, _ time.Duration) { *results = append(*results, result) }
}

// serveTCP runs a whole server on a real port and gives its address.
func serveTCP(t *testing.T, options webhook.Options) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := server(t, options)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("Serve gives %v", err)
		}
	})
	return l.Addr().String()
}
