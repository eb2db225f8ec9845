package events

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// InventoryKind is what an event of the inventory feed tells of a device of the
// directory. It is the last token of the event's subject.
type InventoryKind string

// The kinds of the inventory feed.
const (
	// InventoryCreated: the device is there, for the first time or again.
	InventoryCreated InventoryKind = "created"
	// InventoryUpdated: a member of the device is another than before.
	InventoryUpdated InventoryKind = "updated"
	// InventoryDeleted: the device is gone; the event says why.
	InventoryDeleted InventoryKind = "deleted"
)

// InventoryKinds lists the kinds of the inventory feed.
func InventoryKinds() []InventoryKind {
	return []InventoryKind{InventoryCreated, InventoryUpdated, InventoryDeleted}
}

// The reasons of a deleted event. The first two are those of @removed in Graph's
// page on delta queries, passed on as they came.
const (
	// ReasonChanged: the device was deleted and can be restored.
	ReasonChanged = "changed"
	// ReasonDeleted: the device was deleted for good.
	ReasonDeleted = "deleted"
	// ReasonMissing: a full read of the directory came to its end without the
	// device; Graph did not say what became of it.
	ReasonMissing = "missing"
)

// InventorySchema is the dataschema of every event of the inventory feed.
const InventorySchema = "urn:devicebridge:schema:inventory-device:v1"

const (
	headerReason        = "ce-reason"
	inventoryTypePrefix = "devicebridge.inventory.device."
	devicePath          = "devices/"
)

// InventoryEvent is what the feed says of one device: the latest one of a device
// is its known state.
type InventoryEvent struct {
	Kind InventoryKind
	// DeviceID is the device's object id in the directory.
	DeviceID string
	// Sequence is n: 1, 2, 3… within the device, without gaps.
	Sequence int
	// Time is when the bridge learnt of it.
	Time time.Time
	// Reason is why a deleted device is gone; empty with the other kinds.
	Reason string
	// Device is the whole device as Graph has it, the last known one where it is
	// gone: a JSON object with its id.
	Device json.RawMessage
}

// ID gives the CloudEvents id: "<object id>.<n>". Subscribers de-duplicate on it.
func (e InventoryEvent) ID() string { return e.DeviceID + "." + strconv.Itoa(e.Sequence) }

// InventoryStored is an event of the feed as its stream holds it.
type InventoryStored struct {
	// StreamSequence is the stream's sequence of the event, the value that the next
	// event of this device has to expect.
	StreamSequence uint64
	Event          InventoryEvent
}

// InventoryAppend is an event to be stored after the device's event with the
// stream sequence Expected; 0: as its first.
type InventoryAppend struct {
	Event    InventoryEvent
	Expected uint64
}

// InventoryType gives the CloudEvents type of a kind of the feed:
// devicebridge.inventory.device.<kind>.v1.
func InventoryType(k InventoryKind) string { return inventoryTypePrefix + string(k) + typeSuffix }

// EncodeInventory gives the headers and the body of e, in the form of Encode. The
// reason of a deleted event is the extension attribute ce-reason. The error says
// that the device has no id that a subject can hold.
func (s Subjects) EncodeInventory(e InventoryEvent) (map[string][]string, []byte, error) {
	if !ValidDeviceID(e.DeviceID) {
		return nil, nil, fmt.Errorf("inventory event %q: the object id is empty or too long for a subject", e.ID())
	}
	header := map[string][]string{
		headerSpecVersion: {specVersion},
		headerID:          {headerEscape(e.ID())},
		headerType:        {InventoryType(e.Kind)},
		headerSource:      {s.Source()},
		headerSubject:     {headerEscape(devicePath + e.DeviceID)},
		headerTime:        {e.Time.UTC().Format(time.RFC3339Nano)},
		headerDataSchema:  {InventorySchema},
		headerSequence:    {sequenceText(e.Sequence)},
		HeaderContentType: {contentJSON},
	}
	if e.Reason != "" {
		header[headerReason] = []string{headerEscape(e.Reason)}
	}
	return header, e.Device, nil
}

// DecodeInventory reads an event of the feed, as Decode one of a command.
func DecodeInventory(header map[string][]string, body []byte) (InventoryEvent, error) {
	id := HeaderValue(header, headerID)
	kind, found := strings.CutPrefix(HeaderValue(header, headerType), inventoryTypePrefix)
	kind, versioned := strings.CutSuffix(kind, typeSuffix)
	if !found || !versioned || kind == "" {
		return InventoryEvent{}, fmt.Errorf("not an event of the inventory feed: ce-type is %q", HeaderValue(header, headerType))
	}
	device, found := strings.CutPrefix(HeaderUnescape(HeaderValue(header, headerSubject)), devicePath)
	if !found || device == "" {
		return InventoryEvent{}, fmt.Errorf("event %s: ce-subject is not devices/<object id>", id)
	}
	sequence, err := strconv.Atoi(HeaderValue(header, headerSequence))
	if err != nil || sequence < 1 {
		return InventoryEvent{}, fmt.Errorf("event %s: ce-sequence is not a number from 1 on", id)
	}
	at, err := time.Parse(time.RFC3339Nano, HeaderValue(header, headerTime))
	if err != nil {
		return InventoryEvent{}, fmt.Errorf("event %s: ce-time: %w", id, err)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return InventoryEvent{}, fmt.Errorf("event %s: the body is not a device", id)
	}
	return InventoryEvent{
		Kind: InventoryKind(kind), DeviceID: device, Sequence: sequence, Time: at,
		Reason: HeaderUnescape(HeaderValue(header, headerReason)), Device: body,
	}, nil
}

// InventoryRefusal says that the event of one device cannot be stored, whenever it
// is tried.
type InventoryRefusal struct {
	// DeviceID is the device's object id.
	DeviceID string
	// Err says why.
	Err error
}

// Error names the device and says why.
func (e *InventoryRefusal) Error() string { return fmt.Sprintf("device %q: %v", e.DeviceID, e.Err) }

// Unwrap gives why.
func (e *InventoryRefusal) Unwrap() error { return e.Err }
