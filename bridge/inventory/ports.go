package inventory

import (
	"context"
	"encoding/json"
	"fmt"

	"devicebridge/events"
)

// Source reads the directory.
type Source interface {
	// Delta reads the page at a link that an earlier page gave, or the first of all
	// devices where link is empty. The error is a *ResyncError when Graph cannot go
	// on from the link, and a *WaitError when Graph asks to be left alone for a time;
	// any other lets the feed wait as long as between two looks.
	Delta(ctx context.Context, link string) (Page, error)
}

// Page is one page of a delta query: Graph's page on delta queries.
type Page struct {
	// Changes are in Graph's order; of one device the later is the newer.
	Changes []Change
	// Next is the link of the page after this one (@odata.nextLink), Link where the
	// next round begins (@odata.deltaLink). A page has one of the two.
	Next, Link string
}

// Change is what a page says of one device.
type Change struct {
	// ID is the object id of a removed device; of any other Device has it.
	ID string
	// Device is a JSON object with the members that Graph gave; nil: the device is
	// removed.
	Device json.RawMessage
	// Reason is Graph's, of a removed device: "changed" or "deleted".
	Reason string
}

// ResyncError says that Graph cannot go on from a link, so that everything is to
// be read anew: 410 Gone, syncStateNotFound, resyncRequired, or a link that Graph
// refuses or another Graph gave.
type ResyncError struct {
	// Restart is the link that Graph gave to begin anew with; empty: begin without.
	Restart string
	// Err is what Graph answered.
	Err error
}

// Error says that and what Graph answered.
func (e *ResyncError) Error() string {
	return fmt.Sprintf("the directory has to be read anew: %v", e.Err)
}

// Unwrap gives what Graph answered.
func (e *ResyncError) Unwrap() error { return e.Err }

// Feed is the stream of the feed with its cursor.
type Feed interface {
	// InventoryCursor gives the cursor and its revision from the stream's leader; nil
	// and 0 where there is none.
	InventoryCursor(ctx context.Context) (cursor []byte, revision uint64, err error)
	// CommitInventory stores events, at most one of a device, and the cursor, all or
	// nothing, where the cursor's revision is the expected one. events.ErrLost: it is
	// not, or a device is not as its event expects. An *events.InventoryRefusal: the
	// event of that one device cannot be stored, ever, and nothing was. Otherwise an
	// error leaves open whether it was stored.
	CommitInventory(ctx context.Context, batch []events.InventoryAppend, cursor []byte, expected uint64) (revision uint64, err error)
}

// Devices are the known states in that stream.
type Devices interface {
	// LatestInventory reads the latest event of a device from the stream's leader;
	// *events.Error with CodeNotFound where there is none.
	LatestInventory(ctx context.Context, deviceID string) (events.InventoryStored, error)
	// EachInventory calls see for every device that has an event.
	EachInventory(ctx context.Context, see func(deviceID string) error) error
}
