package directory

import (
	"net/http"
	"strconv"
	"strings"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// metadata is the context of Graph's samples, up to what it is of.
const metadata = "https://graph.microsoft.com/v1.0/$metadata#"

func (d *Directory) devices(c call) source {
	return source{schema: d.store.schema, options: c.op.options, knows: func(name string) bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.store.open[name]
	}}
}

// list is GET devices and GET devices/$count.
func (d *Directory) list(c call) (result, error) {
	src := d.devices(c)
	q, err := parseQuery(c.r.URL.RawQuery, src)
	if err != nil {
		return result{}, err
	}
	counted := c.route.op == OpCount
	if err := q.checkConsistency(c.r.Header, q.advanced(src), counted); err != nil {
		return result{}, err
	}
	d.mu.Lock()
	var items []item
	for _, r := range d.store.all() {
		items = append(items, item{seq: r.seq, object: r.device, links: r.links})
	}
	d.mu.Unlock()
	found := q.matching(items)
	if counted {
		return number(len(found)), nil
	}
	page, body, err := d.newList(c, q, "devices", found)
	if err != nil {
		return result{}, err
	}
	for _, it := range page {
		view := src.project(it.object, q.selected)
		d.expand(view, q.expand, it.links)
		body.Value = append(body.Value, view)
	}
	return ok(body), nil
}

// newList gives the page of found that is asked for, and the body around it.
func (d *Directory) newList(c call, q query, set string, found []item) ([]item, list, error) {
	page, token, err := d.page(q, c.r.URL.Path, found, d.opts.PageSize)
	if err != nil {
		return nil, list{}, err
	}
	body := list{
		Context:  q.context(set),
		NextLink: nextLink(wire.OriginalURL(c.r), q.rest, "$skiptoken", token),
		Value:    []map[string]any{},
	}
	if q.count && q.skip == "" {
		n := len(found)
		body.Count = &n
	}
	return page, body, nil
}

// context is the @odata.context of a list of the entity set.
func (q query) context(set string) string {
	var parts []string
	parts = append(parts, q.selected...)
	if q.expand != nil {
		parts = append(parts, string(q.expand.op)+"("+strings.Join(q.expand.selected, ",")+")")
	}
	if len(parts) > 0 {
		set += "(" + strings.Join(parts, ",") + ")"
	}
	return metadata + set
}

func number(n int) result { return result{status: http.StatusOK, text: strconv.Itoa(n)} }

// get is GET devices/{id}.
func (d *Directory) get(c call) (result, error) {
	src := d.devices(c)
	q, err := parseQuery(c.r.URL.RawQuery, src)
	if err != nil {
		return result{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.store.living(c.key)
	if r == nil {
		return result{}, notFound(c.key.String())
	}
	view := src.project(r.device, q.selected)
	d.expand(view, q.expand, r.links)
	view["@odata.context"] = q.context("devices") + "/$entity"
	return ok(view), nil
}
