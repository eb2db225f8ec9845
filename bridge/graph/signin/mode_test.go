package signin_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/bridge/graph/signin"
)

// certificateFile gives a certificate and a file with it and its private key.
func certificateFile(t *testing.T) (*x509.Certificate, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	return certificate, file(t, "client.pem", text)
}

func file(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestApplicationModes gets tokens as an application, with azidentity's own
// credentials.
func TestApplicationModes(t *testing.T) {
	certificate, certificatePath := certificateFile(t)
	for mode, test := range map[signin.Mode]struct {
		good, bad func(*rig)
		words     []string
	}{
		signin.ClientSecret: {
			func(r *rig) { r.app.ClientSecret = authority.DirectorySecret },
			func(r *rig) { r.app.ClientSecret = "guessed" },
			[]string{"AADSTS7000215", "set AZURE_CLIENT_SECRET to its value, not its id"},
		},
		signin.ClientCertificate: {
			func(r *rig) { r.app.CertificateFile = certificatePath },
			func(r *rig) { _, r.app.CertificateFile = certificateFile(t) },
			[]string{"AADSTS700027", "upload it to its registration"},
		},
		signin.WorkloadIdentity: {
			func(r *rig) {
				assertion, err := r.authority.Assertion(authority.DirectoryApp)
				if err != nil {
					t.Fatal(err)
				}
				r.app.FederatedTokenFile = file(t, "token", []byte(assertion))
			},
			func(r *rig) { r.app.FederatedTokenFile = filepath.Join(t.TempDir(), "none") },
			[]string{"no such file"},
		},
	} {
		t.Run(string(mode), func(t *testing.T) {
			apps := authority.DefaultApps()
			apps[1].Certificates = []*x509.Certificate{certificate}
			r := newRig(t, authority.Options{Apps: apps})
			r.app.ClientID, r.app.TenantID, r.mode = authority.DirectoryApp, authority.Tenant, mode
			r.scopes = signin.Scopes(mode, "https://graph.microsoft.com", signin.Needs{Directory: true})
			test.good(r)
			s := r.replica()
			got, err := s.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: r.scopes})
			if err != nil {
				t.Fatal(err)
			}
			if grant, err := r.authority.Check(got.Token); err != nil || !grant.AppOnly() || len(grant.Roles) == 0 {
				t.Errorf("the token is %+v, %v", grant, err)
			}
			if status := s.Status(); status.State != signin.Usable || status.TokenExpires.IsZero() || status.Key != "" {
				t.Errorf("the status is %+v", status)
			}
			s.Rejected(t.Context(), got.Token)
			if again, err := s.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: r.scopes}); err != nil || again.Token == got.Token {
				t.Errorf("a rejected token is given again (%v)", err)
			}
			if err := s.Replace(t.Context(), []byte("{}")); err == nil || !strings.Contains(err.Error(), "nobody signs in") {
				t.Errorf("a person may sign in: %v", err)
			}
			test.bad(r)
			why := r.refusal(r.replica())
			for _, words := range test.words {
				if !strings.Contains(why, words) {
					t.Errorf("%q does not say %q", why, words)
				}
			}
		})
	}
}

// TestManagedIdentity asks the endpoint that App Service has on the machine.
func TestManagedIdentity(t *testing.T) {
	machine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-IDENTITY-HEADER") != "of the machine" || r.URL.Query().Get("resource") != "https://graph.microsoft.com" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"access_token": "of " + r.URL.Query().Get("client_id"), "expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix()),
			"resource": "https://graph.microsoft.com", "token_type": "Bearer",
		})
	}))
	defer machine.Close()
	t.Setenv("IDENTITY_ENDPOINT", machine.URL)
	t.Setenv("IDENTITY_HEADER", "of the machine")
	r := newRig(t, authority.Options{})
	r.mode, r.app.ClientID, r.scopes = signin.ManagedIdentity, "the-identity", []string{"https://graph.microsoft.com/.default"}
	got, err := r.replica().GetToken(t.Context(), policy.TokenRequestOptions{Scopes: r.scopes})
	if err != nil || got.Token != "of the-identity" {
		t.Errorf("%q, %v", got.Token, err)
	}
}

