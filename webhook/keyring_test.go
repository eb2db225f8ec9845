package webhook_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"devicebridge/webhook"
)

func TestParseKeyringReadsEverySpelling(t *testing.T) {
	secret := bytes.Repeat([]byte{0xfb, 0xff}, 17) // has + and / in standard base64
	want := keyring(t, "a:"+base64.StdEncoding.EncodeToString(secret)).Token(command, expiry())
	for name, encoding := range map[string]*base64.Encoding{
		"raw standard": base64.RawStdEncoding, "URL": base64.URLEncoding, "raw URL": base64.RawURLEncoding,
	} {
		if got := keyring(t, "\n a:"+encoding.EncodeToString(secret)+" \n").Token(command, expiry()); got != want {
			t.Errorf("%s base64: token %q, want %q", name, got, want)
		}
	}
}

func TestParseKeyringFaults(t *testing.T) {
	key := func(n int) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, n)) }
	for name, c := range map[string]struct{ text, want string }{
		"empty":          {" \n", "no callback key"},
		"no id":          {key(32), "key 1: is not <key id>:<base64>"},
		"empty id":       {":" + key(32), "key 1: its key id"},
		"bad id":         {"a.b:" + key(32), "key 1: its key id"},
		"long id":        {strings.Repeat("a", 33) + ":" + key(32), "key 1: its key id"},
		"swapped":        {key(32) + ":a", "key 1: its key id"},
		"short":          {"a:" + key(31), "key 1: has 31 bytes, at least 32"},
		"not base64":     {firstKey() + ",a:!" + key(32), "key 2: is not base64"},
		"trailing":       {firstKey() + ",", "key 2: is not"},
		"same id":        {firstKey() + "," + secondKey() + ",k1:" + key(32), "key 3: has the key id of callback key 1"},
		"same key":       {"a:" + key(40) + ",b:" + key(40), "key 2: is the same key as callback key 1"},
		"several":        {"x,a:" + key(8), "key 1: is not <key id>:<base64>\ncallback key 2: has 8 bytes"},
		"fault is no id": {":,:", "key 2: its key id"},
	} {
		t.Run(name, func(t *testing.T) {
			ring, err := webhook.ParseKeyring(c.text)
			if err == nil || ring != nil {
				t.Fatalf("got %v, %v; want a refusal", ring, err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q in it", err, c.want)
			}
			for _, part := range strings.FieldsFunc(c.text, func(r rune) bool { return strings.ContainsRune(":, \n", r) }) {
				if len(part) > 3 && strings.Contains(err.Error(), part) {
					t.Errorf("error %q quotes the key", err)
				}
			}
		})
	}
}

func TestNewKeyIsFreshAndReadable(t *testing.T) {
	one, two := webhook.NewKey(), webhook.NewKey()
	ring := keyring(t, one+","+two) // refuses the same id or the same key twice
	if !ring.Verify(command, keyring(t, two).Token(command, expiry()), now()) {
		t.Error("a token of a new key does not verify")
	}
}

func TestKeyringShowsNoKey(t *testing.T) {
	ring := keyring(t, firstKey()+","+secondKey())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, ring); got != "keyring [k1 k2]" {
			t.Errorf("%s shows %q", verb, got)
		}
	}
}

// A ring that is replaced while it is in use: no token of either key is lost while
// both are there, and the old one's are refused once it is gone.
func TestFaultKeyRotation(t *testing.T) {
	ring := keyring(t, firstKey())
	address := listen(t, server(t, webhook.Options{Keys: ring, Sink: &sink{}}).Handler())
	callbacks, err := webhook.NewCallbacks("https://bridge.example.com", ring)
	if err != nil {
		t.Fatal(err)
	}
	minted := func() string {
		return strings.TrimPrefix(callbacks.CallbackURL(command, expiry()), "https://bridge.example.com")
	}
	answers := func(step, path string, want int) reply {
		t.Helper()
		got := send(t, address, http.MethodPost, path, done)
		if got.status != want {
			t.Errorf("%s: %d, want %d", step, got.status, want)
		}
		return got
	}
	old := minted()
	ring.Replace(keyring(t, secondKey()+"\n\n"+firstKey()+"\n").SigningWith("k1"))
	if got := minted(); got != old || !slices.Equal(ring.IDs(), []string{"k1", "k2"}) {
		t.Errorf("the old key does not sign: %s of %v", got, ring.IDs())
	}
	ring.Replace(keyring(t, secondKey()+"\n"+firstKey()))
	fresh := minted()
	if !strings.Contains(fresh, "/k2.") {
		t.Errorf("the newest key does not sign: %s", fresh)
	}
	answers("old, while both are there", old, http.StatusAccepted)
	answers("new, while both are there", fresh, http.StatusAccepted)
	ring.Replace(keyring(t, secondKey()))
	answers("new, once the old key is gone", fresh, http.StatusAccepted)
	gone, forged := answers("old, once its key is gone", old, http.StatusNotFound), answers("forged", "/postback/a/b", http.StatusNotFound)
	if gone.body != forged.body {
		t.Errorf("a key that is gone is told from a forgery: %s, %s", gone.body, forged.body)
	}
	if ring.SigningWith("nobody") != ring {
		t.Error("a ring without the key is another ring")
	}
}

func TestRotation(t *testing.T) {
	before := keyring(t, firstKey())
	during := keyring(t, secondKey()+","+firstKey())
	after := keyring(t, secondKey())
	old := before.Token(command, expiry())
	fresh := during.Token(command, expiry())
	if !strings.HasPrefix(fresh, "k2.") {
		t.Errorf("the newest key does not sign: %s", fresh)
	}
	for name, c := range map[string]struct {
		ring  *webhook.Keyring
		token string
		want  bool
	}{
		"old token while both keys are there": {during, old, true},
		"new token while both keys are there": {during, fresh, true},
		"new token once the old key is gone":  {after, fresh, true},
		"old token once the old key is gone":  {after, old, false},
		"new token before its key was known":  {before, fresh, false},
	} {
		if got := c.ring.Verify(command, c.token, now()); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
