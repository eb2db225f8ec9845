package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// minAPILevel is the JetStream API level of NATS 2.12: message schedules and
// atomic publish.
const minAPILevel = 2

// Ensure creates the streams that are missing and updates what can be updated on
// those that exist. A stream that cannot be brought to the declared form is left
// as it is and the error says what differs. While JetStream is not ready, because
// a cluster has no leader yet, it waits.
func (b *Bus) Ensure(ctx context.Context, o StreamOptions) error {
	if err := b.patiently(ctx, b.checkServer); err != nil {
		return err
	}
	if err := b.patiently(ctx, b.checkCapture); err != nil {
		return err
	}
	// One after the other: two that are made at once may be given room that is there
	// only for one of them, since the server does not count what is being made.
	var faults []error
	for _, want := range declared(b.subjects, o) {
		faults = append(faults, b.patiently(ctx, func(ctx context.Context) error { return b.ensureStream(ctx, want) }))
	}
	return errors.Join(faults...)
}

// patiently does something at the start until it is done, or fails for a reason
// that waiting does not mend, or ctx ends.
func (b *Bus) patiently(ctx context.Context, do func(context.Context) error) error {
	const first, longest = 250 * time.Millisecond, 4 * time.Second
	for wait := first; ; wait = min(2*wait, longest) {
		err := do(ctx)
		if err == nil {
			b.hooks.Waiting("")
			return nil
		}
		if !passes(err) && !b.away() || b.nc.IsClosed() || ctx.Err() != nil {
			return err
		}
		why := "JetStream is not ready: " + err.Error()
		if b.away() {
			why = b.unconnected()
		}
		if wait >= longest/2 {
			b.waits(why)
		} else {
			b.hooks.Waiting(why)
		}
		if pause(ctx, wait) != nil {
			return err
		}
	}
}

// away reports whether there is no connection to NATS now. Another is being made.
func (b *Bus) away() bool { return !b.nc.IsConnected() }

// passes reports whether an error is one of a cluster that has no leader, or not
// enough servers, yet, or of a connection that was lost meanwhile.
func passes(err error) bool {
	for _, passing := range []error{
		context.DeadlineExceeded, nats.ErrNoResponders, nats.ErrTimeout, nats.ErrReconnectBufExceeded, nats.ErrConnectionClosed,
		nats.ErrConnectionReconnecting, nats.ErrDisconnected, nats.ErrStaleConnection, jetstream.ErrNoStreamResponse,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	if events.HasCode(err, events.CodeUnavailable) {
		return true
	}
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == codeNoLeader || api.ErrorCode == codeNoPeers)
}

// JetStream's error codes of a cluster that is not complete.
const (
	codeNoPeers  = 10005
	codeNoLeader = 10008
)

func (b *Bus) checkServer(ctx context.Context) error {
	ctx, cancel := b.permitted(ctx, apiPrefix+">")
	defer cancel()
	info, err := b.js.AccountInfo(ctx)
	if err != nil {
		return fmt.Errorf("JetStream at %s: %w", b.URL(), why(ctx, err))
	}
	if info.API.Level < minAPILevel {
		return fmt.Errorf("JetStream at %s has API level %d; NATS 2.12.1 or later (level %d) is needed",
			b.URL(), info.API.Level, minAPILevel)
	}
	return b.ServerFault()
}

// checkCapture refuses to start beside a stream that listens on a request
// subject: JetStream would answer a caller with its own acknowledgement, which
// looks like a reply.
func (b *Bus) checkCapture(ctx context.Context) error {
	found, err := b.captured(ctx, b.answered(), false)
	faults := make([]error, 0, len(found)+1)
	faults = append(faults, err)
	for _, c := range found {
		faults = append(faults, errors.New(c.String()))
	}
	return errors.Join(faults...)
}

