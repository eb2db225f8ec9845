package main

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// check fails when not every postback that was answered well is an event.
func (p *postbacks) check(ctx context.Context) error {
	if p.stored == nil {
		return nil
	}
	want := p.answered
	if p.registered {
		want += p.minted
	}
	got, err := p.stored(ctx)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the stream holds %d messages and should %d: %d postbacks were answered well, %d commands minted", got, want, p.answered, p.minted)
	}
	return nil
}

// storedIn counts the messages of a stream.
func storedIn(nc *nats.Conn, name string) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		js, err := jetstream.New(nc)
		if err != nil {
			return 0, fmt.Errorf("JetStream: %w", err)
		}
		stream, err := js.Stream(ctx, name)
		if err != nil {
			return 0, fmt.Errorf("stream %s: %w", name, err)
		}
		return int(stream.CachedInfo().State.Msgs), nil //nolint:gosec // not that many
	}
}
