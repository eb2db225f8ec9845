package bus

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// survey is what a look through the event stream found.
type survey struct {
	said    witnessed
	missing []string
}

// view gives the events of the stream as somebody sees them who may be asked.
type view func(ctx context.Context, stream string, state jetstream.StreamState) (seen, error)

// seen are the events of a stream.
type seen struct {
	// each calls see for each sequence there is, in order.
	each func(see func(uint64)) error
	// erased are the sequences, in order, that events of erased commands say were
	// erased.
	erased []uint64
}

// survey goes through the whole stream in a view of it. Events leave it at its beginning
// and by their age, or were erased and an event says so; every other hole is a damage.
func (b *Bus) survey(ctx context.Context, before witnessed, look view) (survey, error) {
	info, err := b.streamInfo(ctx, b.subjects.EventStream())
	if err != nil {
		return survey{}, err
	}
	state := info.State
	state.FirstSeq = max(state.FirstSeq, 1) // 0 as long as there was none
	// A stream that was made at another time is not the one that was witnessed, though
	// its files may hold some of that one's events.
	remade := before.Stream != "" && !before.Created.Equal(info.Created)
	was := before
	if remade {
		before = witnessed{}
	}
	found := survey{said: witnessed{
		Stream: info.Config.Name, Created: info.Created, First: state.FirstSeq, FirstAt: state.FirstTime, MaxAge: info.Config.MaxAge,
		Last: state.LastSeq, Accepted: before.Accepted,
	}}
	events, err := look(ctx, info.Config.Name, state)
	if err != nil {
		return found, err
	}
	var unseen []uint64
	gap := func(from, to uint64) {
		for _, hole := range without(max(from, before.Accepted+1), to, events.erased) {
			found.missing = append(found.missing, stretch(hole[0], hole[1]))
			unseen = append(unseen, hole[0], hole[1])
		}
	}
	if from := max(was.First, was.Accepted+1, 1); remade && from <= was.Last {
		found.missing = append(found.missing, stretch(from, was.Last))
	}
	if state.Msgs == 0 {
		found.said.FirstAt = time.Now()
	}
	// What left by then left under the setting of then.
	if age := leastAge(before.MaxAge, info.Config.MaxAge); before.First > 0 && (age == 0 || time.Since(before.FirstAt) < age) {
		gap(before.First, state.FirstSeq-1)
	}
	next := state.FirstSeq
	if state.Msgs > 0 {
		err = events.each(func(seq uint64) {
			gap(next, seq-1)
			next = seq + 1
		})
	}
	gap(next, max(state.LastSeq, before.Last))
	if err != nil {
		return found, err
	}
	for _, seq := range unseen {
		if seq > state.LastSeq {
			continue
		}
		if _, err := b.leaderGet(ctx, info.Config.Name, "", map[string]any{"seq": seq}); err == nil {
			return found, fmt.Errorf("event %d was not delivered, but is there", seq)
		}
	}
	return found, nil
}

// leastAge gives the lesser of two age limits, of which 0 is none.
func leastAge(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func stretch(from, to uint64) string {
	if from == to {
		return strconv.FormatUint(from, 10)
	}
	return fmt.Sprintf("%d-%d", from, to)
}
