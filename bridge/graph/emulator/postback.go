package emulator

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxPostbackWait bounds every wait between two deliveries, whatever the receiver asks for.
const maxPostbackWait = time.Minute

// newPostbackClient gives a client that follows no redirect: Graph documents none, and a 307 would send the postback
// to where its caller never asked for it.
func newPostbackClient(o Options) *http.Client {
	transport := o.PostbackTransport
	if transport == nil {
		transport = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: o.PostbackTimeout}).DialContext,
			TLSHandshakeTimeout: o.PostbackTimeout,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: o.PostbackConcurrency,
			IdleConnTimeout:     30 * time.Second,
		}
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       o.PostbackTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// delivery is the outcome of one attempt.
type delivery struct {
	status     int
	retryAfter time.Duration // negative when the receiver named none
	err        error
}

// deliver sends one postback until it is taken or given up. That it is tried again at all, and when it is not, is an
// assumption too: Graph documents no retries.
func (e *Emulator) deliver(c *command, p postback) {
	backoff := e.opts.PostbackBackoff
	for attempt := 1; ; attempt++ {
		d := e.post(c.ctx, *c.req.postBackURI, p.body)
		ev := Event{
			Kind: EventPostbackRefused, Seq: c.seq, DeviceID: c.deviceID, CommandID: c.id, Status: p.status,
			HTTPStatus: d.status, Attempt: attempt, Err: d.err,
		}
		switch {
		case d.status >= 200 && d.status < 300:
			ev.Kind = EventPostbackDelivered
		case d.status == http.StatusNotFound, d.status == http.StatusGone,
			attempt > e.opts.PostbackRetries, c.ctx.Err() != nil:
			ev.Kind = EventPostbackFailed
		}
		e.opts.OnEvent(ev)
		if ev.Kind != EventPostbackRefused {
			return
		}
		wait := min(backoff, maxPostbackWait)
		if d.retryAfter >= 0 {
			wait = d.retryAfter
		}
		if !sleep(c.ctx, wait) {
			ev.Kind, ev.Err = EventPostbackFailed, c.ctx.Err()
			e.opts.OnEvent(ev)
			return
		}
		backoff = min(2*backoff, maxPostbackWait)
	}
}

// post makes one attempt, once there is a free slot. Method and content type are assumptions like the body.
func (e *Emulator) post(ctx context.Context, uri string, body []byte) delivery {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return delivery{retryAfter: -1, err: ctx.Err()}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, bytes.NewReader(body)) //nolint:gosec // a command names where its postbacks go
	if err != nil {
		return delivery{retryAfter: -1, err: withoutURL(err)}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "devicebridge-emulator")
	resp, err := e.client.Do(req) //nolint:gosec // as above
	if err != nil {
		return delivery{retryAfter: -1, err: withoutURL(err)}
	}
	// What the receiver says does not matter, but an unread answer would cost the connection.
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
	return delivery{status: resp.StatusCode, retryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
}

// withoutURL drops the callback URL, which is a secret, from an error of net/http.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// retryAfter reads seconds, whole or fractional, or an HTTP date. It gives 0 to maxPostbackWait, or -1 when the value
// is absent or makes no sense.
func retryAfter(value string, now time.Time) time.Duration {
	if s, err := strconv.ParseFloat(value, 64); err == nil {
		if math.IsNaN(s) || s < 0 {
			return -1
		}
		return time.Duration(min(s, maxPostbackWait.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxPostbackWait)
	}
	return -1
}
