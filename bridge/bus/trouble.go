package bus

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// Trouble names what can be wrong with NATS while the bridge runs.
type Trouble string

// The troubles.
const (
	// Disconnected: there is no connection to a NATS server.
	Disconnected Trouble = "disconnected"
	// NoAnswer: JetStream does not answer in time, or has no leader.
	NoAnswer Trouble = "noAnswer"
	// StreamMissing: a stream of the bridge is gone.
	StreamMissing Trouble = "streamMissing"
	// StreamDiffers: a stream is configured in another way than declared, in what
	// the bridge's promises rest on.
	StreamDiffers Trouble = "streamDiffers"
	// StorageFull: a stream is at least 80 % full, or the disk or account nearly.
	StorageFull Trouble = "storageFull"
	// StorageSpent: the event stream, or the account under it, has no room for an
	// event, so that not even a postback can be stored.
	StorageSpent Trouble = "storageSpent"
	// EventsMissing: events of the event stream are gone that did not leave by their
	// age: it was purged, made again, or put back as it was before.
	EventsMissing Trouble = "eventsMissing"
	// RequestsCaptured: a stream of somebody else listens on requests, so that JetStream
	// answers callers as well.
	RequestsCaptured Trouble = "requestsCaptured"
	// ConsumerDiffers: a consumer that the bridge works from is gone, or configured in
	// another way than declared.
	ConsumerDiffers Trouble = "consumerDiffers"
	// ConsumerPaused: a consumer that the bridge works from is paused on the server.
	ConsumerPaused Trouble = "consumerPaused"
	// StoreFailed: the embedded server cannot write.
	StoreFailed Trouble = "storeFailed"
)

// AllTroubles lists every trouble there can be.
func AllTroubles() []Trouble {
	return []Trouble{Disconnected, NoAnswer, StreamMissing, StreamDiffers, StorageFull, StorageSpent, StoreFailed, EventsMissing, RequestsCaptured, ConsumerDiffers, ConsumerPaused}
}

// ofConsumer reports whether the trouble is one of a consumer.
func (t Trouble) ofConsumer() bool { return t == ConsumerDiffers || t == ConsumerPaused }

// Troubles gives the troubles that Watch sees now; none while it does not run.
func (b *Bus) Troubles() []Trouble {
	b.watched.mu.Lock()
	defer b.watched.mu.Unlock()
	return slices.Clone(b.watched.standing)
}

// Detail returns what more is known of a trouble that Watch sees now: which setting of
// which stream, for example.
func (b *Bus) Detail(t Trouble) string {
	b.watched.mu.Lock()
	defer b.watched.mu.Unlock()
	return b.watched.details[t]
}

// words say what a trouble is and what the operator can do.
type words struct {
	level     slog.Level
	what, can string
}

func (t Trouble) words() words {
	switch t {
	case Disconnected:
		return words{slog.LevelWarn, "no connection to NATS; the bridge keeps trying",
			"see that the NATS server runs and can be reached, and that the credentials are right"}
	case NoAnswer:
		return words{slog.LevelWarn, "JetStream does not answer; requests and postbacks are refused until it does",
			"see that a majority of the NATS servers runs, that their disks have space, and what their logs say"}
	case StreamMissing:
		return words{slog.LevelError, "a stream of the bridge is gone, and what was in it; it is made anew, empty",
			"find out who deleted it; to have its content back, stop the bridge and restore a backup"}
	case StreamDiffers:
		return words{slog.LevelError, "a stream is not configured as declared; where the event stream or the inventory stream is, nothing is stored in it until it is so again",
			"undo the change, or stop the bridge, move the stream away and start again"}
	case StorageFull:
		return words{slog.LevelWarn, "storage is nearly full; new commands are refused before accepted ones cannot end",
			"make room on the disk, raise the size limit of the stream or account, or shorten how long events are kept"}
	case StorageSpent:
		return words{slog.LevelError, "storage is full; not even a postback can be stored, and its sender is told to come again",
			"raise the size limit of the event stream (BRIDGE_STREAM_MAX_BYTES) or of the account, or shorten how long events are kept"}
	case EventsMissing:
		return words{slog.LevelError, "events are missing from the event stream; commands may look unsent that were sent, so nothing is stored or sent until this process was started again",
			"find out who purged, deleted or replaced the stream; restore a backup, or start every replica with BRIDGE_DISPATCH=paused, which takes the loss as known, run `devicebridge quarantine --before now`, and start again without it"}
	case RequestsCaptured:
		return words{slog.LevelError, "a stream that is not the bridge's listens where it answers requests; JetStream's acknowledgement comes to callers in the place of the bridge's answer",
			"take the subject out of that stream, or delete it; for a record of requests read the events"}
	case ConsumerDiffers:
		return words{slog.LevelError, "a consumer that the bridge works from was changed or deleted; until it is as declared again requests or commands may wait",
			"find out who changed it; if it is not set back within a minute delete it, the bridge makes it again, and nothing is lost or sent twice by that"}
	case ConsumerPaused:
		return words{slog.LevelWarn, "a consumer that the bridge works from is paused on the NATS server; what it delivers waits until the pause is over",
			"let the pause end, or end it with `nats consumer resume`; to pause sending use BRIDGE_DISPATCH=paused"}
	case StoreFailed:
		return words{slog.LevelError, "the embedded NATS server cannot write; nothing is stored until what it wrote lately is on the disk again and it was started anew, which the bridge does once there is space",
			"make room on the disk of the data directory; if the detail tells of an input or output error, see to the disk"}
	default:
		return words{slog.LevelError, string(t), ""}
	}
}

// standing is the troubles there are, each with its detail and its beginning.
type standing struct {
	b       *Bus
	observe func(Trouble, bool)
	since   map[Trouble]time.Time
}

// turn makes seen, which gives each trouble its detail, the troubles there are,
// and tells of each change once.
func (s *standing) turn(ctx context.Context, seen map[Trouble]string) {
	var now, ended []Trouble
	var begun []Trouble
	for _, t := range AllTroubles() {
		_, is := seen[t]
		_, was := s.since[t]
		if is {
			now = append(now, t)
		}
		switch {
		case is && !was:
			begun = append(begun, t)
		case was && !is:
			ended = append(ended, t)
		}
	}
	s.b.watched.mu.Lock()
	s.b.watched.standing, s.b.watched.details = now, maps.Clone(seen)
	s.b.watched.mu.Unlock()
	for _, t := range begun {
		s.since[t] = time.Now()
		w := t.words()
		s.b.log.Log(ctx, w.level, w.what, "trouble", string(t), "detail", seen[t], "help", w.can)
		s.observe(t, true)
	}
	for _, t := range ended {
		s.b.log.InfoContext(ctx, "NATS trouble is over", "trouble", string(t), "lasted", time.Since(s.since[t]).Round(time.Millisecond).String())
		delete(s.since, t)
		s.observe(t, false)
	}
}
