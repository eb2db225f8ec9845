package bus

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// leastConsumers is how many consumers a stream must let there be: the bridge has one
	// of its own, and some that live for a list or a sweep.
	leastConsumers = 16
	// leastIdle is how long the consumer that lives longest may be idle, see reader.
	leastIdle = time.Minute
	// leastMessage is how large a message must be able to be, in bytes: a record has 24
	// KiB beside the request. leastChunk is the same of a stream of payloads, which are
	// stored in chunks.
	leastMessage = 64 << 10
	leastChunk   = maxChunk + 16<<10
)

// undeclared returns, as compare does, what the bridge leaves unset on a stream and what
// makes storing impossible, or a promise void, where somebody sets it. What else there
// is on a stream, such as its placement, compression or deny_delete, is the operator's.
func undeclared(have, want jetstream.StreamConfig) []difference {
	return []difference{
		{"sealed", have.Sealed, want.Sealed, true},
		{"no ack", have.NoAck, want.NoAck, false},
		{"max message size", tooSmall(have), "", false},
		{"max messages", unlimited(have.MaxMsgs), unlimited(want.MaxMsgs), false},
		{"messages per subject", unlimited(have.MaxMsgsPerSubject), unlimited(want.MaxMsgsPerSubject), false},
		{"discard new per subject", have.DiscardNewPerSubject, want.DiscardNewPerSubject, false},
		{"mirror", have.Mirror != nil, want.Mirror != nil, true},
		{"sources", len(have.Sources), len(want.Sources), false},
		// A marker in the place of the last event of a subject would pass for an event.
		{"subject delete marker", have.SubjectDeleteMarkerTTL, want.SubjectDeleteMarkerTTL, false},
		{"message counter", have.AllowMsgCounter, want.AllowMsgCounter, true},
		// An acknowledgement would come before the message is stored.
		{"persist mode", persistMode(have), persistMode(want), true},
		{"max consumers", tooFew(have.MaxConsumers), "", true},
		{"consumer limits", tooTight(have.ConsumerLimits), "", false},
	}
}

// withoutUndeclared returns have with that set back, as far as the server lets it be.
func withoutUndeclared(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	have.NoAck = want.NoAck
	if tooSmall(have) != "" {
		have.MaxMsgSize = want.MaxMsgSize
	}
	have.MaxMsgs = want.MaxMsgs
	have.MaxMsgsPerSubject = want.MaxMsgsPerSubject
	have.DiscardNewPerSubject = want.DiscardNewPerSubject
	have.Sources = want.Sources
	have.SubjectDeleteMarkerTTL = want.SubjectDeleteMarkerTTL
	if tooTight(have.ConsumerLimits) != "" {
		have.ConsumerLimits = want.ConsumerLimits
	}
	return have
}

// unlimited returns 0 for each of the values that mean no limit.
func unlimited(limit int64) int64 { return max(limit, 0) }

func persistMode(c jetstream.StreamConfig) string {
	if c.PersistMode == jetstream.AsyncPersistMode {
		return "async"
	}
	return "default"
}

// tooSmall says how large a message of a stream may be, where that is too little. A
// larger limit is the operator's: what does not fit is refused.
func tooSmall(c jetstream.StreamConfig) string {
	least := int32(leastMessage)
	if strings.HasPrefix(c.Name, objectStream("")) {
		least = leastChunk
	}
	if c.MaxMsgSize <= 0 || c.MaxMsgSize >= least {
		return ""
	}
	return fmt.Sprintf("%d bytes, at least %d are needed", c.MaxMsgSize, least)
}

// tooFew says how many consumers a stream may have, where that is too few.
func tooFew(consumers int) string {
	if consumers <= 0 || consumers >= leastConsumers {
		return ""
	}
	return fmt.Sprintf("%d, at least %d are needed", consumers, leastConsumers)
}

// tooTight says which limits of consumers do not let the bridge have its own.
func tooTight(limits jetstream.StreamConsumerLimits) string {
	switch {
	case limits.MaxAckPending > 0 && limits.MaxAckPending < maxAckPending:
		return fmt.Sprintf("max_ack_pending %d, at least %d is needed", limits.MaxAckPending, maxAckPending)
	case limits.InactiveThreshold > 0 && limits.InactiveThreshold < leastIdle:
		return fmt.Sprintf("inactive_threshold %s, at least %s is needed", limits.InactiveThreshold, leastIdle)
	default:
		return ""
	}
}
