package authority_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"devicebridge/bridge/graph/emulator/authority"
)

const (
	command = "https://graph.microsoft.com/Device.Command"
	read    = "https://graph.microsoft.com/Device.Read"
	preset  = "https://graph.microsoft.com/.default"
)

// platform is an authority under test, and the client that reaches it.
type platform struct {
	*authority.Authority
	t      *testing.T
	url    string
	client *http.Client
}

// start serves an authority over TLS until the end of the test.
func start(t *testing.T, o authority.Options) *platform {
	t.Helper()
	a := newAuthority(t, o)
	srv := httptest.NewTLSServer(a)
	t.Cleanup(srv.Close)
	return &platform{Authority: a, t: t, url: srv.URL, client: srv.Client()}
}

// direct reaches an authority without a network, for a bubble of testing/synctest.
func direct(t *testing.T, o authority.Options) *platform {
	t.Helper()
	a := newAuthority(t, o)
	return &platform{Authority: a, t: t, url: "https://login.example", client: &http.Client{Transport: inProcess{a}}}
}

func newAuthority(t *testing.T, o authority.Options) *authority.Authority {
	t.Helper()
	a, err := authority.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.Host, in.RemoteAddr = r.URL.RequestURI(), r.URL.Host, "127.0.0.1:40000"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, in)
	return w.Result(), nil
}

// answer is a token, a device code or a refusal.
type answer struct {
	status     int
	header     http.Header
	raw        string
	Access     string `json:"access_token"`
	Refresh    string `json:"refresh_token"`
	IDToken    string `json:"id_token"`
	Scope      string `json:"scope"`
	ExpiresIn  int    `json:"expires_in"`
	ClientInfo string `json:"client_info"`
	DeviceCode string `json:"device_code"`
	UserCode   string `json:"user_code"`

	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	Suberror      string `json:"suberror"`
	ErrorURI      string `json:"error_uri"`
}

// post sends a form, given as "name=value" in pairs; the path is below {tenant}/oauth2/v2.0.
func (p *platform) post(tenant, endpoint string, form ...string) answer {
	p.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/"+tenant+"/oauth2/v2.0/"+endpoint, strings.NewReader(v.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.do(req)
}

func (p *platform) get(path string) answer {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(req)
}

func (p *platform) do(req *http.Request) answer {
	p.t.Helper()
	client := *p.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	_ = json.Unmarshal(raw, &a)
	return a
}

// refuses checks the whole shape of a refusal.
func (a answer) refuses(t *testing.T, status int, oauth string, code int, text string) {
	t.Helper()
	if a.status != status || a.Error != oauth || len(a.Codes) != 1 || a.Codes[0] != code || !strings.Contains(a.Description, text) {
		t.Fatalf("%d %s\nwant %d %s AADSTS%d %q", a.status, a.raw, status, oauth, code, text)
	}
	want := fmt.Sprintf("^AADSTS%d: .+ Trace ID: %s Correlation ID: %s Timestamp: %s$", code, a.TraceID, a.CorrelationID, a.Timestamp)
	if !regexp.MustCompile(want).MatchString(a.Description) {
		t.Errorf("error_description %q", a.Description)
	}
	if !strings.Contains(a.header.Get("Cache-Control"), "no-store") {
		t.Errorf("Cache-Control %q", a.header.Get("Cache-Control"))
	}
}

// signIn goes through the device flow.
func (p *platform) signIn(scope string) answer {
	p.t.Helper()
	d := p.post("consumers", "devicecode", "client_id", authority.DeviceApp, "scope", scope)
	if err := p.Approve(d.UserCode, authority.PersonalUser); err != nil {
		p.t.Fatal(err)
	}
	a := p.post("consumers", "token", "client_id", authority.DeviceApp, "grant_type", "device_code", "device_code", d.DeviceCode, "client_info", "1")
	if a.status != http.StatusOK {
		p.t.Fatalf("%d %s", a.status, a.raw)
	}
	return a
}

func (p *platform) refresh(token, scope string) answer {
	p.t.Helper()
	return p.post("consumers", "token", "client_id", authority.DeviceApp, "grant_type", "refresh_token", "refresh_token", token, "scope", scope)
}

// browse does what a person with a browser does: open the page, press the button, and follow the answer to the app.
func browse(client *http.Client, target, account, decision string) error {
	page, err := fetch(client, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	action, fields := form(page)
	if fields.Has("account") { // the choice
		fields.Set("account", account)
		fields.Set("decision", decision)
		if page, err = fetch(client, http.MethodPost, target, fields); err != nil {
			return err
		}
		action, fields = form(page)
	}
	if action == "" {
		return errors.New("no form to send on: " + page)
	}
	_, err = fetch(client, http.MethodPost, action, fields)
	return err
}

func fetch(client *http.Client, method, target string, fields url.Values) (string, error) {
	req, err := http.NewRequest(method, target, strings.NewReader(fields.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return string(raw), err
}

// form gives the action and the fields of the page's form; of radio buttons the chosen one.
func form(page string) (action string, fields url.Values) {
	fields = url.Values{}
	z := html.NewTokenizer(bytes.NewReader([]byte(page)))
	for z.Next() != html.ErrorToken {
		t := z.Token()
		attr := map[string]string{}
		for _, a := range t.Attr {
			attr[a.Key] = a.Val
		}
		_, checked := attr["checked"]
		switch {
		case t.Data == "form" && t.Type == html.StartTagToken:
			action = attr["action"]
		case t.Data == "input" && (attr["type"] != "radio" || checked):
			fields.Set(attr["name"], attr["value"])
		}
	}
	return action, fields
}
