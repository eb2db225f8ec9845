package graph

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// DeltaQuery is what a delta query takes in its first request; Graph keeps it in
// the links that follow.
type DeltaQuery struct {
	Select []string
	// Filter takes only "id eq '…'", joined by "or".
	Filter string
	// Latest begins with no device and the changes from now on.
	Latest bool
}

// DeltaPage is a page of changes. It has exactly one of the two links.
type DeltaPage struct {
	// Changes are in Graph's order. A device may come more than once, the later
	// change the newer.
	Changes []DeltaChange
	// NextLink has the next page of this round.
	NextLink string
	// DeltaLink ends the round and begins the next one, whenever that is wanted.
	DeltaLink string
}

// DeltaChange is what a page says of one device.
type DeltaChange struct {
	// ID is the object id; empty where Graph gave none, or one that is no text.
	ID string
	// Device is the JSON value as Graph sent it: of a device that changed, an object
	// with the members that did. It is nil where the device was removed.
	Device json.RawMessage
	// Reason is Graph's, where the device was removed: "changed" where it can be
	// restored, "deleted" where it cannot.
	Reason string
}

// ResyncError says that Graph no longer knows what came before a delta link, and
// all must be read anew. Graph's pages on delta queries give two forms of it:
// 410, with or without a Location, and a 4xx with the code syncStateNotFound or
// resyncRequired; Directory_ExpiredPageToken was seen as well.
type ResyncError struct {
	// Restart is the link to begin anew with, where Graph gave one; else begin
	// without a link.
	Restart string
	Err     *Error
}

// Error gives what Graph answered.
func (e *ResyncError) Error() string { return "read all devices anew: " + e.Err.Error() }

// Unwrap gives Graph's answer.
func (e *ResyncError) Unwrap() error { return e.Err }

// DeltaLink gives the first request of a delta query: Graph's page device-delta.
func (d *Directory) DeltaLink(q DeltaQuery) string {
	options := Query{Select: q.Select, Filter: q.Filter}.options()
	if q.Latest {
		options = append(options, option{"deltatoken", "latest"})
	}
	return withQuery(d.root()+"/delta", options)
}

// Delta GETs a page of changes: that of DeltaLink, or of a NextLink or DeltaLink
// before; "" begins with every device and all that Graph gives of each. A link
// that is too old is a *ResyncError; the other errors are as in Devices, where a
// *LinkError is about the next link or the delta link.
func (d *Directory) Delta(ctx context.Context, link string) (DeltaPage, error) {
	const operation = opDeltaDirectory
	if link == "" {
		link = d.DeltaLink(DeltaQuery{})
	}
	target, err := d.inside(link)
	if err != nil {
		return DeltaPage{}, fail(operation, err)
	}
	current := &call{operation: operation}
	body, err := d.client.read(ctx, target, current)
	if err != nil {
		return DeltaPage{}, fail(operation, d.resync(target, current, err))
	}
	page, err := d.deltaPage(target, body)
	if err != nil {
		return page, fail(operation, err)
	}
	return page, nil
}

// resync gives err, as a *ResyncError where it says that.
func (d *Directory) resync(target string, current *call, err error) error {
	answer, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	refused := answer.StatusCode >= 400 && answer.StatusCode <= 499
	stale := refused && (answer.HasCode("syncStateNotFound") || answer.HasCode("resyncRequired") || answer.expired())
	if answer.StatusCode != http.StatusGone && !stale {
		return err
	}
	// A Location that leads elsewhere counts as none.
	restart, _ := d.onward(target, current.last.resp.Header.Get("Location"))
	return &ResyncError{Restart: restart, Err: answer}
}

// changeOf reads one entry of a page. Whatever it is, the others can be read.
func changeOf(entry json.RawMessage) DeltaChange {
	var device struct {
		ID      json.RawMessage `json:"id"`
		Removed json.RawMessage `json:"@removed"`
	}
	change := DeltaChange{Device: entry}
	if json.Unmarshal(entry, &device) != nil {
		return change
	}
	_ = json.Unmarshal(device.ID, &change.ID) // one that is no text is none
	if len(device.Removed) > 0 && string(device.Removed) != "null" {
		var removed struct {
			Reason string `json:"reason"`
		}
		_ = json.Unmarshal(device.Removed, &removed) // without a reason it is removed too
		change.Device, change.Reason = nil, removed.Reason
	}
	return change
}

func (d *Directory) deltaPage(target string, body []byte) (DeltaPage, error) {
	list, err := parseCollection(body)
	if err != nil {
		return DeltaPage{}, err
	}
	var page DeltaPage
	for _, raw := range *list.Value {
		page.Changes = append(page.Changes, changeOf(raw))
	}
	if (list.NextLink == "") == (list.DeltaLink == "") {
		return DeltaPage{}, errors.New("the answer must have either a next link or a delta link")
	}
	if page.NextLink, err = d.onward(target, string(list.NextLink)); err != nil {
		return page, err
	}
	if page.DeltaLink, err = d.onward(target, string(list.DeltaLink)); err != nil {
		return page, err
	}
	return page, nil
}
