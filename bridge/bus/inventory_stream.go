package bus

import (
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// inventoryKept is how many events of a kind are kept of a device, for consumers
// that were away. The latest is the device's known state.
const inventoryKept = 3

// inventoryStream holds the known state of the directory's devices, and beside it
// how far the directory was read: what is known and what was read are stored,
// lost and restored together. Nothing ages out of it, since a device that was
// forgotten would be published as created again.
func inventoryStream(s events.Subjects, o StreamOptions) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        s.InventoryStream(),
		Description: "the devices of the directory; the latest event of a device is its known state",
		Subjects:    s.InventorySubjects(),
		// As in the event stream: only what is stored is seen. The cursor is not under
		// the source, so it stays where it is and is not sent on.
		SubjectTransform:   &jetstream.SubjectTransformConfig{Source: s.InventoryAppendTree(), Destination: s.InventoryTree()},
		RePublish:          &jetstream.RePublish{Source: s.InventoryTree(), Destination: s.InventoryTree()},
		Retention:          jetstream.LimitsPolicy,
		Storage:            jetstream.FileStorage,
		Discard:            jetstream.DiscardNew,
		MaxMsgsPerSubject:  inventoryKept,
		MaxBytes:           o.InventoryMaxBytes,
		Duplicates:         leastWindow,
		Replicas:           o.Replicas,
		AllowDirect:        true,
		AllowAtomicPublish: true,
	}
}
