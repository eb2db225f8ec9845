package policy_test

import (
	"net/url"
	"slices"
	"testing"

	"devicebridge/bridge/policy"
)

// FuzzURI: whatever is asked for, what is admitted is of an allowed scheme, has no
// user, is given in a form that is admitted as it stands, and is read by the
// parser as it was written.
func FuzzURI(f *testing.F) {
	schemes := []string{"https", "http", "tel", "contoso"}
	p := with(f, `{"uriSchemes": ["https", "http", "tel", "contoso"]}`)
	for _, seed := range []string{
		"https://example.com/", "HTTP://[::1]:80/a?b#c", "tel:+1", "contoso://A/b", "contoso:///a", "contoso://a//b", "contoso:/a", "contoso:a//b", "contoso:%2F%2Fa",
		"https://example.com//a", "https://example.com/%2e%2e/;a=1", "JaVaScRiPt:a", "https://a@b/", `https:\\a`, "https://a:0x1/", "//a", "https://xn--a/",
		"https://a?b?c#d#e", "contoso://a:b/c", "contoso://%41/", "https://[fe80::1%25e]/", "https://127.0.0.1.:1/", "contoso:#", "contoso:?", "https://a?",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		written, refusal := p.URI(text)
		if refusal != nil {
			wantRefusal(t, refusal, "payload.uri", "; rule ")
			return
		}
		u, err := url.Parse(written)
		if err != nil || u.String() != written || len(written) > policy.MaxURI {
			t.Fatalf("%q is written as %q and read as %q (%v)", text, written, u, err)
		}
		if !slices.Contains(schemes, u.Scheme) || u.User != nil || u.Host == "" && u.Scheme[:2] == "ht" {
			t.Fatalf("%q is admitted as %q", text, written)
		}
		if again, refusal := p.URI(written); refusal != nil || again != written {
			t.Fatalf("%q is written as %q and then as %q (%v)", text, written, again, refusal)
		}
	})
}
