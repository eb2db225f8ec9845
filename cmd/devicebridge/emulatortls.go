package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
)

// tlsFlags is what the command line says of the emulator's TLS.
type tlsFlags struct {
	dir   string
	names []string
}

func (t *tlsFlags) add(f *pflag.FlagSet) {
	f.StringVar(&t.dir, "tls-dir", "", "serve TLS, with a certificate of a CA that is kept in this directory, made there the first time")
	f.StringSliceVar(&t.names, "tls-name", nil, "further host names or addresses for the certificate, beside loopback and --listen")
}

// The files of the CA.
const (
	caCertFile = "ca.pem"
	caKeyFile  = "ca-key.pem"
)

func (t *tlsFlags) caFile() string { return filepath.Join(t.dir, caCertFile) }

// config gives the server's TLS for a listener on listen, or nil when there is no directory. The server's certificate
// is made anew at every start; who trusts the CA goes on trusting it.
func (t *tlsFlags) config(listen string) (*tls.Config, error) {
	if t.dir == "" {
		if len(t.names) > 0 {
			return nil, errors.New("--tls-name: needs --tls-dir")
		}
		return nil, nil //nolint:nilnil // no TLS is asked for, and nothing is wrong
	}
	dir, err := filepath.Abs(t.dir)
	if err != nil {
		return nil, fmt.Errorf("--tls-dir: %w", err)
	}
	t.dir = dir // what is printed must also be right elsewhere
	ca, err := t.ca(time.Now())
	if err != nil {
		return nil, fmt.Errorf("--tls-dir: %w", err)
	}
	names := append([]string{"localhost", "127.0.0.1", "::1"}, t.names...)
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		names = append(names, host)
	}
	server, err := serverCertificate(ca, names, time.Now())
	if err != nil {
		return nil, fmt.Errorf("--tls-dir: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{server}, MinVersion: tls.VersionTLS12, CipherSuites: cipherSuites()}, nil
}

// ca reads the CA, or makes it where there is none.
func (t *tlsFlags) ca(now time.Time) (tls.Certificate, error) {
	certFile, keyFile := t.caFile(), filepath.Join(t.dir, caKeyFile)
	_, noCert := os.Stat(certFile)
	_, noKey := os.Stat(keyFile)
	if errors.Is(noCert, fs.ErrNotExist) && errors.Is(noKey, fs.ErrNotExist) {
		if err := makeCA(certFile, keyFile, now); err != nil {
			return tls.Certificate{}, err
		}
	}
	ca, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the CA cannot be used; remove %s and %s to have a new one made: %w", certFile, keyFile, err)
	}
	if !ca.Leaf.IsCA || !now.Before(ca.Leaf.NotAfter) {
		return tls.Certificate{}, fmt.Errorf("%s is no CA certificate, or has expired; remove it and %s to have a new one made", certFile, keyFile)
	}
	return ca, nil
}

// makeCA writes the key first: a certificate without its key would be trusted and of no use.
func makeCA(certFile, keyFile string, now time.Time) error {
	if err := os.MkdirAll(filepath.Dir(certFile), 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "devicebridge emulator CA"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644) //nolint:gosec // to be read by the bridge
}

// serverCertificate makes a certificate for the names, for as long as its CA lasts but at most a year.
func serverCertificate(ca tls.Certificate, names []string, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "devicebridge emulator"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if template.NotAfter.After(ca.Leaf.NotAfter) {
		template.NotAfter = ca.Leaf.NotAfter
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Leaf, key.Public(), ca.PrivateKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der, ca.Certificate[0]}, PrivateKey: key}, nil
}

// serial gives a number that no other certificate has: 127 random bits.
func serial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails, by its documentation
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}
