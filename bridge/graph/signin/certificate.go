package signin

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// CheckCredential says why a process that starts with these settings would refuse
// them, in the modes in which an application signs in; it asks nobody. Nil: it would
// not, which says nothing of what the authority does.
func CheckCredential(mode Mode, a Application) error {
	if !mode.AppOnly() {
		return nil
	}
	o := Options{Mode: mode, Application: a}
	_, _ = o.readFiles() // whoever uses the file says what is wrong
	_, err := newCredential(o)
	return err
}

func newCertificate(o Options) (azcore.TokenCredential, error) {
	text, err := os.ReadFile(o.CertificateFile)
	if err != nil {
		return nil, fmt.Errorf("sign-in: certificate: %w", err)
	}
	certificates, key, err := readCertificate(text, o.CertificatePassword)
	if err != nil {
		return nil, fmt.Errorf("sign-in: certificate %s: %w", o.CertificateFile, err)
	}
	credential, err := azidentity.NewClientCertificateCredential(o.TenantID, o.ClientID, certificates, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: o.clientOptions(), DisableInstanceDiscovery: !Trusted(o.host())})
	if err != nil {
		return nil, fmt.Errorf("sign-in: certificate %s: %w", o.CertificateFile, err)
	}
	return credential, nil
}

const certificateForms = "it takes a certificate and its RSA private key, in PEM without encryption or in PKCS#12"

// readCertificate reads certificates and their private key out of PEM or PKCS#12.
func readCertificate(text []byte, password string) ([]*x509.Certificate, crypto.PrivateKey, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	read := readPKCS12
	if bytes.Contains(text, []byte("-----BEGIN ")) {
		read = readPEM
	}
	certificates, key, err := read(text, password)
	if err != nil {
		return nil, nil, err
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("its private key is a %T, and the authority takes certificates with an RSA key only: "+
			"make one with openssl req -x509 -newkey rsa:3072 and upload it to the application's registration", key)
	}
	for _, c := range certificates {
		if public, ok := c.PublicKey.(*rsa.PublicKey); ok && public.Equal(&private.PublicKey) {
			return certificates, key, nil
		}
	}
	return nil, nil, errors.New("its private key is not that of a certificate in it; " + certificateForms)
}

func readPEM(text []byte, _ string) ([]*x509.Certificate, crypto.PrivateKey, error) {
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return nil, nil, errors.New("its private key is encrypted, which is read in PKCS#12 only: make one with openssl pkcs12 -export -in <this file> " +
				"and set AZURE_CLIENT_CERTIFICATE_PASSWORD, or decrypt it with openssl pkey")
		}
		if block.Type == "EC PRIVATE KEY" {
			key, err := x509.ParseECPrivateKey(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("%w; %s", err, certificateForms)
			}
			return nil, key, nil // which is refused for what it is
		}
	}
	certificates, key, err := azidentity.ParseCertificates(text, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%w; %s", err, certificateForms)
	}
	return certificates, key, nil
}

func readPKCS12(text []byte, password string) ([]*x509.Certificate, crypto.PrivateKey, error) {
	key, certificate, others, err := pkcs12.DecodeChain(text, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword) && password == "":
		return nil, nil, errors.New("it is protected by a password; set AZURE_CLIENT_CERTIFICATE_PASSWORD")
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, nil, errors.New("AZURE_CLIENT_CERTIFICATE_PASSWORD is not its password")
	case err != nil:
		return nil, nil, fmt.Errorf("it cannot be read as PKCS#12 (%w) and is no PEM; %s", err, certificateForms)
	}
	return append([]*x509.Certificate{certificate}, others...), key, nil
}
