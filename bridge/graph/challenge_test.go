package graph_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// claimed keeps the claims that it was asked for.
type claimed struct {
	tokens
	claims []string
}

func (c *claimed) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.claims = append(c.claims, o.Claims)
	return c.tokens.GetToken(ctx, o)
}

func TestAChallengeForClaimsIsHeardInEverySpelling(t *testing.T) {
	// It has every length and both letters in which the spellings differ.
	for _, claims := range []string{
		`{"access_token":{"nbf":{"essential":true, "value":"1604106651"}}}`, `{"access_token":{"nbf":{"value":"???>>>~~~"}}}`, `{"access_token":{"x":1 }}`, `{"access_token":{"x":1}}`,
	} {
		for name, encoding := range map[string]*base64.Encoding{
			"standard": base64.StdEncoding, "unpadded": base64.RawStdEncoding, "URL": base64.URLEncoding, "unpadded URL": base64.RawURLEncoding,
		} {
			text := encoding.EncodeToString([]byte(claims))
			for form, headers := range map[string][]string{
				"usual":           {`Bearer realm="", authorization_uri="https://x/authorize", error="insufficient_claims", claims="` + text + `"`},
				"other order":     {`Bearer claims="` + text + `", error="insufficient_claims", realm=""`},
				"other case":      {`bearer Error="insufficient_claims", Claims="` + text + `"`},
				"without commas":  {`Bearer error="insufficient_claims" claims="` + text + `"`},
				"spaces":          {`Bearer  error = "insufficient_claims" , claims = "` + text + `"`},
				"after another":   {`Negotiate, Basic realm="a, b", Bearer realm="x", error="insufficient_claims", claims="` + text + `"`},
				"before another":  {`Bearer error="insufficient_claims", claims="` + text + `", Basic realm="b"`},
				"second header":   {`Basic realm="b"`, `Bearer error="insufficient_claims", claims="` + text + `"`},
				"second of two":   {`Bearer error="invalid_token", Bearer error="insufficient_claims", claims="` + text + `"`},
				"token of NTLM":   {`NTLM TlRMTVNTUAAC==, Bearer error="insufficient_claims", claims="` + text + `"`},
				"a quoted quote":  {`Bearer realm="a \"b\" c", error="insufficient_claims", claims="` + text + `"`},
				"error unquoted":  {`Bearer error=insufficient_claims, claims="` + text + `"`},
				"padding escaped": {`Bearer error="insufficient_claims", claims="` + text + `="`},
			} {
				t.Run(name+" "+form, func(t *testing.T) {
					credential := &claimed{}
					answers := 0
					client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
						if answers++; answers > 1 {
							answer(w, http.StatusOK, []byte(`{"value":[]}`))
							return
						}
						w.Header()["Www-Authenticate"] = headers
						answer(w, http.StatusUnauthorized, nil)
					}, withCredential(credential))
					if _, err := client.Devices(t.Context()); err != nil {
						t.Fatal(err)
					}
					if got := credential.claims; len(got) != 2 || got[1] != claims {
						t.Errorf("asked for %q", got)
					}
				})
			}
		}
	}
}

func TestWhatIsNoChallengeForClaimsStays(t *testing.T) {
	for _, header := range []string{`Bearer error="insufficient_claims", claims="&&&"`, `Basic claims="e30"`, `Bearer claims="e30"`, `Bearer`, `,=",`} {
		credential := &claimed{}
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", header)
			answer(w, http.StatusUnauthorized, nil)
		}, withCredential(credential))
		if _, err := client.Devices(t.Context()); err == nil || len(credential.claims) > 2 || credential.claims[len(credential.claims)-1] != "" {
			t.Errorf("%s: %v, asked for %q", header, err, credential.claims)
		}
	}
}