// TestAzureCLI runs a command `az` that answers as Azure's does.
func TestAzureCLI(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nprintf '{\"accessToken\":\"of the command line\",\"expires_on\":%s,\"tokenType\":\"Bearer\"}' $(($(date +%s) + 3600))\n"
	if err := os.WriteFile(filepath.Join(dir, "az"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	r := newRig(t, authority.Options{})
	r.mode, r.app.ClientID, r.scopes = signin.AzureCLI, "", []string{"https://graph.microsoft.com/.default"}
	got, err := r.replica().GetToken(t.Context(), policy.TokenRequestOptions{Scopes: r.scopes})
	if err != nil || got.Token != "of the command line" {
		t.Errorf("%q, %v", got.Token, err)
	}
	t.Setenv("PATH", t.TempDir())
	if why := r.refusal(r.replica()); !strings.Contains(strings.ToLower(why), "executable not found on path") {
		t.Errorf("without the command: %s", why)
	}
}

// TestDefault lets azidentity find a secret in its environment.
func TestDefault(t *testing.T) {
	r := newRig(t, authority.Options{})
	for name, value := range map[string]string{
		"AZURE_CLIENT_ID": authority.DirectoryApp, "AZURE_TENANT_ID": authority.Tenant, "AZURE_CLIENT_SECRET": authority.DirectorySecret,
	} {
		t.Setenv(name, value)
	}
	r.mode, r.scopes = signin.Default, []string{"https://graph.microsoft.com/.default"}
	got, err := r.replica().GetToken(t.Context(), policy.TokenRequestOptions{Scopes: r.scopes})
	if err != nil {
		t.Fatal(err)
	}
	if grant, err := r.authority.Check(got.Token); err != nil || !grant.AppOnly() {
		t.Errorf("the token is %+v, %v", grant, err)
	}
}

func TestStatic(t *testing.T) {
	r := newRig(t, authority.Options{})
	s := r.replica(func(o *signin.Options) { o.Mode, o.Token, o.Scopes = signin.Static, "of-the-gateway", nil })
	got, err := s.GetToken(t.Context(), policy.TokenRequestOptions{})
	if err != nil || got.Token != "of-the-gateway" || !s.Status().TokenExpires.IsZero() {
		t.Errorf("%q, %v, %+v", got.Token, err, s.Status())
	}
}

func TestOptionsNameWhatIsMissing(t *testing.T) {
	for words, o := range map[string]signin.Options{
		`Mode: "by hand" is none`:                 {Mode: "by hand", Scopes: commandScopes()},
		"Scopes: required for client-secret":      {Mode: signin.ClientSecret},
		"ClientID: required for device-code":      {Mode: signin.DeviceCode, Scopes: commandScopes()},
		"Store: required for browser":             {Mode: signin.Browser, Scopes: commandScopes()},
		"Key: required for browser":               {Mode: signin.Browser, Scopes: commandScopes()},
		"static token: empty":                     {Mode: signin.Static},
		"certificate: open /nowhere/client.pem: ": {Mode: signin.ClientCertificate, Scopes: commandScopes(), Application: signin.Application{CertificateFile: "/nowhere/client.pem"}},
	} {
		if _, err := signin.New(o); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
}

// TestAppOnlyIsWhatNobodySignsInTo holds the two kinds apart: the refusal at the
// start rests on them.
func TestAppOnlyIsWhatNobodySignsInTo(t *testing.T) {
	for _, m := range signin.Modes() {
		if m.AppOnly() && m.Personal() || !m.Known() {
			t.Errorf("%s is both, or unknown", m)
		}
	}
}
