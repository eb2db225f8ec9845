package authority

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// authorization is a request to the authorization endpoint (RFC 6749, section 4.1.1), checked.
type authorization struct {
	app                    App
	realm                  realm
	scopes                 scopes
	redirect, mode, state  string
	challenge, method      string
	nonce, prompt, account string
}

// authorize is the authorization endpoint: a page to choose the account on, or with auto-approval nothing to see.
// What is wrong before the redirect URI is known to be the app's is shown and not sent there.
func (a *Authority) authorize(w http.ResponseWriter, r *http.Request) {
	if err := a.fault(r); err != nil {
		a.writeRefusal(w, r, err)
		return
	}
	x, err := a.exchange(w, r)
	if err != nil {
		a.page(w, messagePage, failed(err))
		return
	}
	req, err := a.client(x)
	if err != nil {
		a.page(w, messagePage, failed(err))
		return
	}
	if err := req.read(x); err != nil {
		a.redirectRefusal(w, r, req, err)
		return
	}
	a.decide(w, r, x, req)
}

// client finds the app and checks where the answer goes.
func (a *Authority) client(x *exchange) (authorization, error) {
	q := x.r.URL.Query()
	for _, name := range []string{"client_id", "redirect_uri"} {
		if q.Get(name) == "" {
			return authorization{}, missingParameter(name)
		}
	}
	app, err := a.app(q.Get("client_id"), x.realm)
	if err != nil {
		return authorization{}, err
	}
	req := authorization{app: app, realm: x.realm, redirect: q.Get("redirect_uri"), mode: q.Get("response_mode"), state: q.Get("state")}
	if !app.redirectsTo(req.redirect) {
		return authorization{}, wrongRedirect(req.redirect, app.ID)
	}
	switch req.mode {
	case "":
		req.mode = "query"
	case "query", "fragment", "form_post":
	default:
		return authorization{}, malformed()
	}
	return req, nil
}

// redirectsTo leaves the port of http://localhost free.
func (a App) redirectsTo(uri string) bool {
	for _, known := range a.RedirectURIs {
		if uri == known {
			return true
		}
		want, errWant := url.Parse(known)
		got, errGot := url.Parse(uri)
		if errWant == nil && errGot == nil && want.Scheme == "http" && want.Hostname() == "localhost" && got.User == nil && got.RawQuery == "" &&
			got.Scheme == "http" && got.Hostname() == "localhost" && strings.TrimSuffix(got.Path, "/") == strings.TrimSuffix(want.Path, "/") {
			return true
		}
	}
	return false
}

// read checks the rest of the request.
func (req *authorization) read(x *exchange) (err error) {
	q := x.r.URL.Query()
	if q.Get("response_type") != "code" {
		return refuse("unsupported_response_type", 70005, "The response type '%s' is not supported; this authority knows 'code'.", q.Get("response_type"))
	}
	if q.Get("scope") == "" {
		return missingParameter("scope")
	}
	if req.scopes, err = parseScopes(q.Get("scope"), req.app, x.graph); err != nil {
		return err
	}
	req.challenge, req.method = q.Get("code_challenge"), q.Get("code_challenge_method")
	if req.method == "" {
		req.method = "plain" // RFC 7636, section 4.3
	}
	if req.method != "plain" && req.method != "S256" {
		return malformed()
	}
	req.nonce, req.prompt, req.account = q.Get("nonce"), q.Get("prompt"), q.Get("login_hint")
	return nil
}

// decide lets the person choose, or auto-approval.
func (a *Authority) decide(w http.ResponseWriter, r *http.Request, x *exchange, req authorization) {
	if r.Method == http.MethodPost {
		a.decided(w, r, x, req)
		return
	}
	if u, ok := a.choose(req.app, req.realm, req.scopes, req.account); ok && a.opts.AutoApprove {
		a.redirectCode(w, r, req, u)
		return
	}
	if req.prompt == "none" {
		a.redirectRefusal(w, r, req, notSignedIn())
		return
	}
	a.page(w, choosePage, a.choice(req.app, req.scopes, "", nil))
}

// decided takes what was chosen on the page.
func (a *Authority) decided(w http.ResponseWriter, r *http.Request, x *exchange, req authorization) {
	if x.form.Get("decision") != "approve" {
		a.redirectRefusal(w, r, req, declined())
		return
	}
	u, err := a.account(x.form.Get("account"))
	if err == nil {
		err = errors.Join(req.realm.fits(req.app, u), req.scopes.grantable(req.app, u))
	}
	if err != nil {
		a.page(w, choosePage, a.choice(req.app, req.scopes, "", err))
		return
	}
	a.redirectCode(w, r, req, u)
}

func (a *Authority) redirectCode(w http.ResponseWriter, r *http.Request, req authorization, u Account) {
	code := "M." + secret(48)
	a.mu.Lock()
	a.codes.put(code, &authorizationCode{authorization: req, account: u, expires: a.opts.Now().Add(a.opts.CodeLife)})
	a.mu.Unlock()
	a.redirect(w, r, req, url.Values{"code": {code}})
}

func (a *Authority) redirectRefusal(w http.ResponseWriter, r *http.Request, req authorization, err error) {
	f, ok := errors.AsType[*refusal](err)
	if !ok {
		a.page(w, messagePage, failed(err))
		return
	}
	a.count(func(l *Ledger) { l.Refused[f.code]++ })
	e := newErrorJSON(f, r, a.opts.Now())
	a.redirect(w, r, req, url.Values{"error": {e.Error}, "error_description": {e.Description}, "error_uri": {e.URI}})
}

// redirect sends the answer to the app, in the response mode it asked for.
func (a *Authority) redirect(w http.ResponseWriter, r *http.Request, req authorization, answer url.Values) {
	if req.state != "" {
		answer.Set("state", req.state)
	}
	to, err := url.Parse(req.redirect)
	// A form goes to web pages only: "javascript:" would be run.
	posts := req.mode == "form_post"
	if err != nil || posts && to.Scheme != "https" && to.Scheme != "http" {
		a.page(w, messagePage, failed(wrongRedirect(req.redirect, req.app.ID)))
		return
	}
	if posts {
		a.page(w, postPage, pageData{Action: req.redirect, Fields: fields(answer)})
		return
	}
	if req.mode == "fragment" {
		to.Fragment, to.RawFragment = "", ""
		http.Redirect(w, r, to.String()+"#"+answer.Encode(), http.StatusFound)
		return
	}
	q := to.Query()
	for name, values := range answer {
		q[name] = values
	}
	to.RawQuery = q.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}
