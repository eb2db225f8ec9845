package authority

import (
	"strings"
	"testing"
)

// Whatever came from outside stands on every page as text.
func TestPagesEscape(t *testing.T) {
	const hostile = `</p>"'><script>alert(1)</script>`
	d := pageData{
		Title: hostile, Text: hostile, Fault: hostile, App: hostile, Code: hostile, Action: "https://app.example/" + hostile,
		Scopes: []string{hostile}, Accounts: []Account{{Username: hostile}}, Fields: []field{{hostile, hostile}}, Nonce: "n",
	}
	for name, render := range map[string]func(pageData) markup{"enter": enterPage, "choose": choosePage, "message": messagePage, "post": postPage} {
		page := string(render(d))
		if strings.Contains(page, hostile) || strings.Contains(page, "<script>alert") || strings.Contains(page, `"'>`) {
			t.Errorf("%s: %s", name, page)
		}
		if !strings.Contains(page, "&lt;/p&gt;&#34;&#39;&gt;&lt;script&gt;alert(1)") {
			t.Errorf("%s shows none of it: %s", name, page)
		}
	}
}

// Without a fault there is no alert, and only the first account is chosen from the start.
func TestChoosePage(t *testing.T) {
	page := string(choosePage(pageData{Title: "Sign in", Accounts: []Account{{Username: "a"}, {Username: "b", Tenant: "t"}}}))
	if strings.Contains(page, `role="alert"`) || strings.Contains(page, `type="hidden"`) || strings.Count(page, " checked") != 1 {
		t.Error(page)
	}
	if !strings.Contains(page, `value="a" checked> a (personal)`) || !strings.Contains(page, `value="b"> b (work)`) {
		t.Error(page)
	}
}
