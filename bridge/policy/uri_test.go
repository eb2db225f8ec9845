package policy_test

import (
	"strings"
	"testing"

	"devicebridge/bridge/policy"
)

// TestLaunchURITricks has every trick that is known for one reader to take a URI
// for something else than another, or for more than a page to be opened.
func TestLaunchURITricks(t *testing.T) {
	const none = "which no setting changes"
	p := with(t, `{"uriSchemes": ["https", "http", "tel", "contoso"]}`)
	for name, test := range map[string]struct{ uri, words string }{
		"script":                       {"javascript:alert(1)", `the scheme "javascript", which is never opened; rule schemes, ` + none},
		"script in mixed case":         {"JaVaScRiPt:alert(1)", "never opened"},
		"script behind a slash":        {"javascript://example.com/%0aalert(1)", "encoded control character"},
		"script behind an encoding":    {"%6aavascript:alert(1)", "not an absolute URI"},
		"script behind an entity":      {"&#106;avascript:alert(1)", "not an absolute URI"},
		"tab in the scheme":            {"java\tscript:alert(1)", "U+0009"},
		"newline in the scheme":        {"java\nscript:alert(1)", "U+000A"},
		"space before":                 {" https://example.com/", "U+0020"},
		"space after":                  {"https://example.com/ ", "U+0020"},
		"NUL":                          {"https://example.com/\x00", "U+0000"},
		"encoded NUL":                  {"https://example.com/%00", "encoded control character at byte 20"},
		"encoded newline":              {"https://example.com/?a=%0D%0Ab", "encoded control character"},
		"encoded DEL":                  {"https://example.com/%7f", "encoded control character"},
		"zero width":                   {"https://exam\u200bple.com/", "U+200B"},
		"zero width in the path":       {"https://example.com/a\u200b", "U+200B"},
		"byte order mark":              {"\ufeffhttps://example.com/", "U+FEFF"},
		"right to left":                {"https://example.com/\u202egpj.exe", "U+202E"},
		"full-width colon":             {"javascript\uff1aalert(1)", "U+FF1A"},
		"no UTF-8":                     {"https://example.com/\xff", "U+FFFD"},
		"visual basic":                 {"vbscript:msgbox(1)", "never opened"},
		"data":                         {"data:text/html,<script>", "U+003C"},
		"data, well-formed":            {"data:text/html;base64,PHNjcmlwdD4=", "never opened"},
		"blob":                         {"blob:https://example.com/1", "never opened"},
		"file":                         {"file:///etc/passwd", "never opened"},
		"share as a file":              {"file://host/share", "never opened"},
		"share":                        {`\\host\share`, "U+005C"},
		"backslashes for slashes":      {`https:\\evil.example`, "U+005C"},
		"backslash in the authority":   {`https://example.com\@evil.example/`, "U+005C"},
		"backslash in an own scheme":   {`contoso:\\evil\share`, "U+005C"},
		"no scheme":                    {"//evil.example/", "not an absolute URI"},
		"path":                         {"/etc/passwd", "not an absolute URI"},
		"empty":                        {"", "not an absolute URI"},
		"scheme alone":                 {"https:", "has no host"},
		"nothing but slashes":          {"https://", "has no host"},
		"one slash":                    {"https:/evil.example/", "has no host"},
		"three slashes":                {"https:///evil.example/", "has no host"},
		"four slashes":                 {"https:////evil.example/", "has no host"},
		"no slash":                     {"https:evil.example", "has no host"},
		"port alone":                   {"https://:80/", "has no host"},
		"port 0":                       {"https://example.com:0/", "port that is not 1 to 65535"},
		"port too high":                {"https://example.com:65536/", "port that is not 1 to 65535"},
		"port in words":                {"https://example.com:https/", "not an absolute URI"},
		"user":                         {"https://user@evil.example/", "user name or password before its host; rule userinfo, " + none},
		"user and password":            {"https://example.com:443@evil.example/", "rule userinfo"},
		"empty user":                   {"https://@evil.example/", "rule userinfo"},
		"user of an own scheme":        {"contoso://user@evil/", "rule userinfo"},
		"two at signs":                 {"https://a@b@evil.example/", "rule userinfo"},
		"too long":                     {"https://example.com/" + strings.Repeat("a", 2029), "longer than 2048 bytes; rule length"},
		"bad encoding in the path":     {"https://example.com/%zz", "two hexadecimal digits"},
		"bad encoding in the query":    {"https://example.com/?%2", "two hexadecimal digits"},
		"bad encoding at the end":      {"tel:1%", "two hexadecimal digits"},
		"signed encoding":              {"https://example.com/?%+1", "two hexadecimal digits"},
		"encoded host":                 {"https://ex%61mple.com/", "not an absolute URI"},
		"encoded letter in the host":   {"https://ex%D0%B0mple.com/", "host with an encoded character"},
		"homograph":                    {"https://\u0430pple.com/", "U+0430"},
		"homograph in Punycode":        {"https://xn--pple-43d.com/", "internationalised host, whose letters may look like others; it is allowed only by name; rule uriHosts, set by BRIDGE_URI_HOSTS"},
		"whole word in another script": {"https://www.xn--80ak6aa92e.com/", "internationalised"},
		"Punycode in capitals":         {"https://XN--PPLE-43D.com/", "internationalised"},
		"Punycode with a dot after":    {"https://xn--pple-43d.com./", "internationalised"},
		"zone":                         {"https://[fe80::1%25eth0]/", "a zone"},
		"no address in brackets":       {"https://[example.com]/", ""},
		"IPv4 in brackets":             {"https://[127.0.0.1]/", ""},
		"IPv4 of two parts":            {"https://127.1/", "address in an unusual form"},
		"IPv4 as a number":             {"https://2130706433/", "address in an unusual form"},
		"IPv4 in hexadecimal":          {"https://0x7f.0.0.1/", "address in an unusual form"},
		"IPv4 ends in hexadecimal":     {"https://127.0.0.0x1/", "address in an unusual form"},
		"IPv4 in octal":                {"https://0177.0.0.1/", "address in an unusual form"},
		"IPv4 with a dot after":        {"https://127.0.0.1./", "address in an unusual form"},
		"empty label":                  {"https://a..example/", "no domain name"},
		"label too long":               {"https://" + strings.Repeat("a", 64) + ".example/", "no domain name"},
		"sub-delimiters in the host":   {"https://a,b.example/", "no domain name"},
		"space in the host":            {"https://a b.example/", "U+0020"},
		"search":                       {"search-ms:query=a&crumb=location:%5C%5Cevil", "never opened"},
		"diagnostics":                  {"ms-msdt:/id", "never opened"},
		"settings":                     {"ms-settings:display", "never opened"},
		"Office":                       {"ms-word:ofe%7Cu%7Chttps://evil.example/a.docm", "never opened"},
		"Office's own launcher":        {"ms-officecmd:%7B%7D", "never opened"},
		"installer":                    {"MS-AppInstaller:?source=https://evil.example/a.msix", "never opened"},
		"browser by name":              {"microsoft-edge:https://evil.example/", "never opened"},
		"wrapped":                      {"view-source:javascript:alert(1)", "never opened"},
		"archive":                      {"jar:https://evil.example/a.jar!/b", "never opened"},
		"program's resource":           {"res://ieframe.dll/1", "never opened"},
		"help file":                    {"mk:@MSITStore:c:/a.chm::/b", "never opened"},
		"shell":                        {"shell:startup", "never opened"},
		"Android":                      {"intent://evil/#Intent;scheme=a;end", "never opened"},
		"not allowed":                  {"mailto:a@example.com", `the scheme "mailto", which is not allowed; rule uriSchemes, set by the policy file`},
		"long scheme":                  {strings.Repeat("a", 1000) + ":b", `"` + strings.Repeat("a", 32) + `"`},
		"braces":                       {"https://example.com/{a}", "U+007B"},
		"quotation mark":               {`https://example.com/"`, "U+0022"},
	} {
		t.Run(name, func(t *testing.T) {
			_, refusal := p.URI(test.uri)
			wantRefusal(t, refusal, "payload.uri", test.words, "; rule ")
			if len(test.uri) > len("https://") && len(test.uri) < 1000 && strings.Contains(refusal.Message, test.uri) {
				t.Errorf("%q repeats the URI", refusal.Message)
			}
		})
	}
}

