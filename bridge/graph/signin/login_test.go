package signin_test

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/bridge/graph/signin"
)

// overTLS gives a rig whose authority is behind a socket, as MSAL's browser flow
// and azidentity's cache have it.
func overTLS(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, authority.Options{AutoApprove: true})
	server := httptest.NewTLSServer(r.authority)
	t.Cleanup(server.Close)
	r.app.Authority, r.app.Transport = server.URL, server.Client().Transport
	return r
}

// browse does what a browser does with the authority's page: it sends the form on
// it to where the form says.
func browse(client *http.Client, page string) error {
	answer, err := client.Get(page)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	action := regexp.MustCompile(`action="([^"]+)"`).FindSubmatch(text)
	if action == nil {
		return fmt.Errorf("no form on %s", text)
	}
	fields := url.Values{}
	for _, field := range regexp.MustCompile(`name="([^"]+)" value="([^"]*)"`).FindAllSubmatch(text, -1) {
		fields.Set(string(field[1]), html.UnescapeString(string(field[2])))
	}
	sent, err := client.PostForm(html.UnescapeString(string(action[1])), fields)
	if err != nil {
		return err
	}
	return sent.Body.Close()
}

func TestBrowser(t *testing.T) {
	r := overTLS(t)
	browser := &http.Client{Transport: r.app.Transport}
	session, err := r.login(func(o *signin.LoginOptions) {
		o.Mode = signin.Browser
		o.OpenURL = func(url string) error { return browse(browser, url) }
	})
	if err != nil {
		t.Fatal(err)
	}
	if session.Account() != authority.PersonalUser || len(session.Scopes()) < 2 {
		t.Errorf("signed in is %s with %v", session.Account(), session.Scopes())
	}
	if l := r.authority.Ledger(); l.CodeGrants != 1 {
		t.Errorf("the ledger is %+v", l)
	}
	sealed, err := session.Sealed(r.key, label, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := r.replica()
	if err := s.Replace(t.Context(), sealed); err != nil {
		t.Fatal(err)
	}
	r.token(s)
}

// TestUserStore signs in with azidentity's own cache in the key store of the user
// who runs the test, where that can be used.
func TestUserStore(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	r := overTLS(t)
	session, err := r.login(func(o *signin.LoginOptions) { o.KeepIn = signin.InUserStore })
	if err != nil && strings.Contains(err.Error(), "key store of this user cannot be used") {
		t.Skipf("this machine forbids it, as containers do: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := session.Sealed(r.key, label, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := r.replica()
	if err := s.Replace(t.Context(), sealed); err != nil {
		t.Fatal(err)
	}
	if status := s.Status(); status.State != signin.Usable || status.KeptIn != signin.InUserStore || status.Account != authority.PersonalUser {
		t.Errorf("the status is %+v", status)
	}
	// As the bearer policy asks.
	got, err := s.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: r.scopes, EnableCAE: true})
	if err != nil {
		t.Fatal(err)
	}
	if grant, err := r.authority.Check(got.Token); err != nil || grant.Account != authority.PersonalUser {
		t.Errorf("the token is %+v, %v", grant, err)
	}
	r.recordHides(got.Token)
	if l := r.authority.Ledger(); l.DeviceGrants != 1 {
		t.Errorf("the ledger is %+v", l)
	}
}

func TestNobodyLogsInByASecret(t *testing.T) {
	r := newRig(t, authority.Options{})
	if _, err := r.login(func(o *signin.LoginOptions) { o.Mode = signin.ClientSecret }); err == nil || !strings.Contains(err.Error(), "nobody signs in by client-secret") {
		t.Error(err)
	}
}

func TestKey(t *testing.T) {
	text := signin.NewKey()
	key, err := signin.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := signin.ParseKey(" " + strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=") + "\n"); err != nil || again.ID() != key.ID() {
		t.Errorf("in the URL's alphabet it is %v (%v)", again, err)
	}
	for _, shown := range []string{fmt.Sprint(key), fmt.Sprintf("%+v", key), fmt.Sprintf("%#v", key), fmt.Sprintf("%v", signin.Options{Key: key})} {
		if strings.Contains(shown, text) || strings.Contains(shown, "aead") {
			t.Errorf("it is shown: %s", shown)
		}
	}
	if other, err := signin.ParseKey(signin.NewKey()); err != nil || other.ID() == key.ID() {
		t.Errorf("another key has the same id (%v)", err)
	}
	for _, bad := range []string{"", "k", "AAAA", strings.Repeat("A", 44), "!" + text[1:]} {
		if _, err := signin.ParseKey(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
