package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"devicebridge/bridge/redact"
)

const (
	callback = "k1.2000000000.uBPbbKdYEZLmxRtN5c9aSNLvoXQRSzLwwTJYZEzkWDU"
	code     = "uBPbbKdYEZLmxRtN5c9aSNLvoXQRSzLwwTJYZEzkWDU"
	bearer   = "EwB4A8l6BAAUbDba3x2OMJElkF7gJ4z/VbCPEz0AAXLz+3tNq1qlGZ0vY7cHkQ2wRmXsJd9uT5bNfKpLhGa"
	jwt      = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsImtpZCI6ImFCY0RlIn0.eyJhdWQiOiJodHRwczovL2dyYXBoLm1pY3Jvc29mdC5jb20iLCJvaWQiOiIxMjM0In0.s3cr3tS1gnatur3OfTh1sT0k3nWh1chN0b0dyMayR3ad"
)

// spellings are ways in which a secret may come back.
func spellings(secret string) map[string]string {
	unicode := func(escape string) string {
		var b strings.Builder
		for _, c := range secret {
			fmt.Fprintf(&b, escape, c)
		}
		return b.String()
	}
	quoted, _ := json.Marshal(secret)
	twice, _ := json.Marshal(string(quoted))
	middle := len(secret) / 2
	return map[string]string{
		"as it is":            secret,
		"upper case":          strings.ToUpper(secret),
		"lower case":          strings.ToLower(secret),
		"its first half":      secret[:middle],
		"its second half":     secret[middle:],
		"a part of 20":        secret[len(secret)-24 : len(secret)-4],
		"path escaped":        url.PathEscape(secret),
		"query escaped":       url.QueryEscape(secret),
		"every byte escaped":  unicode("%%%02x"),
		"escaped twice":       url.QueryEscape(unicode("%%%02X")),
		"JSON in JSON":        string(twice),
		"JSON's numbers":      unicode(`\u%04x`),
		"in JSON in JSON":     unicode(`\\u%04x`),
		"Go's numbers":        unicode(`\x%02x`),
		"slashes escaped":     strings.ReplaceAll(secret, "/", `\/`),
		"HTML's numbers":      unicode("&#%d;"),
		"HTML's hex numbers":  unicode("&amp;#x%x;"),
		"HTML":                html.EscapeString(secret),
		"broken into lines":   secret[:middle] + "\r\n  " + secret[middle:],
		"broken within JSON":  secret[:middle] + `\r\n` + secret[middle:],
		"soft hyphens":        strings.Join(strings.Split(secret, ""), "\u00ad"),
		"zero width in JSON":  strings.Join(strings.Split(secret, ""), `\u200b`),
		"zero width in HTML":  strings.Join(strings.Split(secret, ""), "&#8203;"),
		"UTF-16":              strings.Join(strings.Split(secret, ""), "\x00"),
		"percent within JSON": strings.ReplaceAll(unicode("%%%02x"), "%", `\u0025`),
		"base64":              base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 behind one":   base64.StdEncoding.EncodeToString([]byte("x" + secret)),
		"base64 behind two":   base64.RawURLEncoding.EncodeToString([]byte("xy" + secret + "!")),
		"base64 in a URL":     url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("user:" + secret))),
	}
}

// shows returns a part of 20 bytes of the secret that a text shows in this spelling.
func shows(text, spelling string) string {
	for i := 0; i+20 <= len(spelling); i++ {
		if strings.Contains(text, spelling[i:i+20]) {
			return spelling[i : i+20]
		}
	}
	return ""
}