func TestURIsAreGivenAsUnderstood(t *testing.T) {
	p := with(t, `{"uriSchemes": ["https", "http", "tel", "contoso"]}`)
	for uri, want := range map[string]string{
		"https://example.com/":             "https://example.com/",
		"https://example.com":              "https://example.com",
		"HTTPS://Example.COM/Path?Q=A#F":   "https://example.com/Path?Q=A#F",
		"http://example.com:8080/a":        "http://example.com:8080/a",
		"https://example.com:/a":           "https://example.com/a",
		"https://example.com:0443/":        "https://example.com:443/",
		"https://example.com/#":            "https://example.com/",
		"https://example.com/?":            "https://example.com/?",
		"https://example.com/a%2Fb/%C3%A9": "https://example.com/a%2Fb/%C3%A9",
		"https://example.com/a/../b":       "https://example.com/a/../b",
		"https://example.com/a:b@c":        "https://example.com/a:b@c",
		"https://example.com/?u=a@b&v=%26": "https://example.com/?u=a@b&v=%26",
		"https://192.0.2.1/":               "https://192.0.2.1/",
		"https://[2001:DB8:0::1]:443/":     "https://[2001:db8::1]:443/",
		"https://_sip.example.com./":       "https://_sip.example.com./",
		"tel:+15550100":                    "tel:+15550100",
		"Contoso://OpenItem/7?tab=Details": "contoso://OpenItem/7?tab=Details",
		"contoso:open":                     "contoso:open",
		"contoso:":                         "contoso:", "contoso:?a=b": "contoso:?a=b",
		"contoso:///a": "contoso:///a",
		"https://e.com/" + strings.Repeat("a", policy.MaxURI-14): "https://e.com/" + strings.Repeat("a", policy.MaxURI-14),
	} {
		got, refusal := p.URI(uri)
		if refusal != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", uri, got, refusal, want)
		}
	}
}

