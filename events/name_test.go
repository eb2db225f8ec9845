package events_test

import (
	"testing"

	"devicebridge/events"
)

func TestPlainName(t *testing.T) {
	for _, name := range []string{
		"6841b3db-2b55-467b-ad84-79a41a4ef665", "F56A9D3D4A5B", "d", "a..b", ".a", "g,1:2@x", "Example.App_8wekyb3d8bbwe", "com.example.*", "*",
	} {
		if !events.PlainName(name) {
			t.Errorf("%q is refused", name)
		}
	}
	for _, name := range []string{
		"", ".", "..", "...", "a/b", `a\b`, "a?b", "a#b", "a%2fb", "a;b", "a b", "a\tb", "a\x00", "a\x7f", "a\u202eb", "a\u200e", "a\u200b", "a\ufeff",
		"é", "а", "a\u2028", "a\"b", "a<b", "a|b", "a^b", "a`b", "a{b}", "a[b]", "a\xff", "dev-1/../../evil", "ａ",
	} {
		if events.PlainName(name) {
			t.Errorf("%q is taken", name)
		}
	}
}
