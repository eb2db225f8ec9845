package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator"
)

// cliPair makes a certificate, good for a server and a client, that is its own CA,
// and gives its files.
func cliPair(t *testing.T, name string, life time.Duration) map[string]string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"cert": filepath.Join(dir, "cert.pem"), "key": filepath.Join(dir, "key.pem")}
	cliPairInto(t, files, name, life)
	return files
}

func cliPairInto(t *testing.T, files map[string]string, name string, life time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cliReplace(t, files["cert"], string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	cliReplace(t, files["key"], string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}

func cliReplace(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// cliHTTPS gives a client that trusts the certificate in a file, and shows another
// if it has one.
func cliHTTPS(t *testing.T, trusted string, shown map[string]string) *http.Client {
	t.Helper()
	text, err := os.ReadFile(trusted)
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	c.RootCAs.AppendCertsFromPEM(text)
	if shown != nil {
		pair, err := tls.LoadX509KeyPair(shown["cert"], shown["key"])
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestPostbacksOverTLS has a bridge whose clients must show a certificate.
func TestPostbacksOverTLS(t *testing.T) {
	files, client := cliPair(t, "localhost", 24*365*time.Hour), cliPair(t, "ingress", time.Hour)
	b := cliStartWith(t, emulator.Options{}, map[string]string{
		"BRIDGE_TLS_CERT": files["cert"], "BRIDGE_TLS_KEY": files["key"], "BRIDGE_TLS_CLIENT_CA": client["cert"],
	})
	callback := strings.Replace(cliField(t, b.ok("callback"), "callback"), "http://", "https://", 1)
	post := func(c *http.Client) (int, int, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, callback, strings.NewReader(`{"status":"completed"}`))
		if err != nil {
			t.Fatal(err)
		}
		response, err := c.Do(r)
		if err != nil {
			return 0, 0, err
		}
		_ = response.Body.Close()
		return response.StatusCode, response.ProtoMajor, nil
	}
	if status, version, err := post(cliHTTPS(t, files["cert"], client)); err != nil || status != http.StatusAccepted || version != 2 {
		t.Errorf("%d over HTTP/%d, %v", status, version, err)
	}
	if status, _, err := post(cliHTTPS(t, files["cert"], nil)); err == nil {
		t.Errorf("without a client certificate: %d", status)
	}
	if status, _, err := post(cliHTTPS(t, files["cert"], files)); err == nil {
		t.Errorf("with a client certificate of somebody else: %d", status)
	}
	old := cliHTTPS(t, files["cert"], client)
	old.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS11
	if status, _, err := post(old); err == nil {
		t.Errorf("TLS 1.1: %d", status)
	}
	for suite, want := range map[uint16]bool{
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: true, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: true,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: false, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: false,
	} {
		one := cliHTTPS(t, files["cert"], client)
		c := one.Transport.(*http.Transport).TLSClientConfig
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{suite}
		if status, _, err := post(one); (err == nil) != want {
			t.Errorf("TLS 1.2 with %s: %d, %v", tls.CipherSuiteName(suite), status, err)
		}
	}
	series := cliSeries(t, b)
	if got := series["devicebridge_tls_certificate_expiry_timestamp_seconds"]; !strings.HasPrefix(got, "1.") && !strings.HasPrefix(got, "2.") {
		t.Errorf("its end is %q", got)
	}
	if got := series[`devicebridge_postback_duration_seconds_count{result="connectionRefused"}`]; got != "0" {
		t.Errorf("refused connections are %q", got)
	}
}

// A new certificate is taken for the next connection; a faulty one is refused as a
// whole, said once, and shown until it is put right.
func TestTheCertificateIsReloaded(t *testing.T) {
	files := cliPair(t, "one.example.com", 24*365*time.Hour)
	c := config{TLSCert: files["cert"], TLSKey: files["key"]}
	o := &operator{metrics: newMetrics(build{Version: "1", Go: "go"}), health: new(health)}
	o.health.start()
	var lines strings.Builder
	tlsNow, err := newServerTLS(c, o, slog.New(slog.NewTextHandler(&lines, nil)))
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		got, err := tlsNow.config().GetConfigForClient(nil)
		if err != nil {
			t.Fatal(err)
		}
		return got.Certificates[0].Leaf.DNSNames[0]
	}
	step := func(what, wantName, wantReason string) {
		t.Helper()
		tlsNow.look(time.Now())
		tlsNow.look(time.Now())
		_, text := o.health.readiness()
		if name() != wantName || !strings.Contains(text, wantReason) || wantReason == "" && text != "ready\n" {
			t.Errorf("%s: serves %s, readiness %q", what, name(), text)
		}
	}
	step("at first", "one.example.com", "")
	cliPairInto(t, files, "two.example.com", 24*365*time.Hour)
	step("replaced", "two.example.com", "")
	good, _ := os.ReadFile(files["key"])
	cliReplace(t, files["key"], "no key")
	step("without its key", "two.example.com", "tlsCertificate: BRIDGE_TLS_CERT and BRIDGE_TLS_KEY: ")
	if n := strings.Count(lines.String(), "level=WARN"); n != 1 {
		t.Errorf("said %d times: %s", n, &lines)
	}
	cliReplace(t, files["key"], string(good))
	step("put right", "two.example.com", "")
	cliPairInto(t, files, "three.example.com", time.Minute)
	step("nearly over", "three.example.com", "tlsCertificate: BRIDGE_TLS_CERT ends at ")
	if got := endsSoon(tlsNow.current.Load().leaf, time.Now().Add(time.Hour)); !strings.Contains(got, "has ended at") {
		t.Errorf("after its end: %q", got)
	}
	if got := endsSoon(tlsNow.current.Load().leaf, time.Now().Add(-2*time.Hour)); !strings.Contains(got, "is not good before") {
		t.Errorf("before its beginning: %q", got)
	}
}
