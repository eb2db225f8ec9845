package directory

import (
	"errors"
	"slices"
	"strings"

	"devicebridge/bridge/graph/emulator/internal/odata"
)

// changes gives a page of a round, the seq up to which it goes, and whether there is more. The caller holds the lock.
//
// Records are looked at in the order of their creation, which never changes; so whatever happens between two pages, no
// change up to the round's end is left out, and what happens after it comes in the next round.
func (d *Directory) changes(src source, r round) (page []map[string]any, after uint64, more bool) {
	page, after = []map[string]any{}, r.After
	first, _ := slices.BinarySearchFunc(d.store.records, r.After+1, func(rec *record, seq uint64) int {
		if rec.seq < seq {
			return -1
		}
		return 1
	})
	for _, rec := range d.store.records[first:] {
		view := r.view(src, rec)
		switch {
		case view == nil:
		case len(page) == d.opts.DeltaPageSize:
			return page, after, true
		default:
			page = append(page, view)
		}
		after = rec.seq
	}
	return page, after, false
}

// view is what the round tells of a device, nil when nothing: all of it when it is new to the client, the members that
// changed when it is not, and @removed when it has gone.
func (r round) view(src source, rec *record) map[string]any {
	id := rec.device.ID()
	isNew := rec.created > r.Since
	switch {
	case len(r.IDs) > 0 && indexFold(r.IDs, id) < 0:
		return nil
	case rec.deleted != 0:
		if rec.born > r.Known || rec.deleted <= r.Since || rec.deleted > r.Until {
			return nil
		}
		return map[string]any{"id": id, "@removed": map[string]string{"reason": rec.reason}}
	case rec.created > r.Until:
		return nil
	case isNew:
		return src.project(rec.device, r.Selected)
	}
	view := map[string]any{}
	within := false
	for _, name := range rec.touched(r.Since) {
		p, known := src.schema.find(name)
		if r.Selected != nil && !slices.Contains(r.Selected, name) || r.Selected == nil && known && p.has("selectOnly") {
			continue
		}
		view[name] = rec.device[name]
		within = within || rec.changed[name] <= r.Until
	}
	if !within {
		return nil
	}
	view["id"] = id
	return view
}

// parseIDs reads the only filter that a delta takes: id eq '…' or id eq '…'.
func parseIDs(text string) ([]string, error) {
	e, err := odata.Parse(text)
	if fault, ok := errors.AsType[*odata.Error](err); ok {
		return nil, badRequest("Invalid filter clause: %v.", fault)
	}
	var ids []string
	err = odata.Walk(e, func(e odata.Expr, _ bool) error {
		switch e := e.(type) {
		case odata.Or:
			return nil
		case odata.Compare:
			id, isText := e.Value.(string)
			if e.Op == "eq" && e.Path.String() == "id" && isText {
				ids = append(ids, id)
				return nil
			}
		}
		return unsupportedQuery("The $filter of a delta must be of the form: id eq '{id}' or id eq '{id}'.")
	})
	return ids, err
}

// writeIDs is the filter that parseIDs reads.
func writeIDs(ids []string) string {
	clauses := make([]string, len(ids))
	for i, id := range ids {
		clauses[i] = "id eq '" + strings.ReplaceAll(id, "'", "''") + "'"
	}
	return strings.Join(clauses, " or ")
}
