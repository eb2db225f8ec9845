package authority_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/golang-jwt/jwt/v5"

	"devicebridge/bridge/graph/emulator/authority"
)

func (p *platform) options() azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: p.url},
		Transport: p.client,
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}
}

// token asks the credential, or gives the error of making it.
func token(t *testing.T, c azcore.TokenCredential, err error, scopes ...string) (azcore.AccessToken, error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return c.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: scopes})
}

func (p *platform) deviceCodeCredential(decide func(code string) error) (*azidentity.DeviceCodeCredential, error) {
	return azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
		ClientOptions: p.options(), ClientID: authority.DeviceApp, TenantID: "consumers", DisableInstanceDiscovery: true,
		UserPrompt: func(_ context.Context, m azidentity.DeviceCodeMessage) error { return decide(m.UserCode) },
	})
}

func TestDeviceCodeCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := direct(t, authority.Options{})
		c, err := p.deviceCodeCredential(p.approve)
		got, err := token(t, c, err, command, read)
		if err != nil {
			t.Fatal(err)
		}
		if left := time.Until(got.ExpiresOn); left < 59*time.Minute || left > 61*time.Minute {
			t.Errorf("expires in %s", left)
		}
		if g, err := p.Check(got.Token); err != nil || !slices.Equal(g.Scopes, []string{"Device.Command", "Device.Read"}) {
			t.Errorf("%+v, %v", g, err)
		}
		<-time.After(2 * time.Hour)
		next, err := token(t, c, nil, command, read)
		if err != nil || next.Token == got.Token {
			t.Errorf("after two hours: %v", err)
		}
		if l := p.Ledger(); l.DeviceCodes != 1 || l.Refreshes != 1 {
			t.Errorf("%+v", l)
		}
	})
}

func TestDeviceCodeCredentialDeclined(t *testing.T) {
	p := start(t, authority.Options{})
	c, err := p.deviceCodeCredential(p.Decline)
	// The text of the refusal is lost between MSAL, which reads the body of every poll, and azidentity.
	if _, err := token(t, c, err, command); err == nil || !strings.Contains(err.Error(), "400") || p.Ledger().Refused[65004] != 1 {
		t.Errorf("%v, %+v", err, p.Ledger())
	}
}

// Nobody has to be there when approval is automatic.
func TestAutoApproval(t *testing.T) {
	p := start(t, authority.Options{AutoApprove: true})
	c, err := p.deviceCodeCredential(func(string) error { return nil })
	got, err := token(t, c, err, command)
	if err != nil {
		t.Fatal(err)
	}
	if g, err := p.Check(got.Token); err != nil || g.Account != authority.PersonalUser {
		t.Errorf("%+v, %v", g, err)
	}
}

// What stands in for the browser that azidentity opens.
var (
	browserOpen = flag.String("browser.open", "", "be a browser and open this URL")
	browserCA   = flag.String("browser.ca", "", "the certificate to trust")
)

func TestBrowserProcess(t *testing.T) {
	if *browserOpen == "" {
		t.Skip("started by TestInteractiveBrowserCredential only")
	}
	pemBytes, err := os.ReadFile(*browserCA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pemBytes)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	if err := browse(client, *browserOpen, authority.PersonalUser, "approve"); err != nil {
		t.Fatal(err)
	}
}

func TestInteractiveBrowserCredential(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("how a browser is opened is the system's; this is done for Linux")
	}
	p := start(t, authority.Options{})
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	transport := p.client.Transport.(*http.Transport)
	server := serverCertificate(t, p.url, transport)
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' -test.run='^TestBrowserProcess$' -browser.ca='%s' -browser.open=\"$1\" >/dev/null 2>&1\n", self, ca)
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	c, err := azidentity.NewInteractiveBrowserCredential(&azidentity.InteractiveBrowserCredentialOptions{
		ClientOptions: p.options(), ClientID: authority.DeviceApp, TenantID: "consumers", DisableInstanceDiscovery: true,
	})
	got, err := token(t, c, err, command)
	if err != nil {
		t.Fatal(err)
	}
	if g, err := p.Check(got.Token); err != nil || g.Account != authority.PersonalUser || p.Ledger().CodeGrants != 1 {
		t.Errorf("%+v, %v, %+v", g, err, p.Ledger())
	}
}

func serverCertificate(t *testing.T, url string, transport *http.Transport) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), transport.TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0]
}

// isDirectoryToken checks an app token by what it says, and by the published keys.
func (p *platform) isDirectoryToken(got azcore.AccessToken, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	g, err := p.Check(got.Token)
	if err != nil || !g.AppOnly() || g.Client != authority.DirectoryApp || g.Tenant != authority.Tenant || !slices.Contains(g.Roles, "Device.Read.All") {
		p.t.Fatalf("%+v, %v", g, err)
	}
	claims := p.verified(got.Token)
	if claims["aud"] != "https://graph.microsoft.com" || claims["tid"] != authority.Tenant || claims["azp"] != authority.DirectoryApp || claims["idtyp"] != "app" {
		p.t.Errorf("%v", claims)
	}
}

