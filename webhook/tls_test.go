package webhook_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"

	"devicebridge/webhook"
)

// serveTLS runs a whole server on a real port and gives its address and a client
// that trusts it.
func serveTLS(t *testing.T, options webhook.Options, http2 bool) (string, *http.Client) {
	t.Helper()
	options.TLS = certificate(t)
	address := serveTCP(t, options)
	leaf, err := x509.ParseCertificate(options.TLS.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}, ForceAttemptHTTP2: http2, DisableCompression: true}
	if !http2 {
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return address, &http.Client{Transport: transport}
}

func TestTLS(t *testing.T) {
	for version, major := range map[string]int{"HTTP/1.1": 1, "HTTP/2": 2} {
		t.Run(version, func(t *testing.T) {
			stored := &sink{}
			address, client := serveTLS(t, webhook.Options{Sink: stored, MaxBody: 1000}, major == 2)
			for _, step := range []struct {
				path, body string
				want       int
			}{
				{path(t), done, 202}, {path(t), done, 202}, {"/postback/a/b", done, 404}, {path(t), strings.Repeat(" ", 1001), 413},
				{path(t), "{", 400}, {path(t), done, 202},
			} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+address+step.path, strings.NewReader(step.body))
				if err != nil {
					t.Fatal(err)
				}
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if response.Header.Get("Strict-Transport-Security") != "max-age=63072000" {
					t.Errorf("%s: no word of HTTPS in %v", step.path, response.Header)
				}
				if err != nil || response.StatusCode != step.want || response.ProtoMajor != major {
					t.Errorf("%s: %s %d %s (%v), want %d", step.path, response.Proto, response.StatusCode, body, err, step.want)
				}
			}
			if len(stored.told()) != 3 {
				t.Errorf("the sink was told %d times", len(stored.told()))
			}
			conn := dial(t, address)
			if _, err := io.WriteString(conn, whole(t)); err != nil {
				t.Fatal(err)
			}
			in := parsed(t, conn)
			if checkProblem(t, in); in.status != http.StatusBadRequest || in.header.Get("Strict-Transport-Security") != "" {
				t.Errorf("in clear: %+v", in)
			}
		})
	}
}
