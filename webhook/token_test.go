package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"devicebridge/webhook"
)

// vector was computed apart from this package.
const vector = "k1.2000000000.uBPbbKdYEZLmxRtN5c9aSNLvoXQRSzLwwTJYZEzkWDU"

func TestTokenVector(t *testing.T) {
	ring := keyring(t, firstKey())
	if got := ring.Token(command, expiry()); got != vector {
		t.Errorf("token %q, want %q", got, vector)
	}
	if !ring.Verify(command, vector, now()) {
		t.Error("the vector does not verify")
	}
}

// signed makes a token as the package does, over any message and expiry text.
func signed(label, command, expiry string) string {
	secret := make([]byte, 32)
	for i := range secret {
		secret[i] = byte(i)
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(label + "\n" + command + "\n" + expiry))
	return "k1." + expiry + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// forgeries gives tokens that must not verify for command at now.
func forgeries() map[string]string {
	mac := vector[strings.LastIndex(vector, ".")+1:]
	raw, _ := base64.RawURLEncoding.DecodeString(mac)
	return map[string]string{
		"empty":                "",
		"dots":                 "..",
		"no mac":               "k1.2000000000",
		"empty mac":            "k1.2000000000.",
		"other purpose":        signed("cancel", command, "2000000000"),
		"other command":        signed("postback", stranger, "2000000000"),
		"expired":              signed("postback", command, "1999996099"),
		"expired at the epoch": signed("postback", command, "0"),
		"signed, negative":     signed("postback", command, "-1"),
		"signed, no expiry":    signed("postback", command, ""),
		"signed, no number":    signed("postback", command, "never"),
		"signed, too large":    signed("postback", command, "9223372036854775808"),
		"unknown key id":       "k9" + strings.TrimPrefix(vector, "k1"),
		"no key id":            strings.TrimPrefix(vector, "k1"),
		"key id in upper case": "K" + strings.TrimPrefix(vector, "k"),
		"later expiry":         "k1.2000000001." + mac,
		"leading zero":         "k1.02000000000." + mac,
		"plus":                 "k1.+2000000000." + mac,
		"space":                "k1. 2000000000." + mac,
		"padded":               vector + "=",
		"standard base64":      "k1.2000000000." + base64.RawStdEncoding.EncodeToString(raw) + "=",
		"other trailing bits":  vector[:len(vector)-1] + "V",
		"half of the mac":      "k1.2000000000." + base64.RawURLEncoding.EncodeToString(raw[:16]),
		"one part more":        vector + ".x",
		"a dot more":           vector + ".",
		"line end":             vector + "\n",
		"bytes in front":       "x" + vector,
		"NUL":                  vector + "\x00",
		"very long":            vector + strings.Repeat("A", 8000),
	}
}

func TestForgedTokensDoNotVerify(t *testing.T) {
	ring := keyring(t, firstKey())
	for name, token := range forgeries() {
		if ring.Verify(command, token, now()) {
			t.Errorf("%s: %q verifies", name, token)
		}
	}
	for i := range vector {
		for bit := range 8 {
			flipped := []byte(vector)
			flipped[i] ^= 1 << bit
			if ring.Verify(command, string(flipped), now()) {
				t.Errorf("bit %d of byte %d flipped: %q verifies", bit, i, flipped)
			}
		}
		if ring.Verify(command, vector[:i], now()) {
			t.Errorf("the first %d bytes verify", i)
		}
		if ring.Verify(command, vector[:i]+vector[i+1:], now()) {
			t.Errorf("verifies without byte %d", i)
		}
	}
}

func TestTokenOfAnotherCommandDoesNotVerify(t *testing.T) {
	ring := keyring(t, firstKey())
	for _, other := range []string{stranger, strings.ToUpper(command), command + "\n", "", "../" + command, command[:25]} {
		if ring.Verify(other, vector, now()) {
			t.Errorf("verifies for %q", other)
		}
	}
	// A text that is no command id never verifies, not even with a mac over it.
	if other := "a.*.>"; ring.Verify(other, ring.Token(other, expiry()), now()) {
		t.Errorf("verifies for %q", other)
	}
}

func TestTokenLeeway(t *testing.T) {
	ring := keyring(t, firstKey())
	for after, want := range map[time.Duration]bool{
		-time.Second:                true,
		0:                           true,
		5 * time.Minute:             true,
		5*time.Minute + time.Second: false,
		24 * time.Hour:              false,
		-100 * 365 * 24 * time.Hour: true,
	} {
		if got := ring.Verify(command, vector, expiry().Add(after)); got != want {
			t.Errorf("%v after the expiry: %v, want %v", after, got, want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(command, vector)
	for _, token := range forgeries() {
		f.Add(command, token)
	}
	f.Add(stranger, vector)
	f.Fuzz(func(t *testing.T, id, token string) {
		ring := keyring(t, firstKey())
		if !ring.Verify(id, token, now()) {
			return
		}
		// Nobody can make another token that verifies without the key.
		if id != command || token != vector {
			t.Errorf("%q verifies for %q", token, id)
		}
	})
}

func FuzzParseKeyring(f *testing.F) {
	f.Add(firstKey() + "," + secondKey())
	f.Add("a:,b")
	f.Fuzz(func(t *testing.T, text string) {
		ring, err := webhook.ParseKeyring(text)
		if (ring == nil) == (err == nil) {
			t.Fatalf("%v with error %v", ring, err)
		}
		if err == nil && !ring.Verify(command, ring.Token(command, expiry()), now()) {
			t.Error("a token of the ring does not verify")
		}
	})
}
