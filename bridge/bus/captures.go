package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// Capture is a stream, not of the bridge, that listens where the bridge speaks.
type Capture struct {
	// Stream is its name, and Tree what it shares with the bridge.
	Stream, Tree string
	// Events: the tree is one of live events. They carry headers which a stream takes
	// for instructions of its own, so it refuses each. Otherwise the tree is one of
	// requests, which JetStream then answers beside the bridge.
	Events bool
}

// Captures returns the streams of others that listen on requests or live events of
// the bridge. The intake's subject cannot be among them: JetStream lets a subject be
// in one stream of an account only.
func (b *Bus) Captures(ctx context.Context) ([]Capture, error) {
	found, err := b.captured(ctx, b.answered(), false)
	if err != nil {
		return nil, err
	}
	events, err := b.captured(ctx, told(b.subjects), true)
	return append(found, events...), err
}

// answered are the trees of requests that the bridge answers itself.
func (b *Bus) answered() []string {
	return slices.DeleteFunc(b.subjects.Requests(), func(tree string) bool { return tree == b.subjects.Intake() })
}

// requestsCaptured returns the streams that listen on requests. It takes one question
// as long as only the bridge's own streams listen below its prefix.
func (b *Bus) requestsCaptured(ctx context.Context) ([]Capture, error) {
	all, err := b.captured(ctx, []string{b.subjects.Prefix() + ".>"}, false)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return b.captured(ctx, b.answered(), false)
}

// captured returns the streams of others that listen on any of the trees.
func (b *Bus) captured(ctx context.Context, trees []string, events bool) ([]Capture, error) {
	ctx, cancel := b.permitted(ctx, apiPrefix+">")
	defer cancel()
	var found []Capture
	var faults []error
	for _, tree := range trees {
		names := b.js.StreamNames(ctx, jetstream.WithStreamListSubject(tree))
		for name := range names.Name() {
			if !b.owns(name) {
				found = append(found, Capture{Stream: name, Tree: tree, Events: events})
			}
		}
		if err := names.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
			faults = append(faults, fmt.Errorf("look for streams on %s: %w", tree, why(ctx, err)))
		}
	}
	return found, errors.Join(faults...)
}

// owns reports whether a stream is one of the bridge's.
func (b *Bus) owns(name string) bool {
	return slices.Contains([]string{
		b.subjects.EventStream(), b.subjects.IntakeStream(), b.subjects.TimerStream(), b.subjects.InventoryStream(),
		objectStream(b.subjects.ResponseBucket()), "KV_" + b.subjects.StateBucket(),
	}, name)
}

// String says what the stream does and what to do about it.
func (c Capture) String() string {
	if c.Events {
		return fmt.Sprintf("stream %s listens on %s, and refuses what is published there: events carry headers of the append that stored them, "+
			"which a stream takes for its own; give it the bridge's stream as a source or a mirror, in the place of the subject", c.Stream, c.Tree)
	}
	return fmt.Sprintf("stream %s listens on %s, where the bridge answers requests: "+
		"take the subject out of the stream, or choose another subject prefix", c.Stream, c.Tree)
}

// sharing says in one line which streams listen on requests.
func sharing(list []Capture) []string {
	said := make([]string, 0, len(list))
	for _, c := range list {
		said = append(said, c.String())
	}
	return said
}

// fromJetStream returns the stream that answered in the place of an endpoint: with its
// acknowledgement of a message that it stored, or with why it stored none. Empty where
// the answer is another.
func fromJetStream(answer []byte) (stream string) {
	var ack struct {
		Stream   string           `json:"stream"`
		Sequence *json.RawMessage `json:"seq"`
		Error    *struct {
			ErrCode int `json:"err_code"`
		} `json:"error"`
	}
	if json.Unmarshal(answer, &ack) != nil {
		return ""
	}
	switch {
	case ack.Stream != "" && ack.Sequence != nil:
		return ack.Stream
	case ack.Error != nil && ack.Error.ErrCode != 0:
		return cmp.Or(ack.Stream, "that is not named")
	default:
		return ""
	}
}
