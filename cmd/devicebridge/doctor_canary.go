package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"devicebridge/events"
)

const (
	// canaryLife is the life of the doctor's command, should it get no postback.
	canaryLife = "1m"
	// canaryName is its correlation id, by which a subscriber tells it from others.
	canaryName = "devicebridge doctor"
)

// publicURL mints a callback and posts to it, as Graph would: only a bridge of this
// deployment takes it, and only where the event arrives was it stored. It posts
// some times more, so that a balancer has other replicas verify the callback too.
func (d *doctor) publicURL(ctx context.Context) {
	const check = "public URL"
	if !d.canary {
		d.warn(check, "leave out --no-canary", "not checked")
		return
	}
	if d.signIn == nil {
		d.warn(check, "see the check of the sign-in", "not checked, since no bridge answers")
		return
	}
	var receipt events.Receipt
	err := d.bus.Request(ctx, "callbacks.create", events.CallbackRequest{CorrelationID: canaryName, ExpiresIn: canaryLife}, &receipt, 0)
	if err != nil && strings.Contains(err.Error(), "no bridge answers on") {
		d.ok(check, "none is needed: device commands are off")
		return
	}
	if err != nil {
		d.fail(check, "see what the bridge logs", "no callback is minted: %v", err)
		return
	}
	next, stop, err := d.bus.SubscribeCommand(ctx, receipt.Command.ID)
	if err != nil {
		d.fail(check, "grant the permission to subscribe to "+receipt.Events, "%v", err)
		return
	}
	defer stop()
	if !d.posts(ctx, check, receipt) {
		return
	}
	waiting, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	for {
		e, err := next(waiting)
		if err != nil {
			d.fail(check, "see whether the stream republishes its events, and whether this user may subscribe to "+receipt.Events,
				"the canary %s was acknowledged, but no event of it arrives: %v", receipt.Command.ID, err)
			return
		}
		if e.Kind == events.KindOf(events.StateCompleted) {
			d.ok(check, "%s leads to this bridge; the canary is command %s", hostAndScheme(receipt.CallbackURL), receipt.Command.ID)
			return
		}
	}
}

// posts calls the callback and reports whether every answer was that of a bridge
// which has stored it.
func (d *doctor) posts(ctx context.Context, check string, receipt events.Receipt) bool {
	where := hostAndScheme(receipt.CallbackURL)
	for n := range min(max(1, 3*(d.replicas-1)), 12) {
		a, err := d.visit(ctx, d.public, http.MethodPost, receipt.CallbackURL, `{"status":"completed"}`)
		if err != nil {
			d.fail(check, "see DNS, the ingress and its certificate; Graph comes from outside of your network", "%v", err)
			return false
		}
		if n == 0 && !a.ends.IsZero() {
			d.certificates = append(d.certificates, certificate{"the public URL " + where, a.ends})
		}
		if n > 0 && a.code == http.StatusTooManyRequests {
			return true // the first was taken; more is not wanted
		}
		if a.code != http.StatusAccepted {
			d.fail(check, canaryHelp(a.code), "%s answers the canary %s with %s", where, receipt.Command.ID, a.status)
			return false
		}
	}
	return true
}

// canaryHelp is the way out of another answer than a bridge's 202.
func canaryHelp(status int) string {
	switch {
	case status == http.StatusNotFound:
		return "it leads elsewhere, or to a replica that has other BRIDGE_CALLBACK_KEYS or another BRIDGE_SUBJECT_PREFIX"
	case status == http.StatusServiceUnavailable:
		return "the bridge cannot store it, or the ingress has none: see devicebridge healthcheck where it runs"
	case status >= 300 && status < 400:
		return "a callback is not redirected: have the ingress hand it on"
	default:
		return "something in front of the bridge answers: have it hand on every POST below /postback/ as it is"
	}
}

// hostAndScheme gives what of a callback URL is no secret.
func hostAndScheme(callback string) string {
	u, err := url.Parse(callback)
	if err != nil {
		return "the public URL"
	}
	return u.Scheme + "://" + u.Host
}
