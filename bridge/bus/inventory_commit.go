package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"devicebridge/events"
)

// MaxInventoryCommit is how many events one commit may hold: with the cursor as
// many as the server takes in a batch unless its operator set less.
const MaxInventoryCommit = 999

// CommitInventory stores events of the feed, of as many devices, and the cursor
// that says that they are, and gives the cursor's revision: all of it or, to any
// reader, nothing. expected is the revision of the cursor they were made from, 0
// for none. So of those who read the directory from one cursor one is published,
// and who was overtaken is not, however late it comes.
//
// Errors: events.ErrLost when the cursor or a device is not as expected, or the
// commit is not proven to be stored: read both anew; *events.Error with
// CodeUnavailable when the stream cannot be reached, has no room or is not as
// declared (see Watch); *events.InventoryRefusal when the event of a device can
// never be stored, which wraps an *events.Error with CodeTooLarge where it does not
// fit a message.
// After CodeUnavailable it may be stored all the same, now or later.
func (b *Bus) CommitInventory(ctx context.Context, batch []events.InventoryAppend, cursor []byte, expected uint64) (uint64, error) {
	if why := b.watched.inventory.Load(); why != nil {
		return 0, events.Unavailable(*why)
	}
	if err := b.doubted(); err != nil {
		return 0, err
	}
	if len(batch) > MaxInventoryCommit {
		return 0, fmt.Errorf("commit: %d events, at most %d are allowed", len(batch), MaxInventoryCommit)
	}
	writer := nuid.Next()
	msgs := make([]*nats.Msg, 0, len(batch)+1)
	for _, a := range batch {
		header, body, err := b.subjects.EncodeInventory(a.Event)
		if err != nil {
			return 0, &events.InventoryRefusal{DeviceID: a.Event.DeviceID, Err: err}
		}
		if int64(len(body))+batchHeaders > b.nc.MaxPayload() {
			return 0, &events.InventoryRefusal{DeviceID: a.Event.DeviceID, Err: &events.Error{
				Code: events.CodeTooLarge, Message: fmt.Sprintf("has %d bytes, too many for a NATS message, which takes %d", len(body), b.nc.MaxPayload()),
			}}
		}
		expect(header, b.subjects.InventoryFilter(a.Event.DeviceID), a.Expected)
		msgs = append(msgs, &nats.Msg{Subject: b.subjects.InventoryAppend(a.Event.DeviceID, a.Event.Kind), Header: header, Data: body})
	}
	// The cursor comes last: should a dying server leave a part of a batch behind,
	// that part is read and found published.
	header := nats.Header{}
	expect(header, b.subjects.InventoryCursor(), expected)
	msgs = append(msgs, &nats.Msg{Subject: b.subjects.InventoryCursor(), Header: header, Data: cursor})
	for _, msg := range msgs {
		msg.Header[events.HeaderWriter] = []string{writer}
	}
	return b.store(ctx, write{
		stream: b.subjects.InventoryStream(), filter: b.subjects.InventoryCursor(), what: "the inventory stream",
		writer: writer, expected: expected,
		publish: func(ctx context.Context) (uint64, error) {
			return b.publishBatch(ctx, b.subjects.InventoryStream(), msgs)
		},
		nothing: func(err error) error {
			if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == codeWrongSequence {
				return events.ErrLost // the cursor is as expected, so a device is not
			}
			return nil
		},
	})
}

// batchHeaders is room enough for the headers of an event in a batch: three texts
// of the length of an object id, at most 256 bytes, and what is fixed.
const batchHeaders = 4 << 10
