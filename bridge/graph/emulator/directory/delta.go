package directory

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// round is what a token of a delta holds: which changes, for whom, and how far the client has come.
type round struct {
	// Since and Until are the revisions between which the client asks for changes.
	Since uint64 `json:"since"`
	Until uint64 `json:"until"`
	// Known is the revision up to which the client may have heard of devices; above Since after a replay.
	Known uint64 `json:"known"`
	// After is the seq of the last record that was looked at.
	After uint64 `json:"after"`
	// Selected and IDs are the $select and the $filter of the first request.
	Selected []string  `json:"selected"`
	IDs      []string  `json:"ids,omitempty"`
	Issued   time.Time `json:"issued"`
	Epoch    int       `json:"epoch"`
}

const (
	deltaLink = "$deltatoken"
	skipLink  = "$skiptoken"
	// latest is the value of $deltatoken that asks for a link from now on.
	latest = "latest"
)

// delta is GET devices/delta.
func (d *Directory) delta(c call) (result, error) {
	src := d.devices(c)
	src.raw = true
	q, err := parseQuery(c.r.URL.RawQuery, src)
	if err != nil {
		return result{}, err
	}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.round(c, q, now)
	if err != nil {
		return result{}, err
	}
	self := wire.OriginalURL(c.r)
	page := list{Context: query{selected: r.Selected}.context("devices"), Value: []map[string]any{}}
	end := r
	more := c.fault.Kind == FaultEmptyPage
	if !more {
		page.Value, end.After, more = d.changes(src, r)
	}
	if c.fault.Kind == FaultDuplicate && len(page.Value) > 0 {
		page.Value = append(page.Value, page.Value[0])
	}
	if more {
		if c.fault.Kind == FaultReplay {
			end.After = r.After
		}
		token, err := d.sealer.seal(skipLink, end)
		page.NextLink = link(self, nil, skipLink, token)
		return ok(page), err
	}
	end.Known = r.Until
	if c.fault.Kind != FaultReplay {
		end.Since = r.Until
	}
	end.Issued, end.Epoch = now, d.store.epoch
	token, err := d.sealer.seal(deltaLink, end)
	page.DeltaLink = link(self, nil, deltaLink, token)
	return ok(page), err
}

// round reads where the request stands. The first request has no token, or an empty one as in the Location of a reset.
func (d *Directory) round(c call, q query, now time.Time) (round, error) {
	token, skip := q.rest.Get(deltaLink), q.skip
	first := round{Until: d.store.revision, Issued: now, Epoch: d.store.epoch}
	if c.fault.Kind == FaultExpired {
		return round{}, d.expired(c, first)
	}
	if skip != "" && q.rest.Has(deltaLink) {
		return round{}, badRequest("The query options '$skiptoken' and '$deltatoken' exclude each other.")
	}
	if token != "" && token != latest || skip != "" {
		if q.rest.Has("$select") || q.rest.Has("$filter") {
			return round{}, badRequest("Query options belong into the first request of a delta; its links carry them on.")
		}
		return d.resume(c, token, skip, now)
	}
	first.Selected = q.selected
	var err error
	if text := q.rest.Get("$filter"); text != "" {
		first.IDs, err = parseIDs(text)
	}
	if token == latest {
		first.Since, first.Known, first.After = first.Until, first.Until, d.store.seq
	}
	return first, err
}

// resume reads a token of a link.
func (d *Directory) resume(c call, token, skip string, now time.Time) (round, error) {
	var r round
	purpose := deltaLink
	if skip != "" {
		token, purpose = skip, skipLink
	}
	err := d.sealer.open(purpose, token, &r)
	switch {
	case errors.Is(err, errForeign):
		return round{}, d.expired(c, round{})
	case err != nil:
		return round{}, badRequest("The query option '%s' is badly formed; follow the link as it stands.", purpose)
	case r.Epoch != d.store.epoch || now.Sub(r.Issued) > d.opts.DeltaLifetime:
		return round{}, d.expired(c, r)
	}
	if purpose == deltaLink {
		r.Until, r.After, r.Issued = d.store.revision, 0, now
	}
	return r, nil
}

// expired is the answer to a token that is too old, or that another directory gave.
func (d *Directory) expired(c call, r round) error {
	f := &wire.Fail{
		Status: http.StatusGone, Code: "Gone",
		Message: "The delta token is no longer valid; the changes must be read anew from the beginning.",
	}
	switch d.opts.DeltaExpiry {
	case ExpirySyncStateNotFound:
		f.Status, f.Code = http.StatusBadRequest, "syncStateNotFound"
	case ExpiryResyncRequired:
		f.Code = "resyncRequired"
	default:
		options := url.Values{}
		if r.Selected != nil {
			options.Set("$select", strings.Join(r.Selected, ","))
		}
		if len(r.IDs) > 0 {
			options.Set("$filter", writeIDs(r.IDs))
		}
		f.Header = map[string]string{"Location": link(wire.OriginalURL(c.r), options, deltaLink, "")}
	}
	return f
}
