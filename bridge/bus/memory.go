package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// moment is when the event at a sequence was stored.
type moment struct {
	Sequence uint64    `json:"seq"`
	At       time.Time `json:"at"`
}

// memory is what was seen of the event stream when nothing of it was missing. A stream
// that lost events since shows by it: whoever purges it, deletes single events, puts an
// older one in its place or makes it again leaves no other trace, and commands would be
// sent again.
type memory struct {
	Created time.Time `json:"created"`
	// First and Last are the sequences of its first and last event.
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// MaxAge is how long events were kept.
	MaxAge time.Duration `json:"maxAge"`
	// Seen is when this was seen, by the server's clock.
	Seen time.Time `json:"seen,omitzero"`
	// Moments tell, in order, how old events are: what leaves by its age is not lost.
	Moments []moment `json:"moments,omitempty"`
	// Holes are stretches of sequences that were not there, and are known not to be.
	Holes [][2]uint64 `json:"holes,omitempty"`
}

// mostMoments bounds a memory.
const mostMoments = 64

// stretches of sequences, both ends included.
type stretches = [][2]uint64

// sighting is the event stream as its leader has it.
type sighting struct {
	info *jetstream.StreamInfo
	// acked is the highest sequence that was acknowledged before the leader was asked.
	acked uint64
	// now is the leader's time.
	now time.Time
}

// lost returns which events that memory knows of, or that were acknowledged, are gone
// without having left by their age or been erased.
func (b *Bus) lost(ctx context.Context, was memory, s sighting) (stretches, error) {
	from, last := max(was.First, 1), max(was.Last, s.acked)
	if last < from {
		return nil, nil // there was none
	}
	state := s.info.State
	if !was.Created.Equal(s.info.Created) {
		return stretches{{from, last}}, nil
	}
	var gone stretches
	if end := min(state.FirstSeq-1, last); state.FirstSeq > from {
		if young := was.youngFrom(from, end, s); young != 0 {
			gone = append(gone, [2]uint64{young, end})
		}
	}
	holes, err := b.holes(ctx, state)
	if err != nil {
		return nil, err
	}
	replaced, err := b.replaced(ctx, was, state)
	if err != nil {
		return nil, err
	}
	if gone = append(subtract(append(gone, holes...), was.Holes), replaced...); len(gone) > 0 {
		erased, err := b.erased(ctx)
		if err != nil {
			return nil, err
		}
		var left stretches
		for _, s := range gone {
			left = append(left, without(s[0], s[1], erased)...)
		}
		gone = left
	}
	if state.LastSeq < last {
		gone = append(gone, [2]uint64{max(state.LastSeq+1, from), last})
	}
	return gone, nil
}

// replaced returns the sequence of an event that is another one than memory knows of: the
// stream of before was put in this one's place, and was added to.
func (b *Bus) replaced(ctx context.Context, was memory, state jetstream.StreamState) (stretches, error) {
	if b.server != nil || state.LastSeq <= was.Last || len(was.Moments) == 0 {
		return nil, nil
	}
	last := was.Moments[len(was.Moments)-1]
	raw, err := b.leaderGet(ctx, b.subjects.EventStream(), "", map[string]any{"seq": last.Sequence})
	switch {
	case events.HasCode(err, events.CodeNotFound):
		return nil, nil // a hole, or it left
	case err != nil:
		return nil, err
	case raw.Time.Equal(last.At):
		return nil, nil
	}
	return stretches{{last.Sequence, last.Sequence}}, nil
}

// youngFrom returns the first sequence of from..end, which are gone, that is known to be
// of an event too young to have left by its age; 0: none is.
func (m memory) youngFrom(from, end uint64, s sighting) uint64 {
	age := leastAge(m.MaxAge, s.info.Config.MaxAge)
	if age == 0 {
		return from
	}
	// The clocks of servers differ, and one that was not the leader then may be now.
	limit := s.now.Add(min(age/10, time.Minute) - age)
	// What was stored since is younger than the look before.
	for _, at := range append(slices.Clone(m.Moments), moment{m.Last + 1, m.Seen}) {
		if at.Sequence > end {
			break
		}
		if at.At.After(limit) {
			return max(at.Sequence, from)
		}
	}
	return 0
}

// holes returns which sequences between the first and the last event have none.
func (b *Bus) holes(ctx context.Context, state jetstream.StreamState) (stretches, error) {
	if state.NumDeleted == 0 {
		return nil, nil
	}
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	stream, err := b.js.Stream(ctx, b.subjects.EventStream())
	if err != nil {
		return nil, err
	}
	info, err := stream.Info(ctx, jetstream.WithDeletedDetails(true))
	if err != nil {
		return nil, err
	}
	slices.Sort(info.State.Deleted)
	var list stretches
	for _, seq := range info.State.Deleted {
		if n := len(list); n > 0 && list[n-1][1]+1 == seq {
			list[n-1][1] = seq
		} else {
			list = append(list, [2]uint64{seq, seq})
		}
	}
	return list, nil
}

// subtract returns what is left of stretches without others; both are in order.
func subtract(all, others stretches) (left stretches) {
	for _, s := range all {
		for _, o := range others {
			if o[1] < s[0] || s[1] < o[0] {
				continue
			}
			if s[0] < o[0] {
				left = append(left, [2]uint64{s[0], o[0] - 1})
			}
			s[0] = o[1] + 1
		}
		if s[0] <= s[1] {
			left = append(left, s)
		}
	}
	return left
}

