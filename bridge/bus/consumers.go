package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// leastWaiting is how many pulls a consumer must let wait: each replica has up to two.
const leastWaiting = 64

// works are what Consume works on now, by durable consumer.
type works struct {
	mu   sync.Mutex
	list []Work
}

func (w *works) add(work Work) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, work)
}

func (w *works) remove(work Work) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.IndexFunc(w.list, work.same); i >= 0 {
		w.list = slices.Delete(w.list, i, i+1)
	}
}

// all returns each consumer's work once.
func (w *works) all() []Work {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []Work
	for _, work := range w.list {
		if !slices.ContainsFunc(list, work.same) {
			list = append(list, work)
		}
	}
	return list
}

// same reports whether both are worked on through the same consumer.
func (w Work) same(other Work) bool { return w.Stream == other.Stream && w.Durable == other.Durable }

func (w Work) name() string { return "consumer " + w.Durable + " on " + w.Stream }

// declared is how the consumer has to be.
func (w Work) declared() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       w.Durable,
		FilterSubject: w.Filter,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       w.AckWait,
		MaxDeliver:    -1,
		MaxAckPending: maxAckPending,
	}
}

// consumerSight is what one look found of a consumer.
type consumerSight struct {
	work    Work
	missing bool
	found   []difference
	// paused is until when it delivers nothing; zero: it is not paused.
	paused time.Time
}

// fault says what is not as declared; empty: nothing.
func (c consumerSight) fault() string {
	switch {
	case c.missing:
		return c.work.name() + " is gone"
	case len(c.found) > 0:
		return c.work.name() + ": " + describe(c.found)
	default:
		return ""
	}
}

// pause says until when the consumer is paused; empty: it is not.
func (c consumerSight) pause() string {
	if c.paused.IsZero() {
		return ""
	}
	return c.work.name() + " is paused until " + c.paused.UTC().Format(time.RFC3339)
}

// compareConsumer returns what differs of what the bridge's work rests on between a
// consumer and its declaration. What else there is on a consumer, such as its description,
// replicas or metadata, is the operator's. limits are those of its stream.
func compareConsumer(have, want jetstream.ConsumerConfig, limits jetstream.StreamConsumerLimits) []difference {
	filters := have.FilterSubjects
	if have.FilterSubject != "" {
		filters = []string{have.FilterSubject}
	}
	few := ""
	if have.MaxWaiting > 0 && have.MaxWaiting < leastWaiting {
		few = fmt.Sprintf("%d, at least %d are needed", have.MaxWaiting, leastWaiting)
	}
	all := []difference{
		{"filter", strings.Join(filters, " "), want.FilterSubject, false},
		{"headers only", have.HeadersOnly, want.HeadersOnly, false},
		{"ack wait", have.AckWait, want.AckWait, false},
		{"back off", len(have.BackOff), 0, false},
		{"max deliver", max(have.MaxDeliver, -1), want.MaxDeliver, false},
		{"max ack pending", have.MaxAckPending, want.MaxAckPending, false},
		{"max batch", have.MaxRequestBatch, 0, false},
		{"max expires", have.MaxRequestExpires, time.Duration(0), false},
		{"max bytes", have.MaxRequestMaxBytes, 0, false},
		// Where the stream sets one for all of its consumers, ours has that too.
		{"inactive threshold", have.InactiveThreshold, max(limits.InactiveThreshold, 0), false},
		{"priority policy", fmt.Sprint(have.PriorityPolicy), fmt.Sprint(want.PriorityPolicy), false},
		{"priority groups", strings.Join(have.PriorityGroups, " "), "", false},
		{"deliver policy", have.DeliverPolicy.String(), want.DeliverPolicy.String(), true},
		{"ack policy", have.AckPolicy.String(), want.AckPolicy.String(), true},
		{"replay policy", have.ReplayPolicy.String(), want.ReplayPolicy.String(), true},
		{"deliver subject", have.DeliverSubject, "", true},
		{"max waiting", few, "", true},
		{"memory storage", have.MemoryStorage, want.MemoryStorage, true},
	}
	return only(all, func(d difference) bool { return d.have != d.want })
}

// passes reports whether a consumer may have gone past messages because of the
// difference: those do not come by themselves once it is set back.
func (d difference) passes() bool { return d.name == "filter" || d.name == "max deliver" }

