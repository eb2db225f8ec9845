package signin

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"devicebridge/bridge/redact"
)

// maxAnswer bounds what is read of an authority's answer, in bytes. The libraries
// read all that there is; an answer with tokens has a few kilobytes.
const maxAnswer = 1 << 20

// bounded carries requests and bounds what their answers hold. Of what is no success
// it takes out the secrets of the request, should the authority, or whatever answers
// in its place, repeat them.
type bounded struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	r, secrets, err := withSecrets(r)
	if err != nil {
		return nil, err
	}
	keeper := new(redact.Keeper)
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, keeper.CleanError(err, secrets...)
	}
	if resp.Body != nil {
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxAnswer}
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		clean(resp, keeper, secrets)
	}
	return resp, nil
}

// withSecrets returns the request, which may be sent once, and the secrets in it:
// what its form and its header hold under the names that OAuth and the platforms'
// identity endpoints have for them.
func withSecrets(r *http.Request) (*http.Request, []string, error) {
	var secrets []string
	for _, name := range []string{"Authorization", "X-Identity-Header", "Secret"} {
		secrets = append(secrets, r.Header.Values(name)...)
	}
	if r.Body == nil || r.Body == http.NoBody {
		return r, secrets, nil
	}
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body)) // what can be read of it
	for _, name := range []string{
		"client_secret", "client_assertion", "assertion", "refresh_token", "code", "code_verifier", "device_code", "password",
	} {
		secrets = append(secrets, form[name]...)
	}
	return r, secrets, nil
}

// clean takes secrets out of an answer that is no success. A body that breaks off
// counts as far as it came: it explains a status, which says enough.
func clean(resp *http.Response, keeper *redact.Keeper, secrets []string) {
	resp.Status = keeper.CleanText(resp.Status, secrets...)
	for _, values := range resp.Header {
		for i, value := range values {
			values[i] = string(keeper.Clean([]byte(value), secrets...))
		}
	}
	if resp.Body == nil {
		return
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(keeper.Clean(body, secrets...)))
}

// boundedBody ends with an error behind its bound.
type boundedBody struct {
	io.ReadCloser
	left int
}

// Read gives what is left within the bound.
func (b *boundedBody) Read(p []byte) (int, error) {
	// One byte more than allowed tells a body that fits from one that does not.
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if n > b.left {
		n, err = b.left, fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	b.left -= n
	return n, err
}