func (b *Bus) ensureStream(ctx context.Context, want jetstream.StreamConfig) error {
	ctx, cancel := b.permitted(ctx, apiPrefix+"STREAM.>")
	defer cancel()
	stream, err := b.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if _, err = b.js.CreateStream(ctx, want); err == nil {
			b.log.Info("stream created", "stream", want.Name, "replicas", want.Replicas, "max_bytes", want.MaxBytes)
			return nil
		}
		if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return fmt.Errorf("create stream %s: %w", want.Name, why(ctx, err))
		}
		// Another replica was first; compare with what it made.
		stream, err = b.js.Stream(ctx, want.Name)
	}
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", want.Name, why(ctx, err))
	}
	if want, err = b.keepAge(ctx, stream.CachedInfo().Config, want); err != nil {
		return fmt.Errorf("look whether stream %s may forget sooner: %w", want.Name, err)
	}
	differences := compare(stream.CachedInfo().Config, want)
	if len(differences) == 0 {
		return nil
	}
	if fixed := only(differences, func(d difference) bool { return d.fixed }); len(fixed) > 0 {
		return fmt.Errorf("stream %s exists in another form and cannot be changed: %s; "+
			"use another subject prefix, or move the stream away", want.Name, describe(fixed))
	}
	if _, err := b.js.UpdateStream(ctx, merge(stream.CachedInfo().Config, want)); err != nil {
		return fmt.Errorf("stream %s differs (%s) and could not be updated: %w", want.Name, describe(differences), why(ctx, err))
	}
	b.log.Info("stream updated", "stream", want.Name, "changes", describe(differences))
	return nil
}

// difference is one setting in which a stream is not as declared.
type difference struct {
	name       string
	have, want any
	// fixed: the server refuses the change, or it would give the subjects stored
	// so far another meaning.
	fixed bool
}

// compare gives what differs between a stream and its declaration, of what the
// bridge declares; anything else on the stream is the operator's.
func compare(have, want jetstream.StreamConfig) []difference {
	declared := []difference{
		{"subjects", strings.Join(have.Subjects, " "), strings.Join(want.Subjects, " "), !within(have.Subjects, want.Subjects)},
		{"subject transform", transform(have.SubjectTransform), transform(want.SubjectTransform), true},
		{"retention", have.Retention.String(), want.Retention.String(), true},
		{"storage", have.Storage.String(), want.Storage.String(), true},
		{"message schedules", have.AllowMsgSchedules, want.AllowMsgSchedules, !want.AllowMsgSchedules},
		{"republish", republish(have.RePublish), republish(want.RePublish), false},
		{"discard", have.Discard.String(), want.Discard.String(), false},
		{"max age", have.MaxAge, want.MaxAge, false},
		{"max bytes", have.MaxBytes, want.MaxBytes, false},
		{"duplicate window", have.Duplicates, want.Duplicates, false},
		{"replicas", have.Replicas, want.Replicas, false},
		{"direct get", have.AllowDirect, want.AllowDirect, false},
		{"rollup", have.AllowRollup, want.AllowRollup, false},
		{"atomic publish", have.AllowAtomicPublish, want.AllowAtomicPublish, false},
	}
	return only(slices.Concat(declared, undeclared(have, want)), func(d difference) bool { return d.have != d.want })
}

// merge gives have with what the bridge declares and the server lets change, as
// compare knows it. An update sets the whole configuration: the declaration alone
// would wipe out an operator's placement, compression or limits.
func merge(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	have.Subjects = want.Subjects
	have.AllowMsgSchedules = want.AllowMsgSchedules
	have.RePublish = want.RePublish
	have.Discard = want.Discard
	have.MaxAge = want.MaxAge
	have.MaxBytes = want.MaxBytes
	have.Duplicates = want.Duplicates
	have.Replicas = want.Replicas
	have.AllowDirect = want.AllowDirect
	have.AllowRollup = want.AllowRollup
	have.AllowAtomicPublish = want.AllowAtomicPublish
	return withoutUndeclared(have, want)
}

// within reports whether want has all that have has: what is stored so far keeps
// its meaning when a subject is added.
func within(have, want []string) bool {
	return !slices.ContainsFunc(have, func(subject string) bool { return !slices.Contains(want, subject) })
}

func only(list []difference, keep func(difference) bool) []difference {
	var kept []difference
	for _, d := range list {
		if keep(d) {
			kept = append(kept, d)
		}
	}
	return kept
}

func describe(list []difference) string {
	parts := make([]string, 0, len(list))
	for _, d := range list {
		parts = append(parts, fmt.Sprintf("%s is %q, declared is %q", d.name, fmt.Sprint(d.have), fmt.Sprint(d.want)))
	}
	return strings.Join(parts, "; ")
}

func transform(t *jetstream.SubjectTransformConfig) string {
	if t == nil {
		return ""
	}
	return t.Source + " to " + t.Destination
}

func republish(r *jetstream.RePublish) string {
	if r == nil {
		return ""
	}
	if r.HeadersOnly {
		return r.Source + " to " + r.Destination + ", headers only"
	}
	return r.Source + " to " + r.Destination
}
