package bus

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"devicebridge/events"
)

// A NATS server tells of a publish that it denies in a message of its own, beside
// the request it belongs to, which then is never answered. denials brings the two
// together, so that nobody waits for an answer that cannot come.
type denials struct {
	mu      sync.Mutex
	waiting map[*waiting]struct{}
}

// waiting is one who waits for the answer to what it publishes on subject, which
// may end in ">".
type waiting struct {
	subject string
	end     func(error)
}

// deniedError says that this client's permissions on the NATS server do not let it
// publish.
type deniedError struct{ subject string }

// Error names the subject and the way out.
func (e *deniedError) Error() string {
	return "the NATS server denies publishing to " + e.subject +
		"; give the bridge's NATS user this permission (deploy/nats has the whole list)"
}

// permitted gives ctx the bus' own time-out, and ends it when the server denies a
// publish to subject; why tells then.
func (b *Bus) permitted(ctx context.Context, subject string) (context.Context, context.CancelFunc) {
	ctx, cancel := b.bounded(ctx)
	ctx, end := b.heeding(ctx, subject)
	return ctx, func() {
		end()
		cancel()
	}
}

// heeding is permitted without the time-out.
func (b *Bus) heeding(ctx context.Context, subject string) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	w := &waiting{subject, end}
	b.denials.add(w)
	return ctx, func() {
		b.denials.remove(w)
		end(nil)
	}
}

// forbids gives the refusal of a client's publish that the server denied, nil where ctx,
// of heeding or permitted, ended otherwise. A wrong prefix is the likely reason: the
// permissions are for that of the bridge.
func (b *Bus) forbids(ctx context.Context) error {
	denied, is := errors.AsType[*deniedError](context.Cause(ctx))
	if !is {
		return nil
	}
	return b.forbidden("publish to " + denied.subject)
}

// forbidden is the refusal of something that NATS does not let this client do.
func (b *Bus) forbidden(what string) error {
	return &events.Error{Code: events.CodeForbidden, Message: "NATS does not permit this client to " + what + ": is " + b.subjects.Prefix() +
		" the subject prefix of the bridge (--prefix, BRIDGE_SUBJECT_PREFIX)? If it is, this user lacks the permission"}
}

// why gives the reason for err, which a call under a context of permitted has
// given: the denial, if there was one.
func why(ctx context.Context, err error) error {
	if denied, is := errors.AsType[*deniedError](context.Cause(ctx)); is && err != nil {
		return denied
	}
	return err
}

func (d *denials) add(w *waiting) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting == nil {
		d.waiting = map[*waiting]struct{}{}
	}
	d.waiting[w] = struct{}{}
}

func (d *denials) remove(w *waiting) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.waiting, w)
}

// tell hands an error that the server reports to those it belongs to.
func (d *denials) tell(err error) {
	subject, is := deniedSubject(err)
	if !is {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for w := range d.waiting {
		if tree, open := strings.CutSuffix(w.subject, ">"); w.subject == subject || open && strings.HasPrefix(subject, tree) {
			w.end(&deniedError{subject})
		}
	}
}

// deniedSubject gives the subject of a publish that the server denies, which it
// quotes in its message.
func deniedSubject(err error) (subject string, is bool) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return "", false
	}
	found := regexp.MustCompile(`(?i)permissions violation for publish to ("(?:[^"\\]|\\.)*")`).FindStringSubmatch(err.Error())
	if found == nil {
		return "", false
	}
	subject, bad := strconv.Unquote(found[1])
	return subject, bad == nil
}
