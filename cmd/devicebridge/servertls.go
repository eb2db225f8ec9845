package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// serverTLS is the TLS of the public listener, as its files are. Only run touches
// fields other than current.
type serverTLS struct {
	c        config
	operator *operator
	log      *slog.Logger
	current  atomic.Pointer[tlsFiles]
	told     string
}

// tlsFiles are the certificate, its key and the CA of the clients, as they were
// read together.
type tlsFiles struct {
	config *tls.Config
	leaf   *x509.Certificate
	ca     []byte
}

// newServerTLS reads the files; nil where no TLS is asked for.
func newServerTLS(c config, o *operator, log *slog.Logger) (*serverTLS, error) {
	if c.TLSCert == "" {
		return nil, nil //nolint:nilnil // no TLS is asked for, and nothing is wrong
	}
	files, err := readTLS(c)
	if err != nil {
		return nil, usageError{err}
	}
	t := &serverTLS{c: c, operator: o, log: log}
	t.current.Store(files)
	o.metrics.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "devicebridge_tls_certificate_expiry_timestamp_seconds",
		Help: "When the certificate of the postback endpoint ends, in seconds since 1970.",
	}, func() float64 { return float64(t.current.Load().leaf.NotAfter.Unix()) }))
	return t, nil
}

// config gives the configuration of a listener that takes each connection with the
// files as they are then.
func (t *serverTLS) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, CipherSuites: cipherSuites(),
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return t.current.Load().config, nil },
	}
}

// cipherSuites returns those of TLS 1.2 that authenticate what they encrypt and keep
// nothing readable when a key is lost later. Go's own choice has ones with CBC too.
// TLS 1.3 has no others.
func cipherSuites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

func (t *serverTLS) run(ctx context.Context) {
	repeatedly(ctx, reloadEvery, func(context.Context) { t.look(time.Now()) })
}

// look takes the files if they have changed, or, where they have a fault, none of
// them, and tells once what is wrong.
func (t *serverTLS) look(now time.Time) {
	files, err := readTLS(t.c)
	if err == nil && !files.same(t.current.Load()) {
		t.current.Store(files)
		t.log.Info("the certificate of the postback endpoint has changed", "names", files.leaf.DNSNames, "until", files.leaf.NotAfter.UTC())
	}
	text := endsSoon(t.current.Load().leaf, now)
	if err != nil {
		text = err.Error() + ": the certificate from before is kept"
	}
	if text == "" {
		t.operator.recovered(conditionTLSCertificate)
	} else {
		t.operator.degrade(conditionTLSCertificate, text)
	}
	if text != t.told && text != "" {
		t.log.Warn(text)
	}
	t.told = text
}

// endsSoon says that a certificate is not good, or has less than two weeks, or less
// than a quarter of its life, to go; empty if all is well.
func endsSoon(leaf *x509.Certificate, now time.Time) string {
	left := min(14*24*time.Hour, leaf.NotAfter.Sub(leaf.NotBefore)/4)
	until := leaf.NotAfter.UTC().Format(time.RFC3339)
	switch {
	case now.Before(leaf.NotBefore):
		return "BRIDGE_TLS_CERT is not good before " + leaf.NotBefore.UTC().Format(time.RFC3339) + ": senders refuse it"
	case !now.Before(leaf.NotAfter):
		return "BRIDGE_TLS_CERT has ended at " + until + ": senders refuse it"
	case !now.Before(leaf.NotAfter.Add(-left)):
		return "BRIDGE_TLS_CERT ends at " + until + "; put a new one in its place"
	}
	return ""
}

// readTLS reads the files of the public listener's TLS. The error names the setting.
func readTLS(c config) (*tlsFiles, error) {
	cert, err := os.ReadFile(c.TLSCert)
	if err != nil {
		return nil, fmt.Errorf("BRIDGE_TLS_CERT: %w", err)
	}
	key, err := os.ReadFile(c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("BRIDGE_TLS_KEY: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, errors.New("BRIDGE_TLS_CERT and BRIDGE_TLS_KEY: " + err.Error())
	}
	f := &tlsFiles{leaf: pair.Leaf, config: &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, CipherSuites: cipherSuites(),
	}}
	if c.TLSClientCA == "" {
		return f, nil
	}
	if f.ca, err = os.ReadFile(c.TLSClientCA); err != nil {
		return nil, fmt.Errorf("BRIDGE_TLS_CLIENT_CA: %w", err)
	}
	f.config.ClientCAs, f.config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !f.config.ClientCAs.AppendCertsFromPEM(f.ca) {
		return nil, fmt.Errorf("BRIDGE_TLS_CLIENT_CA: %s holds no certificate in PEM", c.TLSClientCA)
	}
	return f, nil
}

// same reports whether the files say the same; the key follows from the certificate.
func (f *tlsFiles) same(other *tlsFiles) bool {
	mine, theirs := f.config.Certificates[0].Certificate, other.config.Certificates[0].Certificate
	return slices.EqualFunc(mine, theirs, bytes.Equal) && bytes.Equal(f.ca, other.ca)
}
