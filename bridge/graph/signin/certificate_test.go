package signin_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	pkcs12 "software.sslmate.com/src/go-pkcs12"

	"devicebridge/bridge/graph/signin"
)

// selfSigned gives a certificate of the key.
func selfSigned(t *testing.T, key crypto.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// TestCertificateFiles: the forms in which a certificate comes, and the words for
// those that are not taken.
func TestCertificateFiles(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate, ec := selfSigned(t, key), selfSigned(t, elliptic)
	block := func(kind string, der []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	encoded := func(e *pkcs12.Encoder, key any, c *x509.Certificate, password string) []byte {
		text, err := e.Encode(key, c, nil, password)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	private := block("PRIVATE KEY", pkcs8, err)
	public := block("CERTIFICATE", certificate.Raw, nil)
	ecKey, err := x509.MarshalECPrivateKey(elliptic)
	ecPrivate := block("EC PRIVATE KEY", ecKey, err)
	ecPKCS8, err := x509.MarshalPKCS8PrivateKey(elliptic)
	good := slices.Concat(private, public)
	bom := []byte("\xef\xbb\xbf")
	proc := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: pkcs8})
	for name, test := range map[string]struct {
		text     []byte
		password string
		says     string // empty: it is taken
	}{
		"PEM":                            {text: good},
		"PEM, the certificate first":     {text: slices.Concat(public, private)},
		"PEM of PKCS#1":                  {text: slices.Concat(public, block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key), nil))},
		"PEM with a byte order mark":     {text: slices.Concat(bom, good)},
		"PEM with CRLF":                  {text: bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n"))},
		"PEM and a password for nothing": {text: good, password: "secret"},
		"PKCS#12 of OpenSSL 3":           {text: encoded(pkcs12.Modern2023, key, certificate, "secret"), password: "secret"},
		"PKCS#12 of OpenSSL 3, no words": {text: encoded(pkcs12.Modern2023, key, certificate, "")},
		"PKCS#12 of before":              {text: encoded(pkcs12.LegacyDES, key, certificate, "secret"), password: "secret"},
		"PKCS#12 of long before":         {text: encoded(pkcs12.LegacyRC2, key, certificate, "secret"), password: "secret"},
		"PKCS#12 without the password":   {encoded(pkcs12.Modern2023, key, certificate, "secret"), "", "set AZURE_CLIENT_CERTIFICATE_PASSWORD"},
		"PKCS#12 with another password":  {encoded(pkcs12.Modern2023, key, certificate, "secret"), "x", "AZURE_CLIENT_CERTIFICATE_PASSWORD is not its password"},
		"PKCS#12 with an EC key":         {encoded(pkcs12.Modern2023, elliptic, ec, "secret"), "secret", "an RSA key only"},
		"PEM with an EC key":             {slices.Concat(ecPrivate, block("CERTIFICATE", ec.Raw, nil)), "", "an RSA key only"},
		"PEM with an EC key in PKCS#8":   {slices.Concat(block("PRIVATE KEY", ecPKCS8, err), block("CERTIFICATE", ec.Raw, nil)), "", "an RSA key only"},
		"encrypted PEM":                  {slices.Concat(block("ENCRYPTED PRIVATE KEY", pkcs8, nil), public), "secret", "is encrypted"},
		"encrypted PEM of before":        {slices.Concat(proc, public), "secret", "is encrypted"},
		"no key":                         {public, "", "private key"},
		"no certificate":                 {private, "", "certificate"},
		"the certificate of another key": {slices.Concat(private, block("CERTIFICATE", selfSigned(t, other).Raw, nil)), "", "key"},
		"something else":                 {[]byte("hello"), "", "it takes a certificate and its RSA private key"},
		"nothing":                        {nil, "", "it takes a certificate and its RSA private key"},
	} {
		t.Run(name, func(t *testing.T) {
			a := signin.Application{
				ClientID: "2b9a7d10-58c4-4f6e-8e21-0c4d7b3a9f55", TenantID: "contoso.example",
				CertificateFile: file(t, "client", test.text), CertificatePassword: test.password,
			}
			err := signin.CheckCredential(signin.ClientCertificate, a)
			if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("it says %v, want %q", err, test.says)
			}
			_, starts := signin.New(signin.Options{Application: a, Mode: signin.ClientCertificate, Scopes: []string{"x"}})
			if (starts == nil) != (err == nil) {
				t.Errorf("the check says %v, the start %v", err, starts)
			}
		})
	}
}
