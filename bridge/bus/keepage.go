package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// errFound ends a walk at the first that is found.
var errFound = errors.New("found")

// keepAge returns want, with the age limit that the stream has where that is longer and
// still needed: by another bridge, which may have accepted commands that live longer
// than this one knows of, or by a command that has not ended. Its events would leave
// before it does.
func (b *Bus) keepAge(ctx context.Context, have, want jetstream.StreamConfig) (jetstream.StreamConfig, error) {
	if want.MaxAge == 0 || have.MaxAge != 0 && have.MaxAge <= want.MaxAge {
		return want, nil
	}
	reason, err := b.needsAge(ctx, have.MaxAge)
	if err != nil || reason == "" {
		return want, err
	}
	b.log.Warn("a stream keeps its longer age limit; it is shortened at a start while no other bridge runs and no command is under way",
		"stream", want.Name, "max_age", have.MaxAge.String(), "declared", want.MaxAge.String(), "reason", reason)
	want.MaxAge = have.MaxAge
	return want, nil
}

// needsAge says what needs that events are kept as long as they are; empty: nothing.
func (b *Bus) needsAge(ctx context.Context, age time.Duration) (string, error) {
	if others, err := b.Replicas(ctx); err == nil { // else no answer to come says nothing
		for _, r := range others {
			if r.Prefix == b.subjects.Prefix() {
				return "another bridge runs", nil
			}
		}
	}
	var since time.Time
	if age != 0 {
		since = time.Now().Add(-age)
	}
	err := b.EachOpen(ctx, since, func(_ string, _ time.Time, erased bool) error {
		if erased {
			return nil
		}
		return errFound
	})
	switch {
	case errors.Is(err, errFound):
		return "a command is under way", nil
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return "", nil
	default:
		return "", err
	}
}
