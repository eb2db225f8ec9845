package signin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/bridge/graph/signin"
)

// spoiled changes what the token endpoint answers, once it gives tokens.
type spoiled struct {
	http.RoundTripper
	spoil func(body []byte) []byte
	gave  []string // the tokens that were in it
}

func (s *spoiled) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.RoundTripper.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.HasSuffix(r.URL.Path, "/token") {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	for _, name := range []string{"access_token", "refresh_token"} {
		if token, ok := answer[name].(string); ok {
			s.gave = append(s.gave, token)
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(s.spoil(body)))
	return resp, nil
}

func spoilings() map[string]func([]byte) []byte {
	return map[string]func([]byte) []byte{
		"broken off":      func(body []byte) []byte { return body[:len(body)-1] },
		"of another type": func(body []byte) []byte { return bytes.Replace(body, []byte(`{`), []byte(`{"refresh_in":"soon",`), 1) },
		"with a bad expiry": func(body []byte) []byte {
			return bytes.Replace(body, []byte(`"expires_in":`), []byte(`"expires_in":"x","was":`), 1)
		},
		"with a bad account": func(body []byte) []byte { return bytes.Replace(body, []byte(`{`), []byte(`{"client_info":"&",`), 1) },
	}
}

// TestAnUnreadableAnswerTellsNoToken: an answer that holds tokens and cannot be
// read is not repeated in the words that go into logs and to whoami.
func TestAnUnreadableAnswerTellsNoToken(t *testing.T) {
	for name, spoil := range spoilings() {
		for mode, change := range map[signin.Mode]func(*rig){
			signin.DeviceCode: func(*rig) {},
			signin.ClientSecret: func(r *rig) {
				r.mode, r.scopes = signin.ClientSecret, []string{"https://graph.microsoft.com/.default"}
				r.app.TenantID, r.app.ClientID, r.app.ClientSecret = authority.Tenant, authority.DirectoryApp, authority.DirectorySecret
			},
		} {
			t.Run(fmt.Sprint(mode, " ", name), func(t *testing.T) {
				r := newRig(t, authority.Options{AutoApprove: true})
				change(r)
				broken := &spoiled{RoundTripper: r.app.Transport, spoil: spoil}
				r.app.Transport = broken
				var err error
				if mode.Personal() {
					_, err = r.login()
				} else {
					_, err = r.replica().GetToken(t.Context(), policy.TokenRequestOptions{Scopes: r.scopes})
				}
				if err == nil || len(broken.gave) == 0 {
					t.Fatalf("the authority gave %d tokens, and the error is %v", len(broken.gave), err)
				}
				if !strings.Contains(err.Error(), "check that AZURE_AUTHORITY_HOST is an authority") {
					t.Errorf("no way out is told: %v", err)
				}
				for _, token := range broken.gave {
					if strings.Contains(err.Error(), token[:16]) {
						t.Errorf("a token is told: %v", err)
					}
				}
			})
		}
	}
}

// odd is an authority in whose place something answers that is none.
type odd func(n int) (*http.Response, error)

// oddly counts the requests for it.
func oddly(answer odd) http.RoundTripper {
	var n atomic.Int64
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := answer(int(n.Add(1)))
		if resp != nil {
			resp.Request = r
		}
		return resp, err
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(status int, body io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body)}
}

// TestWhatIsNoAuthority has something else answer in its place, and holds what is told
// of it, and that it is told once.
func TestWhatIsNoAuthority(t *testing.T) {
	for name, test := range map[string]struct {
		answer odd
		words  string
	}{
		"a web page": {
			func(int) (*http.Response, error) { return answering(200, strings.NewReader("<html>")), nil },
			"check that AZURE_AUTHORITY_HOST is an authority",
		},
		"an answer without an end": {
			func(int) (*http.Response, error) { return answering(200, endless{}), nil },
			"the answer is larger than 1048576 bytes",
		},
		"a connection that breaks": {
			func(n int) (*http.Response, error) {
				return nil, &net.OpError{
					Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40000 + n},
					Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 443}, Err: errors.New("connection reset by peer"),
				}
			},
			"read tcp 10.0.0.2:443: connection reset by peer",
		},
		"a gateway with words of its own": {
			func(int) (*http.Response, error) {
				return answering(503, strings.NewReader(`{"error":"no_healthy_upstream"}`)), nil
			},
			"it is asked again by itself",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, authority.Options{AutoApprove: true, TokenLife: time.Minute})
				var told []signin.Status
				s := r.replica(func(o *signin.Options) { o.OnChange = func(s signin.Status) { told = append(told, s) } },
					func(o *signin.Options) { o.Transport = oddly(test.answer) })
				r.signedIn(s)
				<-time.After(time.Minute) // its token ends
				defer r.running(s)()
				told = nil
				for range 10 {
					<-time.After(10 * time.Second)
					if words := r.refusal(s); !strings.Contains(words, test.words) {
						t.Fatalf("told: %s", words)
					}
				}
				if len(told) > 1 || s.Status().State != signin.Unreachable {
					t.Errorf("%d times told of, and at last %s: %+v", len(told), s.Status().State, told)
				}
			})
		})
	}
}

