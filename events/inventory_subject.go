package events

import (
	"net/url"
	"strings"
)

// Inventory gives the public subject of an event of the inventory feed: where it
// is stored and republished. deviceID is the directory's object id.
func (s Subjects) Inventory(deviceID string, kind InventoryKind) string {
	return s.join("inventory", DeviceToken(deviceID), string(kind))
}

// InventoryTree is the filter for every event of the inventory feed; it is also
// the destination of its stream's transform and the subject of its republish.
func (s Subjects) InventoryTree() string { return s.join("inventory.>") }

// InventoryFilter is the filter for the events of one device of the feed. It is
// also the one spelling of the compare-and-set filter, see CommandFilter.
func (s Subjects) InventoryFilter(deviceID string) string {
	return s.join("inventory", DeviceToken(deviceID), ">")
}

// InventoryAppend gives the subject on which the bridge, and nobody else,
// publishes an event of the feed; the stream stores it under Inventory. It is in
// AppendTree, and longer than what the event stream listens on.
func (s Subjects) InventoryAppend(deviceID string, kind InventoryKind) string {
	return s.join("append.inventory.device", DeviceToken(deviceID), string(kind))
}

// InventoryAppendTree is the source of the inventory stream's transform.
func (s Subjects) InventoryAppendTree() string { return s.join("append.inventory.device.>") }

// InventoryCursor is the subject, of the inventory stream too, of the record of
// how far the directory was read. It is stored as it is and not republished.
func (s Subjects) InventoryCursor() string { return s.join("append.inventory.cursor") }

// InventorySubjects is what the inventory stream listens on.
func (s Subjects) InventorySubjects() []string {
	return []string{s.join("append.inventory.device.*.*"), s.InventoryCursor()}
}

// InventoryStream names the stream that holds the known state of the directory's
// devices.
func (s Subjects) InventoryStream() string { return s.stream("INVENTORY") }

// ParseInventory takes the public subject of an event of the feed apart. ok is
// false when subject is not one of this prefix.
func (s Subjects) ParseInventory(subject string) (deviceID string, kind InventoryKind, ok bool) {
	rest, found := strings.CutPrefix(subject, s.join("inventory."))
	token, last, two := strings.Cut(rest, ".")
	if !found || !two || strings.Contains(last, ".") {
		return "", "", false
	}
	deviceID, err := url.PathUnescape(token)
	if err != nil || DeviceToken(deviceID) != token {
		return "", "", false
	}
	return deviceID, InventoryKind(last), true
}
