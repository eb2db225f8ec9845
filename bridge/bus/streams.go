package bus

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// StreamOptions are what an operator may choose about the streams.
type StreamOptions struct {
	// Replicas of each stream. Zero: 1.
	Replicas int
	// MaxAge is how long a command's events, and with them its idempotency and its
	// response payload, are kept. Zero: 7 days.
	MaxAge time.Duration
	// MaxBytes bounds the event stream; the intake, the timers and the payloads have a
	// quarter of it each. Zero: 1 GiB, or what lets all of them fit
	// into MaxStore if that is less: half of it, four ninths with the inventory.
	MaxBytes int64
	// MaxStore is the embedded server's limit; zero with an external server.
	MaxStore int64
	// Inventory declares the stream of the inventory feed too.
	Inventory bool
	// InventoryMaxBytes bounds that stream, which forgets no device. Zero: a quarter
	// of MaxBytes.
	InventoryMaxBytes int64
}

const (
	defaultMaxAge   = 7 * 24 * time.Hour
	defaultMaxBytes = 1 << 30
	// leastWindow is the shortest de-duplication window a stream may have. Events
	// carry no Nats-Msg-Id, and on the intake a window would swallow a
	// conflicting repeat unseen.
	leastWindow = 100 * time.Millisecond
)

func (o StreamOptions) withDefaults() StreamOptions {
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	if o.MaxAge == 0 {
		o.MaxAge = defaultMaxAge
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
		switch {
		case o.MaxStore > 0 && o.Inventory:
			o.MaxBytes = min(o.MaxBytes, o.MaxStore*4/9)
		case o.MaxStore > 0:
			o.MaxBytes = min(o.MaxBytes, o.MaxStore/2)
		}
	}
	if o.InventoryMaxBytes == 0 {
		o.InventoryMaxBytes = o.MaxBytes / 4
	}
	return o
}

// declared is every stream the bridge needs, as data.
func declared(s events.Subjects, o StreamOptions) []jetstream.StreamConfig {
	o = o.withDefaults()
	streams := []jetstream.StreamConfig{
		{
			Name:        s.EventStream(),
			Description: "every event of every device command; the latest event of a command is its state",
			// The bridge appends here; the transform stores under the public subject and
			// the republish sends from there, so that a plain subscriber never sees an
			// append that lost its race.
			Subjects:           []string{s.Appends()},
			SubjectTransform:   &jetstream.SubjectTransformConfig{Source: s.AppendTree(), Destination: s.EventTree()},
			RePublish:          &jetstream.RePublish{Source: s.EventTree(), Destination: s.EventTree()},
			Retention:          jetstream.LimitsPolicy,
			Storage:            jetstream.FileStorage,
			Discard:            jetstream.DiscardNew,
			MaxAge:             o.MaxAge,
			MaxBytes:           o.MaxBytes,
			Duplicates:         leastWindow,
			Replicas:           o.Replicas,
			AllowDirect:        true,
			AllowAtomicPublish: true,
		},
		{
			Name:        s.IntakeStream(),
			Description: "requests for device commands, taken once each by the bridge",
			Subjects:    []string{s.Intake()},
			Retention:   jetstream.WorkQueuePolicy,
			Storage:     jetstream.FileStorage,
			Discard:     jetstream.DiscardNew,
			MaxBytes:    o.MaxBytes / 4,
			Duplicates:  leastWindow,
			Replicas:    o.Replicas,
			AllowDirect: true,
		},
		{
			// Schedules cannot be combined with DiscardNew; they are hints, and small.
			Name:              s.TimerStream(),
			Description:       "when to look at a command again; internal",
			Subjects:          s.TimerSubjects(),
			Retention:         jetstream.WorkQueuePolicy,
			Storage:           jetstream.FileStorage,
			Discard:           jetstream.DiscardOld,
			MaxBytes:          o.MaxBytes / 4,
			Duplicates:        leastWindow,
			Replicas:          o.Replicas,
			AllowMsgSchedules: true,
			// With schedules the server sets it in any case.
			AllowRollup: true,
		},
		payloadStream(s.ResponseBucket(), o),
		stateStream(s.StateBucket(), o),
	}
	if o.Inventory {
		streams = append(streams, inventoryStream(s, o))
	}
	return streams
}

// payloadStream is the stream under the object store of response payloads, in the
// form in which the client libraries make and recognise one.
func payloadStream(bucket string, o StreamOptions) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        objectStream(bucket),
		Description: "response payloads that fit no message; the response event of the command names its object",
		Subjects:    []string{chunkSubject(bucket, ">"), objectsOf(bucket) + "M.>"},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardNew,
		MaxAge:      o.MaxAge,
		MaxBytes:    o.MaxBytes / 4,
		Duplicates:  leastWindow,
		Replicas:    o.Replicas,
		AllowDirect: true,
		AllowRollup: true,
	}
}

// Complete gives the options with what they say by default in its place.
func (o StreamOptions) Complete() StreamOptions { return o.withDefaults() }