func TestSecretsAreTakenOutInEverySpelling(t *testing.T) {
	for _, secret := range []string{callback, code, bearer, jwt} {
		for name, spelling := range spellings(secret) {
			t.Run(name, func(t *testing.T) {
				keeper := new(redact.Keeper)
				keeper.Learn(secret)
				for _, clean := range []string{
					string(keeper.Clean([]byte("before " + spelling + " behind"))),
					string(new(redact.Keeper).Clean([]byte("before "+spelling+" behind"), secret)),
				} {
					header, _, _ := strings.Cut(jwt, ".")
					left := strings.ReplaceAll(clean, header, "") // which is no secret
					part := shows(left, spelling)
					if name == "its first half" && secret == jwt {
						part = ""
					}
					if !strings.Contains(clean, redact.Mark) || part != "" {
						t.Errorf("%s: %s shows %s", spelling, clean, part)
					}
					if !strings.HasPrefix(clean, "before ") || !strings.HasSuffix(clean, " behind") {
						t.Errorf("more was taken out: %s", clean)
					}
				}
			})
		}
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	keeper := new(redact.Keeper)
	for _, secret := range []string{jwt, bearer, "anything", "short"} {
		keeper.Learn(secret)
	}
	header, _, _ := strings.Cut(jwt, ".")
	for _, text := range []string{
		"", "short", `{"a":"b"}`, "no \\", "100%", "%zz", "&#;", "&#x;", "&", `\u12`, `\x1`, "any thin", "\xff\xfe",
		`{"token":"` + header + `.eyJvdGhlciI6dHJ1ZX0.b3RoZXI"}`, "1.2.3", "v1.123456789", "a.1234567890.short",
		strings.Repeat("1234567890.", 40),
	} {
		if clean := keeper.Clean([]byte(text)); string(clean) != text {
			t.Errorf("%q became %q", text, clean)
		}
	}
}

func TestACallbackTokenIsTakenOutThoughNobodyKnowsIt(t *testing.T) {
	keeper := new(redact.Keeper)
	for text, want := range map[string]string{
		"POST https://x/postback/abc/" + callback + " failed": "POST https://x/postback/abc/k1.[redacted] failed",
		callback: "k1.[redacted]",
		`{"a":"` + strings.ReplaceAll(callback, ".", `\u002e`) + `"}`: `{"a":"k1\u002e[redacted]"}`,
		url.QueryEscape(strings.ReplaceAll(callback, ".", "%2E")):     "k1%252E[redacted]",
	} {
		if clean := keeper.Clean([]byte(text)); string(clean) != want {
			t.Errorf("%s: %s", text, clean)
		}
	}
}

func TestValidJSONStaysValid(t *testing.T) {
	keeper := new(redact.Keeper)
	keeper.Learn("12345678901234567890")
	keeper.Learn(callback)
	for _, text := range []string{
		`{"id":12345678901234567890}`, `{"id":-1.12345678901234567890e5}`, `["` + callback + `"]`, `{"` + callback + `":1}`,
		`["\\` + callback + `\\","\"` + callback + `\""]`, `["\\t` + callback + `"]`,
	} {
		clean := keeper.Clean([]byte(text))
		if !json.Valid(clean) || string(clean) == text {
			t.Errorf("%s became %s", text, clean)
		}
	}
}

func TestOnlyTheLastSecretsAreKept(t *testing.T) {
	keeper := new(redact.Keeper)
	for i := range 20 {
		keeper.Learn(fmt.Sprintf("secret-number-%02d-%s", i, strings.Repeat(string(rune('a'+i)), 20)))
	}
	old, last := "x"+strings.Repeat("a", 20), "x"+strings.Repeat("t", 20)
	if string(keeper.Clean([]byte(old))) != old || strings.Contains(string(keeper.Clean([]byte(last))), "ttt") {
		t.Error("not the last ones are kept")
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"sent Authorization: Bearer abcdefgh123":                             "sent Authorization: Bearer [redacted]",
		"bearer%20abcdefgh123==.":                                            "bearer [redacted].",
		"the token " + jwt + " was refused":                                  "the token [redacted] was refused",
		"POST http://b/postback/xm2igitaea4d34ipad5wcv3kzi/k1.20000 got 503": "POST http://b/postback/xm2igitaea4d34ipad5wcv3kzi/[redacted] got 503",
		"a bearer of news":                                                   "a bearer of news",
		"nothing":                                                            "nothing",
	} {
		if got := redact.Words(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestCleanErrorKeepsWhatItWraps(t *testing.T) {
	keeper := new(redact.Keeper)
	inner := errors.New("malformed HTTP response \"" + callback + "\"")
	clean := keeper.CleanError(fmt.Errorf("read: %w", inner))
	if !errors.Is(clean, inner) || clean.Error() != `read: malformed HTTP response "k1.[redacted]"` {
		t.Errorf("got %v", clean)
	}
	if other := errors.New("other"); !errors.Is(keeper.CleanError(other), other) || keeper.CleanError(nil) != nil {
		t.Error("an error without a secret is another one")
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{callback, `\\\u00`, "%25%2", "&amp;#x2e;", `{"a":"` + callback + `"}`} {
		f.Add([]byte(seed))
	}
	keeper := new(redact.Keeper)
	keeper.Learn(bearer)
	f.Fuzz(func(t *testing.T, text []byte) {
		clean := keeper.Clean(text, callback)
		if json.Valid(text) && !json.Valid(clean) {
			t.Errorf("%q became %q, which is no JSON", text, clean)
		}
		if strings.Contains(string(clean), code) {
			t.Errorf("%q shows the code", clean)
		}
	})
}

func BenchmarkCleanPostback(b *testing.B) {
	keeper := new(redact.Keeper)
	keeper.Learn(strings.Repeat(jwt, 8))
	body := []byte(`{"id":"0158355AD4D680CC4E2994CC009EFFD756015AE6FC077381C2E5211EE5F57B31164ED02E575AD87C","status":"completed","responsePayload":{"CreationDate":"11/22/2026","MsIgnoredParameter":0,"Type":"Ok"}}`)
	for b.Loop() {
		keeper.Clean(body, callback)
	}
}

func BenchmarkCleanMegabyte(b *testing.B) {
	keeper := new(redact.Keeper)
	keeper.Learn(strings.Repeat(jwt, 8))
	body := []byte(strings.Repeat(`{"name":"a value with words"},`, 35_000))
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		keeper.Clean(body, callback)
	}
}
