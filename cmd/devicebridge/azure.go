package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"devicebridge/bridge/graph"
	"devicebridge/bridge/graph/signin"
)

// azureConfig is who signs in and where, by azidentity's own names, and whom to
// trust on the way.
type azureConfig struct {
	ClientID            string `env:"AZURE_CLIENT_ID"`
	TenantID            string `env:"AZURE_TENANT_ID"`
	AuthorityHost       string `env:"AZURE_AUTHORITY_HOST"`
	ClientSecret        string `env:"AZURE_CLIENT_SECRET"`
	CertificatePath     string `env:"AZURE_CLIENT_CERTIFICATE_PATH"`
	CertificatePassword string `env:"AZURE_CLIENT_CERTIFICATE_PASSWORD"`
	FederatedTokenFile  string `env:"AZURE_FEDERATED_TOKEN_FILE"`
	GraphCA             string `env:"BRIDGE_GRAPH_CA"`

	// secretFile and passwordFile are where the two come from; empty: from their
	// variables.
	secretFile, passwordFile string
}

// application gives what package signin calls so.
func (a azureConfig) application(transport http.RoundTripper) signin.Application {
	return signin.Application{
		ClientID: a.ClientID, TenantID: a.TenantID, Authority: a.AuthorityHost, ClientSecret: a.ClientSecret,
		CertificateFile: a.CertificatePath, CertificatePassword: a.CertificatePassword, FederatedTokenFile: a.FederatedTokenFile,
		ClientSecretFile: a.secretFile, CertificatePasswordFile: a.passwordFile,
		Transport: transport,
	}
}

// faults checks what a client and the service read alike. The variables of azidentity
// may be there for another program where asks says that nothing asks for tokens.
func (a azureConfig) faults(asks bool) []error {
	var faults []error
	if _, err := a.rootCAs(); err != nil {
		faults = append(faults, fmt.Errorf("BRIDGE_GRAPH_CA: %w", err))
	}
	if !asks {
		return faults
	}
	switch u, err := url.Parse(a.AuthorityHost); {
	case a.AuthorityHost == "":
	case err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil:
		faults = append(faults, errors.New("AZURE_AUTHORITY_HOST: is not an https URL, such as "+signin.PublicAuthority))
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		// The libraries would take a first segment for the tenant.
		faults = append(faults, errors.New("AZURE_AUTHORITY_HOST: has more behind the host; it takes a host alone, such as "+
			signin.PublicAuthority+", and AZURE_TENANT_ID the tenant"))
	}
	if strings.Trim(a.TenantID, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.") != "" {
		faults = append(faults, errors.New("AZURE_TENANT_ID: is not a tenant's id or domain name"))
	}
	return faults
}

// rootCAs gives the system's certificates and those of BRIDGE_GRAPH_CA; nil, which
// means the system's, where that is not set.
func (a azureConfig) rootCAs() (*x509.CertPool, error) {
	if a.GraphCA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(a.GraphCA)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", a.GraphCA)
	}
	return pool, nil
}

// newTransport gives what carries requests to Graph and to the authority, as a rule so
// many at once; zero for a few.
func newTransport(a azureConfig, atOnce int) (*http.Transport, error) {
	pool, err := a.rootCAs()
	if err != nil {
		return nil, usageError{fmt.Errorf("BRIDGE_GRAPH_CA: %w", err)}
	}
	return graph.NewTransport(graph.TransportOptions{RootCAs: pool, AtOnce: atOnce}), nil
}
