package authority

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// pageData is what the pages show; each uses a part of it.
type pageData struct {
	Status             int
	Title, Text, Fault string
	App, Code, Action  string
	Scopes             []string
	Accounts           []Account
	Fields             []field
	Nonce              string
}

type field struct{ Name, Value string }

// fields gives the values in the order of their names.
func fields(v url.Values) []field {
	list := make([]field, 0, len(v))
	for _, name := range slices.Sorted(maps.Keys(v)) {
		list = append(list, field{name, v.Get(name)})
	}
	return list
}

// failed is the page of an error that nobody else can be told of.
func failed(err error) pageData {
	return pageData{Status: http.StatusBadRequest, Title: "The sign-in cannot go on", Fault: err.Error()}
}

// choice is the page on which a person chooses the account; code is the user code of the device flow, or empty.
func (a *Authority) choice(app App, s scopes, code string, fault error) pageData {
	d := pageData{Title: "Sign in to " + app.display(), App: app.display(), Code: code, Scopes: s.echo, Accounts: a.opts.Accounts}
	if fault != nil {
		d.Status, d.Fault = http.StatusBadRequest, fault.Error()
	}
	return d
}

// page writes one of the pages. They load nothing, and the one script, which sends a form on, has its nonce.
func (a *Authority) page(w http.ResponseWriter, render func(pageData) markup, d pageData) {
	d.Nonce = secret(16)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-"+d.Nonce+"'; base-uri 'none'; frame-ancestors 'none'")
	if d.Status != 0 {
		w.WriteHeader(d.Status)
	}
	_, _ = io.WriteString(w, string(render(d))) // a browser that went away is no fault of the emulator
}

// deviceLogin is the verification page of the device flow (RFC 8628, section 3.3): enter the code, then choose.
func (a *Authority) deviceLogin(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		a.page(w, messagePage, failed(malformed()))
		return
	}
	code := r.Form.Get("code")
	if code == "" {
		a.page(w, enterPage, pageData{Title: "Enter the code"})
		return
	}
	d, err := a.shown(code)
	if err != nil {
		a.page(w, enterPage, pageData{Status: http.StatusBadRequest, Title: "Enter the code", Fault: err.Error()})
		return
	}
	if r.Method != http.MethodPost {
		a.page(w, choosePage, a.choice(d.app, d.scopes, d.userCode, nil))
		return
	}
	if r.PostForm.Get("decision") != "approve" {
		err = a.Decline(code)
	} else {
		err = a.Approve(code, r.PostForm.Get("account"))
	}
	switch {
	case err != nil:
		a.page(w, choosePage, a.choice(d.app, d.scopes, d.userCode, err))
	case r.PostForm.Get("decision") != "approve":
		a.page(w, messagePage, pageData{Title: "Declined", Text: d.app.display() + " was not signed in. You can close this page."})
	default:
		a.page(w, messagePage, pageData{Title: "Approved", Text: d.app.display() + " is signed in on the device. You can close this page."})
	}
}

// errorPage says where to read about the number in its query, as the page of the platform that error_uri names does.
func (a *Authority) errorPage(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.URL.Query().Get("code"))
	if err != nil {
		a.page(w, messagePage, failed(errors.New("the query option 'code' must be the number of an error, such as 70016")))
		return
	}
	a.page(w, messagePage, pageData{
		Title: fmt.Sprintf("AADSTS%d", code),
		Text: "This emulator refused a request with this number; the member error_description of its answer says why. " +
			"Microsoft explains the numbers at https://learn.microsoft.com/entra/identity-platform/reference-error-codes.",
	})
}

// shown finds the pending code that a person typed; what it gives is not changed by anybody.
func (a *Authority) shown(code string) (*deviceCode, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.undecided(code)
}