func TestHosts(t *testing.T) {
	for _, test := range []struct {
		hosts, uri string
		allowed    bool
	}{
		{`["example.com"]`, "https://example.com/", true},
		{`["example.com"]`, "https://EXAMPLE.com.:8443/", true},
		{`["example.com"]`, "https://www.example.com/", false},
		{`["example.com"]`, "https://example.com.evil.example/", false},
		{`["*.example.com"]`, "https://a.b.example.com/", true},
		{`["*.example.com"]`, "https://example.com/", false},
		{`["*.example.com"]`, "https://evilexample.com/", false},
		{`["*.example.com"]`, "https://xn--pple-43d.example.com/", false},
		{`["*"]`, "https://xn--pple-43d.com/", false},
		{`["*", "xn--bcher-kva.example"]`, "https://xn--bcher-kva.example/", true},
		{`["*.xn--bcher-kva.example"]`, "https://shop.xn--bcher-kva.example/", true},
		{`["2001:db8::1", "192.0.2.1"]`, "https://[2001:db8:0::1]/", true},
		{`["2001:db8::1", "192.0.2.1"]`, "https://192.0.2.2/", false},
		{`[]`, "https://example.com/", false},
	} {
		p := with(t, `{"uriHosts": `+test.hosts+`}`)
		_, refusal := p.URI(test.uri)
		if test.allowed && refusal != nil || !test.allowed && refusal == nil {
			t.Errorf("%s with %s: %v", test.uri, test.hosts, refusal)
		}
		if refusal != nil {
			wantRefusal(t, refusal, "payload.uri", "host", "; rule uriHosts, set by the policy file")
		}
	}
}
