package signin_test

import (
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/bridge/graph/signin"
)

// replacedFile puts text in the place of a file, as whoever rotates a secret does.
func replacedFile(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// TestAReplacedFileIsReadAgain: after a refusal the first request that finds another
// file gets a token with it, without a wait or a restart.
func TestAReplacedFileIsReadAgain(t *testing.T) {
	certificate, good := certificateFile(t)
	_, bad := certificateFile(t)
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for mode, test := range map[signin.Mode]struct {
		set  func(*rig) string
		good func(*rig) []byte
	}{
		signin.ClientSecret: {
			func(r *rig) string {
				r.app.ClientSecretFile = file(t, "secret", []byte("old\n"))
				return r.app.ClientSecretFile
			},
			func(*rig) []byte { return []byte(authority.DirectorySecret + "\n") },
		},
		signin.ClientCertificate: {
			func(r *rig) string { r.app.CertificateFile = bad; return bad },
			func(*rig) []byte { return text },
		},
		signin.WorkloadIdentity: {
			func(r *rig) string {
				r.app.FederatedTokenFile = file(t, "token", []byte("a.b.c"))
				return r.app.FederatedTokenFile
			},
			func(r *rig) []byte {
				assertion, err := r.authority.Assertion(authority.DirectoryApp)
				if err != nil {
					t.Fatal(err)
				}
				return []byte(assertion)
			},
		},
	} {
		t.Run(string(mode), func(t *testing.T) {
			apps := authority.DefaultApps()
			apps[1].Certificates = []*x509.Certificate{certificate}
			r := newRig(t, authority.Options{Apps: apps})
			r.app.ClientID, r.app.TenantID, r.mode = authority.DirectoryApp, authority.Tenant, mode
			r.scopes = signin.Scopes(mode, "https://graph.microsoft.com", signin.Needs{Directory: true})
			name := test.set(r)
			s := r.replica()
			r.refusal(s)
			replacedFile(t, name, []byte("x")) // half of a file, as it may be seen
			r.refusal(s)
			replacedFile(t, name, test.good(r))
			if _, err := s.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: r.scopes}); err != nil {
				t.Error(err)
			}
			if status := s.Status(); status.State != signin.Usable {
				t.Errorf("the status is %+v", status)
			}
		})
	}
}

// rotatedSecret is an authority that takes one secret of the application, which is
// told to the emulated one as its own.
type rotatedSecret struct {
	next   http.RoundTripper
	secret string
}

func (a *rotatedSecret) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return a.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(body), "client_secret") && !strings.Contains(string(body), "client_secret="+a.secret) {
		return says(401, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215]}`)
	}
	text := strings.ReplaceAll(string(body), "client_secret="+a.secret, "client_secret="+authority.DirectorySecret)
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	return a.next.RoundTrip(r)
}

// TestARotationIsNotSeen: where the file was replaced before the old secret was
// refused, nobody sees a refusal.
func TestARotationIsNotSeen(t *testing.T) {
	r := newRig(t, authority.Options{})
	old := &rotatedSecret{r.app.Transport, "old"}
	name := file(t, "secret", []byte("old"))
	r.app.Transport, r.app.ClientSecretFile, r.mode = old, name, signin.ClientSecret
	r.app.ClientID, r.app.TenantID = authority.DirectoryApp, authority.Tenant
	r.scopes = signin.Scopes(r.mode, "https://graph.microsoft.com", signin.Needs{Directory: true})
	s := r.replica()
	got, err := s.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: r.scopes})
	if err != nil {
		t.Fatal(err)
	}
	replacedFile(t, name, []byte("new"))
	old.secret = "new"
	s.Rejected(t.Context(), got.Token) // so that the authority is asked
	if _, err := s.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: r.scopes}); err != nil {
		t.Error(err)
	}
}

// TestAReplacedTokenFile: the token of a gateway is the one that its file has.
func TestAReplacedTokenFile(t *testing.T) {
	r := newRig(t, authority.Options{})
	r.mode = signin.Static
	name := file(t, "token", []byte("first-token\n"))
	s := r.replica(func(o *signin.Options) { o.TokenFile = name })
	for _, want := range []string{"first-token", "second-token"} {
		replacedFile(t, name, []byte(want+"\n"))
		if got, err := s.GetToken(t.Context(), policy.TokenRequestOptions{}); err != nil || got.Token != want {
			t.Errorf("the token is %q, want %q; %v", got.Token, want, err)
		}
		replacedFile(t, name, nil)
		if got, err := s.GetToken(t.Context(), policy.TokenRequestOptions{}); err != nil || got.Token != want {
			t.Errorf("with an empty file the token is %q; %v", got.Token, err)
		}
	}
}
