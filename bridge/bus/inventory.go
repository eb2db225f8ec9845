package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// LatestInventory gives the latest event of a device of the inventory feed, as the
// stream's leader has it. Errors: *events.Error with CodeNotFound for a device
// that the feed never published, or CodeUnavailable when the leader does not
// answer.
func (b *Bus) LatestInventory(ctx context.Context, deviceID string) (events.InventoryStored, error) {
	raw, err := b.lastOf(ctx, b.subjects.InventoryStream(), b.subjects.InventoryFilter(deviceID))
	if events.HasCode(err, events.CodeNotFound) {
		return events.InventoryStored{}, events.NotFound("no such device in the inventory")
	}
	if err != nil {
		return events.InventoryStored{}, err
	}
	header, err := nats.DecodeHeadersMsg(raw.Header)
	if err != nil {
		return events.InventoryStored{}, fmt.Errorf("read device %s: %w: header: %w", deviceID, events.ErrUnreadable, err)
	}
	event, err := events.DecodeInventory(header, raw.Data)
	if err == nil && event.DeviceID != deviceID {
		err = errors.New("its subject and its headers name two devices")
	}
	if err != nil {
		return events.InventoryStored{}, fmt.Errorf("stream sequence %d: %w: %w", raw.Sequence, events.ErrUnreadable, err)
	}
	return events.InventoryStored{StreamSequence: raw.Sequence, Event: event}, nil
}

// EachInventory calls see with the object id of every device that the feed ever
// published, gone or not, in no order; an error from it ends that and is given
// back. The error is an *events.Error with CodeUnavailable when the stream's leader
// does not answer.
func (b *Bus) EachInventory(ctx context.Context, see func(deviceID string) error) error {
	subjects, err := b.inventorySubjects(ctx)
	if err != nil {
		b.log.Debug("inventory: stream info failed", "error", err)
		return unavailable("the inventory stream does not answer", err)
	}
	seen := map[string]bool{}
	for subject := range subjects {
		id, _, ok := b.subjects.ParseInventory(subject)
		if !ok || seen[id] {
			continue
		}
		seen[id] = true
		if err := see(id); err != nil {
			return err
		}
	}
	return nil
}

// inventorySubjects gives the subjects of the feed that have messages, by the
// stream's leader, which answers in pieces where there are very many.
func (b *Bus) inventorySubjects(ctx context.Context) (map[string]uint64, error) {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	stream, err := b.js.Stream(ctx, b.subjects.InventoryStream())
	if err != nil {
		return nil, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(b.subjects.InventoryTree()))
	if err != nil {
		return nil, err
	}
	return info.State.Subjects, nil
}

// InventoryCursor gives the record of how far the directory was read, and its
// revision, as the stream's leader has them; nil and 0 where there is none. The
// error is an *events.Error with CodeUnavailable when the leader does not answer.
func (b *Bus) InventoryCursor(ctx context.Context) (cursor []byte, revision uint64, err error) {
	raw, err := b.lastOf(ctx, b.subjects.InventoryStream(), b.subjects.InventoryCursor())
	if events.HasCode(err, events.CodeNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return raw.Data, raw.Sequence, nil
}