// remember returns the memory of a sighting after one of before, of which nothing is
// missing.
func remember(before memory, s sighting, holes stretches) memory {
	state := s.info.State
	m := memory{
		Created: s.info.Created, First: max(state.FirstSeq, 1), Last: max(state.LastSeq, s.acked), MaxAge: s.info.Config.MaxAge, Seen: s.now, Holes: holes,
	}
	add := func(at moment) {
		if n := len(m.Moments); at.Sequence != 0 && !at.At.IsZero() && (n == 0 || m.Moments[n-1].Sequence < at.Sequence) {
			m.Moments = append(m.Moments, at)
		}
	}
	if state.Msgs > 0 {
		add(moment{state.FirstSeq, state.FirstTime})
	}
	if before.Created.Equal(m.Created) {
		for _, at := range before.Moments {
			if at.Sequence > state.FirstSeq && at.Sequence <= state.LastSeq {
				add(at)
			}
		}
	}
	if len(m.Moments) >= mostMoments {
		odd := false
		m.Moments = slices.DeleteFunc(m.Moments, func(moment) bool { odd = !odd; return !odd })
	}
	if state.Msgs > 0 {
		add(moment{state.LastSeq, state.LastTime})
	}
	return m
}

// tell returns stretches as text, a few of them where there are many.
func tell(list stretches) string {
	slices.SortFunc(list, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
	const most = 10
	var words []string
	for i, s := range list {
		if i == most {
			words = append(words, fmt.Sprintf("and %d more stretches", len(list)-most))
			break
		}
		words = append(words, stretch(s[0], s[1]))
	}
	return strings.Join(words, ", ")
}

// memoryKey is the record of the state bucket that the memory is kept in where NATS is
// another process: what was done there while no bridge ran shows at the next start.
const memoryKey = "events"

// Remember holds the event stream of an external NATS server against what the bridges
// that ran on it last saw of it. The error is a *DamageError if events are missing,
// unless accept takes the loss as known from now on. Watch goes on from there.
func (b *Bus) Remember(ctx context.Context, accept bool) error {
	return b.patiently(ctx, func(ctx context.Context) error { return b.remember(ctx, accept) })
}

func (b *Bus) remember(ctx context.Context, accept bool) error {
	var was memory
	text, _, err := b.State(ctx, memoryKey)
	if err == nil && text != nil {
		err = json.Unmarshal(text, &was)
	}
	if err != nil && !accept {
		return fmt.Errorf("what is remembered of the event stream: %w", err)
	}
	s, err := b.sighted(ctx)
	if err != nil {
		return fmt.Errorf("look at the event stream: %w", err)
	}
	if was.First != 0 {
		gone, err := b.lost(ctx, was, s)
		if err != nil {
			return fmt.Errorf("look at the event stream: %w", err)
		}
		if len(gone) > 0 {
			damage := &DamageError{Stream: b.subjects.EventStream(), Missing: strings.Split(tell(gone), ", ")}
			if !accept {
				return damage
			}
			b.log.Error("events are missing from the event stream; this is taken as known from now on", "stream", damage.Stream, "sequences", tell(gone))
		}
	}
	holes, err := b.holes(ctx, s.info.State)
	if err != nil {
		return fmt.Errorf("look at the event stream: %w", err)
	}
	m := remember(was, s, holes)
	b.sample(ctx, &m)
	b.memory = &m
	if err := b.keepMemory(ctx, m, accept); err != nil {
		b.log.Warn("what was seen of the event stream could not be kept", "error", err)
	}
	return nil
}

// sighted asks the leader of the event stream.
func (b *Bus) sighted(ctx context.Context) (sighting, error) {
	s := sighting{acked: b.acked.Load()}
	var err error
	if s.info, err = b.streamInfo(ctx, b.subjects.EventStream()); err != nil {
		return s, err
	}
	s.now = timeOf(s.info)
	return s, nil
}

// timeOf returns when the server described a stream, by the server's clock.
func timeOf(info *jetstream.StreamInfo) time.Time {
	if info.TimeStamp.IsZero() {
		return time.Now()
	}
	return info.TimeStamp
}

// samples is how many events are asked for their time at a start.
const samples = 8

// sample adds moments between the first event and the last.
func (b *Bus) sample(ctx context.Context, m *memory) {
	for i := uint64(1); i < samples && m.Last > m.First; i++ {
		seq := m.First + (m.Last-m.First)*i/samples
		raw, err := b.leaderGet(ctx, b.subjects.EventStream(), "", map[string]any{"seq": seq})
		if err == nil {
			m.Moments = append(m.Moments, moment{raw.Sequence, raw.Time})
		}
	}
	slices.SortFunc(m.Moments, func(a, b moment) int { return cmp.Compare(a.Sequence, b.Sequence) })
	m.Moments = slices.CompactFunc(m.Moments, func(a, b moment) bool { return a.Sequence == b.Sequence })
}

// keepMemory stores the memory where the other bridges find it, unless one of them has
// kept a later one; always where it is of an accepted loss.
func (b *Bus) keepMemory(ctx context.Context, m memory, accepted bool) error {
	text, revision, err := b.State(ctx, memoryKey)
	if err != nil {
		return err
	}
	var kept memory
	if !accepted && text != nil && json.Unmarshal(text, &kept) == nil && kept.Created.Equal(m.Created) {
		m.Last = max(m.Last, kept.Last)
		if kept.Last == m.Last && kept.First >= m.First && slices.Equal(kept.Holes, m.Holes) {
			return nil
		}
	}
	value, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err = b.PutState(ctx, memoryKey, value, revision); errors.Is(err, events.ErrLost) {
		return nil // another bridge kept its own
	}
	return err
}
