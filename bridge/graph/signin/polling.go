package signin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"devicebridge/events"
)

const (
	// codeLife is how long a device code is taken to last where the authority does not
	// say; 15 minutes is Microsoft's own.
	codeLife = 15 * time.Minute
	// tokenLife is the same of a token.
	tokenLife = time.Hour
	// pollEvery is the time between two polls where the authority does not say, and by
	// how much it grows with each slow_down: RFC 8628 sections 3.2 and 3.5.
	pollEvery = 5 * time.Second
	// longestLife bounds what is believed of the one and the other.
	longestLife = 24 * time.Hour
)

// authorityClient sends requests to the authority. It gives the libraries what they
// do not do themselves: polls for a device code keep the interval that the authority
// asks for and outlive answers that are no verdict, and expires_in is a number. It
// serves one sign-in at a time.
type authorityClient struct {
	*http.Client
	// interval is the time between two polls, next the time of the next one.
	interval time.Duration
	next     time.Time
	// failed is what the last poll failed with; nil where it was answered.
	failed *Failure
}

// Do sends a request.
func (c *authorityClient) Do(r *http.Request) (*http.Response, error) {
	r, form, err := withForm(r)
	if err != nil {
		return nil, err
	}
	if grant := form.Get("grant_type"); grant == "device_code" || grant == "urn:ietf:params:oauth:grant-type:device_code" {
		return c.poll(r)
	}
	resp, err := c.Client.Do(r) //nolint:gosec // the library made the request, for the authority that the operator named
	if err != nil || resp.StatusCode < 200 || resp.StatusCode > 299 || resp.Body == nil {
		return resp, err
	}
	return resp, c.numbers(resp)
}

// withForm gives the form that a request sends, and the request with its body as it
// was.
func withForm(r *http.Request) (*http.Request, url.Values, error) {
	if r.Body == nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return r, nil, nil
	}
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	form, _ := url.ParseQuery(string(body)) // what can be read of it
	return r, form, nil
}

// poll asks whether the code was entered, at its time.
func (c *authorityClient) poll(r *http.Request) (*http.Response, error) {
	if err := until(r.Context(), c.next); err != nil {
		return nil, err
	}
	resp, err := c.Client.Do(r) //nolint:gosec // as in Do
	c.next = time.Now().Add(cmp.Or(c.interval, pollEvery))
	if r.Context().Err() != nil {
		return resp, err
	}
	if err != nil {
		c.failed = failureOf(err)
		return pending(r), nil
	}
	body, err := replaceBody(resp)
	switch {
	case err != nil:
		c.failed = &Failure{Message: "the authority's answer broke off", Advice: reachAdvice}
		return pending(r), nil //nolint:nilerr // it is kept, and told where the code ends without a verdict
	case !verdict(resp.StatusCode, body):
		c.failed = refused(resp.StatusCode, body)
		if seconds, err := strconv.Atoi(strings.TrimSpace(resp.Header.Get("Retry-After"))); err == nil && seconds > 0 {
			wait := min(time.Duration(min(seconds, int(longestLife/time.Second)))*time.Second, longestLife)
			c.next = time.Now().Add(max(wait, cmp.Or(c.interval, pollEvery)))
		}
		return pending(r), nil
	}
	c.failed = nil
	var refusal refusal
	if json.Unmarshal(body, &refusal) == nil && refusal.Error == "slow_down" {
		c.interval = cmp.Or(c.interval, pollEvery) + pollEvery
		c.next = time.Now().Add(c.interval)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, c.numbers(resp)
	}
	return resp, nil
}

// verdict reports whether an answer to a poll is the authority's own, so that it
// decides: a token, or an error object of OAuth that does not pass by itself.
func verdict(status int, body []byte) bool {
	if passing(status) || status == http.StatusRequestTimeout {
		return false
	}
	if status >= 200 && status <= 299 {
		var token struct {
			Token string `json:"access_token"`
		}
		_ = json.Unmarshal(body, &token)
		// An answer with a token that cannot be read is no reason to ask again: the code is
		// spent.
		return token.Token != "" || bytes.Contains(body, []byte("access_token"))
	}
	var r refusal
	_ = json.Unmarshal(body, &r) // a member of another type is of no interest
	return r.Error != "" && (r.Error == "slow_down" || !passes(numberOf(r), r.Error))
}

// pending is the answer that has the library poll again.
func pending(r *http.Request) *http.Response {
	const body = `{"error":"authorization_pending"}`
	return &http.Response{
		Status: "400 Bad Request", StatusCode: http.StatusBadRequest, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), Request: r,
	}
}

// until waits for a time; the error is that of ctx.
func until(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// replaceBody reads the body of an answer, of which bounded limits the length, and
// puts one in its place that can be read again.
func replaceBody(resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

// numbers has the times in a successful answer written as the libraries take them:
// whole seconds, and there.
func (c *authorityClient) numbers(resp *http.Response) error {
	body, err := replaceBody(resp)
	if err != nil {
		return err
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return nil //nolint:nilerr // the libraries say what is wrong with it
	}
	switch {
	case object["device_code"] != nil:
		c.interval = secondsOf(object["interval"], pollEvery)
		c.next, c.failed = time.Time{}, nil
		object["interval"] = inSeconds(c.interval)
		object["expires_in"] = inSeconds(secondsOf(object["expires_in"], codeLife))
	case object["access_token"] != nil && object["expires_on"] == nil && !readable(object["expires_in"]):
		object["expires_in"] = inSeconds(secondsOf(object["expires_in"], tokenLife))
	default:
		return nil
	}
	text, err := events.Marshal(object)
	if err != nil {
		return err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	resp.Header.Del("Content-Length")
	return nil
}

// secondsOf reads a number of seconds, written as a number or as a text; otherwise
// where there is none, or none that is above zero.
func secondsOf(raw json.RawMessage, otherwise time.Duration) time.Duration {
	var number json.Number // takes a text too
	if json.Unmarshal(raw, &number) != nil {
		return otherwise
	}
	seconds, err := number.Float64()
	if err != nil || !(seconds > 0) {
		return otherwise
	}
	return time.Duration(max(1, min(seconds, longestLife.Seconds()))) * time.Second
}

// readable reports whether the libraries can be left to read the life of a token, or
// to say that it cannot be read.
func readable(raw json.RawMessage) bool {
	if len(raw) == 0 || string(raw) == "null" {
		return false
	}
	const none = -1
	seconds := secondsOf(raw, none)
	_, err := strconv.Atoi(strings.Trim(string(raw), `"`))
	return err == nil || seconds == none
}

func inSeconds(d time.Duration) json.RawMessage {
	return json.RawMessage(strconv.Itoa(int(d / time.Second)))
}

// ended gives the failure of a code that was not entered before its end: where the
// authority could not be asked at last, that may be why.
func (c *authorityClient) ended() *Failure {
	f := &Failure{Message: "the code was not entered in time", Advice: loginAdvice + " again", Lasting: true}
	if c.failed != nil {
		f.Message = fmt.Sprintf("the code ended; whether it was entered in time could not be asked at last: %s", c.failed.Message)
	}
	return f
}