// lookAtConsumers looks at the consumers that are worked on now. false: not at all of
// them, because a question had no answer or may not be asked.
func (w *watch) lookAtConsumers(ctx context.Context, limits map[string]jetstream.StreamConsumerLimits) ([]consumerSight, bool) {
	works := w.b.works.all()
	if len(works) == 0 {
		return nil, true
	}
	if !w.mayLook(time.Now()) {
		return nil, false
	}
	ctx, cancel := w.b.bounded(ctx) // for all of them: the streams are looked at again soon
	defer cancel()
	var list []consumerSight
	for _, work := range works {
		info, err := w.b.consumerInfo(ctx, work)
		switch denied, is := errors.AsType[*deniedError](err); {
		case is:
			w.forbidden = time.Now()
			if !w.toldForbidden {
				w.b.log.Warn("the bridge's consumers are not watched: a change or a pause of one is not noticed", "error", denied)
				w.toldForbidden = true
			}
			return nil, false
		case errors.Is(err, jetstream.ErrConsumerNotFound):
			list = append(list, consumerSight{work: work, missing: true})
		case err != nil:
			return nil, false // of the streams it is known whether they answer
		default:
			list = append(list, sightOf(work, info, limits[work.Stream]))
		}
	}
	return list, true
}

func sightOf(work Work, info *jetstream.ConsumerInfo, limits jetstream.StreamConsumerLimits) consumerSight {
	s := consumerSight{work: work, found: compareConsumer(info.Config, work.declared(), limits)}
	if until := info.Config.PauseUntil; info.Paused && until != nil {
		s.paused = *until
	}
	return s
}

// mayLook reports whether the consumers may be asked for. Where a permission is missing
// each question is a line in the server's log, so it is asked again after a while only.
func (w *watch) mayLook(now time.Time) bool {
	return w.forbidden.IsZero() || now.Sub(w.forbidden) >= forbiddenFor
}

const forbiddenFor = 5 * time.Minute

func (b *Bus) consumerInfo(ctx context.Context, w Work) (*jetstream.ConsumerInfo, error) {
	ctx, cancel := b.permitted(ctx, apiPrefix+"CONSUMER.INFO."+w.Stream+"."+w.Durable)
	defer cancel()
	consumer, err := b.js.Consumer(ctx, w.Stream, w.Durable)
	if err != nil {
		return nil, why(ctx, err)
	}
	return consumer.CachedInfo(), nil
}

// confirmMissing takes out what the look before did not see missing: Consume makes a
// consumer at its start, and again when it was deleted. It reports whether there is such.
func (w *watch) confirmMissing(s *sight) (suspicion bool) {
	var now []string
	s.consumers = slices.DeleteFunc(s.consumers, func(c consumerSight) bool {
		if !c.missing {
			return false
		}
		now = append(now, c.work.name())
		if slices.Contains(w.gone, c.work.name()) {
			return false
		}
		suspicion = true
		return true
	})
	w.gone = now
	return suspicion
}

// mendConsumers sets back, or makes again, what is not as declared. It reports whether
// something was changed.
func (w *watch) mendConsumers(ctx context.Context, list []consumerSight) bool {
	done := false
	for _, c := range list {
		if c.fault() == "" {
			continue
		}
		if err := w.mendConsumer(ctx, c); err != nil {
			w.b.log.Warn("a consumer could not be set back", "consumer", c.work.Durable, "error", err, "next_try_in", w.consumers.pause.String())
			continue
		}
		w.b.log.Info("consumer set back", "consumer", c.work.Durable, "changes", c.fault())
		done = true
	}
	return done
}

// mendConsumer makes a consumer again where the server does not let it be set back, and
// where it may have gone past messages that only it delivers: those come from the start
// then, as far as they are stored, which handlers bear. Of the event stream all that ever
// was accepted would come, so there the sweep finds what was passed.
func (w *watch) mendConsumer(ctx context.Context, c consumerSight) error {
	remake := slices.ContainsFunc(c.found, func(d difference) bool {
		return d.fixed || d.passes() && c.work.Stream != w.b.subjects.EventStream()
	})
	if remake {
		if !c.paused.IsZero() {
			return errors.New("it is made again once its pause is over, which would be lost otherwise")
		}
		if err := w.b.deleteConsumer(ctx, c.work); err != nil {
			return fmt.Errorf("delete %s: %w", c.work.name(), err)
		}
	}
	_, _, err := w.b.consumer(ctx, c.work)
	return err
}

func (b *Bus) deleteConsumer(ctx context.Context, w Work) error {
	ctx, cancel := b.permitted(ctx, apiPrefix+"CONSUMER.DELETE."+w.Stream+"."+w.Durable)
	defer cancel()
	if err := b.js.DeleteConsumer(ctx, w.Stream, w.Durable); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return why(ctx, err)
	}
	return nil
}
