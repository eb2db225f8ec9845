package inventory

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"devicebridge/events"
)

// news is what a page says of one device, in its order.
type news struct {
	id      string
	changes []Change
	// whole: the first change is all there is of the device, see merge.
	whole bool
}

// next gives the event that follows the known one from what a page says of the
// device, and false when there is nothing to tell. known is the device's latest
// event, its zero value where there is none. A page makes one event of a device
// at most: what was so only between two of its changes was never the state that
// anybody could have asked Graph for.
func next(known events.InventoryEvent, n news, at time.Time) (events.InventoryEvent, bool, error) {
	was := known.Kind == events.InventoryCreated || known.Kind == events.InventoryUpdated
	before := object{}
	if known.Device != nil {
		var err error
		if before, err = read(known.Device); err != nil {
			return events.InventoryEvent{}, false, deviceError{fmt.Errorf("was stored as event %s, which cannot be read: %w", known.ID(), err)}
		}
	}
	device, is, reason := before, was, ""
	for i, change := range n.changes {
		if change.Device == nil {
			is, reason = false, change.Reason
			continue
		}
		members, err := read(change.Device)
		if err != nil {
			return events.InventoryEvent{}, false, deviceError{fmt.Errorf("cannot be read: %w", err)}
		}
		device, is = merge(device, members, n.whole && i == 0), true
	}
	kind := events.InventoryUpdated
	switch {
	case !was && !is:
		return events.InventoryEvent{}, false, nil
	case !is:
		kind = events.InventoryDeleted
	case !was:
		kind = events.InventoryCreated
	default:
		if equal, err := same(before, device); err != nil || equal {
			if err != nil {
				err = deviceError{err}
			}
			return events.InventoryEvent{}, false, err
		}
	}
	body, err := write(device)
	if err != nil {
		return events.InventoryEvent{}, false, deviceError{fmt.Errorf("cannot be written: %w", err)}
	}
	return event(known, n.id, kind, body, reason, at), true, nil
}

// missing gives the event that a device which is known, and was not seen in a full
// read, is gone; false where it is gone already.
func missing(known events.InventoryEvent, at time.Time) (events.InventoryEvent, bool) {
	if known.Kind == events.InventoryDeleted || known.Sequence == 0 {
		return events.InventoryEvent{}, false
	}
	return event(known, known.DeviceID, events.InventoryDeleted, known.Device, events.ReasonMissing, at), true
}

func event(known events.InventoryEvent, id string, kind events.InventoryKind, body json.RawMessage, reason string, at time.Time) events.InventoryEvent {
	e := events.InventoryEvent{Kind: kind, DeviceID: id, Sequence: known.Sequence + 1, Time: at, Device: body}
	if kind == events.InventoryDeleted {
		e.Reason = cmp.Or(reason, events.ReasonDeleted)
	}
	return e
}

// byDevice sorts the changes of a page by device, in the order in which the
// devices first come. Of those whose device has no object id it returns why.
func byDevice(changes []Change, whole func(id string) bool) (list []news, nameless []error) {
	at := map[string]int{}
	for _, change := range changes {
		id, err := change.id()
		if err != nil {
			nameless = append(nameless, err)
			continue
		}
		i, found := at[id]
		if !found {
			i = len(list)
			at[id] = i
			list = append(list, news{id: id, whole: whole(id)})
		}
		list[i].changes = append(list[i].changes, change)
	}
	return list, nameless
}

// id gives the object id of the device; the error follows the device's name.
func (c Change) id() (string, error) {
	id := c.ID
	if c.Device != nil {
		var device struct {
			ID json.RawMessage `json:"id"`
		}
		if json.Unmarshal(c.Device, &device) != nil || string(c.Device) == "null" {
			return "", errors.New("is no JSON object")
		}
		if len(device.ID) > 0 && json.Unmarshal(device.ID, &id) != nil {
			return "", fmt.Errorf("has an id that is no text: %s", device.ID)
		}
	}
	if id == "" {
		return "", errors.New("has no member id, or an empty one")
	}
	return id, nil
}