// TestTheSecretsOfARequestAreNotToldAgain has the authority, or what stands in its
// place, repeat what it was sent.
func TestTheSecretsOfARequestAreNotToldAgain(t *testing.T) {
	const secret = "a~client.secret-of-40-characters/and+more"
	for name, answer := range map[string]func(form string) (*http.Response, error){
		"in the words of a refusal": func(form string) (*http.Response, error) {
			return answering(400, strings.NewReader(fmt.Sprintf(`{"error":"invalid_request","error_description":"AADSTS90014: got %s"}`, form))), nil
		},
		"as the code of a refusal": func(form string) (*http.Response, error) {
			return answering(401, strings.NewReader(fmt.Sprintf(`{"error":%q}`, form[strings.Index(form, "client_secret"):]))), nil
		},
		"in a page": func(form string) (*http.Response, error) { return answering(502, strings.NewReader(form)), nil },
		"in an error of the transport": func(form string) (*http.Response, error) {
			return nil, fmt.Errorf("malformed HTTP response %q", form)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := signin.New(signin.Options{
					Mode: signin.ClientSecret, Scopes: []string{"https://graph.microsoft.com/.default"},
					Application: signin.Application{
						ClientID: "2b9a7d10-58c4-4f6e-8e21-0c4d7b3a9f55", TenantID: "8f0d0c1e-0000-4f6e-8e21-0c4d7b3a9f55", ClientSecret: secret,
						Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
							if r.Body == nil { // the authority's description of itself
								return answering(200, strings.NewReader(metadata(r))), nil
							}
							form, err := io.ReadAll(r.Body)
							if err != nil {
								return nil, err
							}
							resp, err := answer(string(form))
							if resp != nil {
								resp.Request = r
							}
							return resp, err
						}),
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				_, err = s.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}})
				words := fmt.Sprint(err, s.Status().Reason)
				if err == nil || strings.Contains(words, "secret-of-40") || strings.Contains(words, "and%2Bmore") {
					t.Errorf("told: %s", words)
				}
			})
		})
	}
}

// metadata is what an authority says of itself to whoever asks for it.
func metadata(r *http.Request) string {
	base := "https://" + r.URL.Host
	tenant, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return fmt.Sprintf(`{"issuer":"%[1]s/%[2]s/v2.0","authorization_endpoint":"%[1]s/%[2]s/oauth2/v2.0/authorize","token_endpoint":"%[1]s/%[2]s/oauth2/v2.0/token",`+
		`"tenant_discovery_endpoint":"%[1]s/%[2]s/v2.0/.well-known/openid-configuration","metadata":[{"preferred_network":"%[3]s","preferred_cache":"%[3]s","aliases":["%[3]s"]}]}`, base, tenant, r.URL.Host)
}

// TestAnAnswerThatSwitchesProtocolsIsAFailure has it end at once, and not with its
// connection.
func TestAnAnswerThatSwitchesProtocolsIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, authority.Options{AutoApprove: true, TokenLife: time.Minute})
		s := r.replica(func(o *signin.Options) {
			o.Transport = oddly(func(int) (*http.Response, error) {
				never, keep := io.Pipe()
				t.Cleanup(func() { _ = keep.Close() })
				return answering(101, never), nil
			})
		})
		r.signedIn(s)
		<-time.After(time.Minute) // its token ends
		if words := r.refusal(s); !strings.Contains(words, "101") {
			t.Errorf("told: %s", words)
		}
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
