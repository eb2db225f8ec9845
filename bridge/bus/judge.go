package bus

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A store is called full from fullFrom of its limit, until it is below fullTo.
const (
	fullFrom = 0.8
	fullTo   = 0.75
)

// Where events are stored counts as spent from spentFrom of its limit, until it is
// below spentTo: what is left is less than its last events may need.
const (
	spentFrom = 0.99
	spentTo   = 0.98
)

// bounds reports whether a setting only bounds how much is kept, how long, and on
// how many servers: it is the operator's at run time, and replicas that are set
// differently must not fight over it.
func (d difference) bounds() bool {
	switch d.name {
	case "max age":
		// Where nothing is to leave by its age, what does is lost: a request that was
		// acknowledged, a timer, the sign-in.
		return d.want != time.Duration(0)
	case "max bytes", "duplicate window", "replicas":
		return true
	default:
		return false
	}
}

// bars reports whether nothing may be stored by compare-and-set under the
// difference: compare-and-set, or what an acknowledgement means, rests on it.
func (d difference) bars() bool {
	switch d.name {
	case "direct get", "atomic publish", "rollup":
		return false
	default:
		return !d.bounds()
	}
}

// matter are the differences that make a StreamDiffers.
func (d differing) matter() []difference {
	return only(d.found, func(d difference) bool { return !d.bounds() })
}

// judge gives the troubles there are, each with a detail, from those before and
// what was seen. What cannot be seen now stays as it was.
func judge(before map[Trouble]string, s sight) map[Trouble]string {
	now := map[Trouble]string{}
	put := func(t Trouble, details ...string) {
		switch was, is := before[t]; {
		case len(details) > 0:
			now[t] = strings.Join(details, "; ")
		case is && (!s.known() || s.unseen && t.ofConsumer()):
			now[t] = was
		}
	}
	switch {
	case !s.connected:
		now[Disconnected] = s.lost
	case s.silent != "":
		now[NoAnswer] = s.silent
	case s.deaf && s.store == nil:
		now[NoAnswer] = "it answers reads, but not appends: " + s.refusal
	}
	put(StreamMissing, names(s.missing)...)
	var changes []string
	for _, d := range s.differ {
		if matter := d.matter(); len(matter) > 0 {
			changes = append(changes, d.want.Name+": "+describe(matter))
		}
	}
	put(StreamDiffers, changes...)
	put(RequestsCaptured, s.captured...)
	changed, paused := s.consumerFaults()
	put(ConsumerDiffers, changed...)
	put(ConsumerPaused, paused...)
	_, was := before[StorageFull]
	put(StorageFull, s.full(was)...)
	_, was = before[StorageSpent]
	put(StorageSpent, s.spent(was)...)
	if s.gone != "" {
		now[EventsMissing] = s.gone
	}
	if s.store != nil {
		now[StoreFailed] = s.store.Error()
	}
	return now
}

// consumerFaults says which consumers are not as declared, and which are paused.
func (s sight) consumerFaults() (changed, paused []string) {
	for _, c := range s.consumers {
		if text := c.fault(); text != "" {
			changed = append(changed, text)
		}
		if text := c.pause(); text != "" {
			paused = append(paused, text)
		}
	}
	return changed, paused
}

// full says what is full; was is whether something was so far.
func (s sight) full(was bool) []string {
	var list []string
	if s.lowDisk(was) {
		list = append(list, fmt.Sprintf("%d MiB are free on the disk of the data directory", s.disk.free>>20))
	}
	if s.account >= threshold(was) {
		list = append(list, fmt.Sprintf("%.0f %% of the account's storage is used", s.account*100))
	}
	for _, f := range s.filled {
		if f.part >= threshold(was) {
			list = append(list, fmt.Sprintf("stream %s is %.0f %% full", f.stream, f.part*100))
		}
	}
	return list
}

// spent says why no event can be stored for want of room; was is whether it was so
// so far.
func (s sight) spent(was bool) []string {
	limit := spentFrom
	if was {
		limit = spentTo
	}
	switch {
	case s.account >= limit:
		return []string{fmt.Sprintf("%.1f %% of the account's storage is used", s.account*100)}
	case s.events >= limit:
		return []string{fmt.Sprintf("the event stream is %.1f %% full", s.events*100)}
	case s.refused && s.known():
		return []string{"the event stream refused an event for want of room"}
	default:
		return nil
	}
}

func (s sight) lowDisk(was bool) bool { return s.onDisk && s.disk.low(was) }

func threshold(was bool) float64 {
	if was {
		return fullTo
	}
	return fullFrom
}

// eventsAreMissing is said to those who ask for what cannot be decided then.
const eventsAreMissing = "events are missing from the event stream; ask again when the bridge was told how to go on"

// barred says why nothing may be stored in a stream by compare-and-set, empty
// where it may. before is what was said so far, for what cannot be seen now.
func (s sight) barred(before, stream string) string {
	if s.store != nil {
		return storeFailedText
	}
	if s.gone != "" && s.eventStream == stream {
		return eventsAreMissing
	}
	if !s.known() {
		return before
	}
	for _, d := range s.differ {
		if d.want.Name == stream && slices.ContainsFunc(d.found, difference.bars) {
			return "the stream " + stream + " is not configured as declared; ask again later"
		}
	}
	return ""
}