func TestClientSecretCredential(t *testing.T) {
	p := start(t, authority.Options{})
	for _, tenant := range []string{authority.Tenant, "contoso.example"} {
		c, err := azidentity.NewClientSecretCredential(tenant, authority.DirectoryApp, authority.DirectorySecret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: p.options(), DisableInstanceDiscovery: true})
		p.isDirectoryToken(token(t, c, err, preset))
	}
	c, err := azidentity.NewClientSecretCredential(authority.Tenant, authority.DirectoryApp, "wrong",
		&azidentity.ClientSecretCredentialOptions{ClientOptions: p.options(), DisableInstanceDiscovery: true})
	if _, err := token(t, c, err, preset); err == nil || !strings.Contains(err.Error(), "AADSTS7000215") {
		t.Errorf("%v", err)
	}
}

// certificate gives a self-signed one that is good until then.
func certificate(t *testing.T, until time.Time) (*x509.Certificate, *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(until.Unix()), NotBefore: until.Add(-48 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

// directoryApp is the default app with other credentials.
func directoryApp(change func(*authority.App)) []authority.App {
	app := authority.DefaultApps()[1]
	change(&app)
	return []authority.App{app}
}

func TestClientCertificateCredential(t *testing.T) {
	good, goodKey := certificate(t, time.Now().Add(24*time.Hour))
	old, oldKey := certificate(t, time.Now().Add(-time.Hour))
	foreign, foreignKey := certificate(t, time.Now().Add(24*time.Hour))
	p := start(t, authority.Options{Apps: directoryApp(func(a *authority.App) { a.Certificates = []*x509.Certificate{old, good} })})
	credential := func(c *x509.Certificate, key crypto.PrivateKey) (azcore.AccessToken, error) {
		cred, err := azidentity.NewClientCertificateCredential(authority.Tenant, authority.DirectoryApp, []*x509.Certificate{c}, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: p.options(), DisableInstanceDiscovery: true})
		return token(t, cred, err, preset)
	}
	p.isDirectoryToken(credential(good, goodKey))
	for want, c := range map[string]struct {
		certificate *x509.Certificate
		key         *rsa.PrivateKey
	}{
		"not found": {foreign, foreignKey}, "expired": {old, oldKey},
	} {
		if _, err := credential(c.certificate, c.key); err == nil || !strings.Contains(err.Error(), "AADSTS700027") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestWorkloadIdentityCredential(t *testing.T) {
	p := start(t, authority.Options{})
	assertion, err := p.Assertion(authority.DirectoryApp)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(assertion), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: p.options(), ClientID: authority.DirectoryApp, TenantID: authority.Tenant, TokenFilePath: file, DisableInstanceDiscovery: true,
	})
	p.isDirectoryToken(token(t, c, err, preset))
	if p.Ledger().ClientGrants != 1 {
		t.Errorf("%+v", p.Ledger())
	}
}

func TestClientAssertionCredential(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, authority.Options{Apps: directoryApp(func(a *authority.App) {
		a.Federated = []authority.Federated{{Issuer: "https://ci.example", Subject: "repo:bridge", Key: key.Public()}}
	})})
	with := func(claims jwt.MapClaims) (azcore.AccessToken, error) {
		signed, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := azidentity.NewClientAssertionCredential(authority.Tenant, authority.DirectoryApp,
			func(context.Context) (string, error) { return signed, nil },
			&azidentity.ClientAssertionCredentialOptions{ClientOptions: p.options(), DisableInstanceDiscovery: true})
		return token(t, c, err, preset)
	}
	claims := func(issuer, subject, audience string, life time.Duration) jwt.MapClaims {
		return jwt.MapClaims{"iss": issuer, "sub": subject, "aud": audience, "exp": time.Now().Add(life).Unix()}
	}
	const audience = "api://AzureADTokenExchange"
	p.isDirectoryToken(with(claims("https://ci.example", "repo:bridge", audience, time.Hour)))
	for want, c := range map[string]jwt.MapClaims{
		"AADSTS700211": claims("https://other.example", "repo:bridge", audience, time.Hour),
		"AADSTS700212": claims("https://ci.example", "repo:bridge", "https://graph.microsoft.com", time.Hour),
		"AADSTS700213": claims("https://ci.example", "repo:other", audience, time.Hour),
		"AADSTS700024": claims("https://ci.example", "repo:bridge", audience, -time.Hour),
	} {
		if _, err := with(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
