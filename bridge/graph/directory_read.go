package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"devicebridge/events"
)

// DevicePage is a page of devices. What of them is of another type than Graph's pages
// say is kept as it came.
type DevicePage struct {
	Devices []events.DirectoryDevice
	// Count is how many match in all, where Graph says so: on the first page only.
	Count *int64
	// Next has the next page; nil after the last. A page may be empty and have a next.
	Next *Link
}

// DevicesLink gives the first page of the devices that match.
func (d *Directory) DevicesLink(q Query) Link { return q.link(d.root()) }

// Devices GETs a page of devices: the one of DevicesLink, or the Next of one
// before. A link that does not lead to the directory's devices is an
// *ArgumentError; the error wraps an *Error where Graph answered, and a *LinkError
// where it answered with a next link that is not followed: then the page is there
// beside the error.
func (d *Directory) Devices(ctx context.Context, link Link) (DevicePage, error) {
	const operation = opListDirectory
	page, next, err := d.readPage(ctx, operation, link)
	if err != nil && page.Value == nil {
		return DevicePage{}, fail(operation, err)
	}
	devices, leftOut, ok := objectsOf[events.DirectoryDevice](*page.Value)
	if !ok {
		return DevicePage{}, fail(operation, errNoList)
	}
	d.tellLeftOut(operation, leftOut)
	result := DevicePage{Devices: devices, Count: countOf(page.Count), Next: next}
	if err != nil {
		return result, fail(operation, err)
	}
	return result, nil
}

// Device GETs one device; of q only Select and Expand count. For one that is not
// there, see IsNotFound.
func (d *Directory) Device(ctx context.Context, key DeviceKey, q Query) (events.DirectoryDevice, error) {
	const operation = opGetDirectory
	target, err := d.objectURL(key)
	if err != nil {
		return events.DirectoryDevice{}, fail(operation, err)
	}
	target = withQuery(target, Query{Select: q.Select, Expand: q.Expand}.options())
	body, err := d.client.get(ctx, operation, target)
	if err != nil {
		return events.DirectoryDevice{}, fail(operation, err)
	}
	device, err := parseDevice(body)
	if err != nil {
		return events.DirectoryDevice{}, fail(operation, err)
	}
	return device, nil
}

// CountDevices GETs how many devices match; of q only Filter and Search count.
// Graph's page on advanced queries has $count as a segment answer only with
// ConsistencyLevel, and in plain text.
func (d *Directory) CountDevices(ctx context.Context, q Query) (int64, error) {
	const operation = opCountDirectory
	target := withQuery(d.root()+"/$count", Query{Filter: q.Filter, Search: q.Search}.options())
	header := eventualHeader()
	header.Set("Accept", "text/plain")
	body, err := d.client.read(ctx, target, &call{operation: operation, header: header})
	if err != nil {
		return 0, fail(operation, err)
	}
	text := strings.TrimSpace(string(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	count, err := strconv.ParseInt(text, 10, 64)
	if err != nil || count < 0 {
		return 0, fail(operation, errors.New("the answer is not a number"))
	}
	return count, nil
}

func eventualHeader() http.Header {
	header := http.Header{}
	header.Set("ConsistencyLevel", "eventual")
	return header
}

func parseDevice(body []byte) (events.DirectoryDevice, error) {
	var device *events.DirectoryDevice
	if err := json.Unmarshal(body, &device); err != nil || device == nil {
		return events.DirectoryDevice{}, errors.New("the answer is not a device")
	}
	return *device, nil
}

// collection reads what Graph answers for several objects, whatever those are.
type collection struct {
	Value     *[]json.RawMessage `json:"value"`
	Count     json.RawMessage    `json:"@odata.count"`
	NextLink  linkText           `json:"@odata.nextLink"`
	DeltaLink linkText           `json:"@odata.deltaLink"`
}

// linkText is a link as it came; what is no text is kept as its JSON, which leads
// nowhere.
type linkText string

// UnmarshalJSON takes any value.
func (l *linkText) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = string(data)
	}
	*l = linkText(text)
	return nil
}

var errNoList = errors.New("the answer is not a list")

func parseCollection(body []byte) (collection, error) {
	var c collection
	if err := json.Unmarshal(body, &c); err != nil || c.Value == nil {
		return collection{}, errNoList
	}
	return c, nil
}

// tellLeftOut logs that entries of a list were left out, since they are none.
func (d *Directory) tellLeftOut(operation string, n int) {
	if n > 0 {
		d.client.log.Warn("Graph answered with a list that has entries of another kind; they are left out", "operation", operation, "entries", n)
	}
}

// readPage GETs a page and gives the link of the next. Where that is not followed,
// the page is given beside the *LinkError.
func (d *Directory) readPage(ctx context.Context, operation string, link Link) (collection, *Link, error) {
	target, err := d.inside(link.URL)
	if err != nil {
		return collection{}, nil, err
	}
	current := &call{operation: operation}
	if link.Eventual {
		current.header = eventualHeader()
	}
	body, err := d.client.read(ctx, target, current)
	if err != nil {
		return collection{}, nil, err
	}
	page, err := parseCollection(body)
	if err != nil {
		return collection{}, nil, err
	}
	next, err := d.onward(target, string(page.NextLink))
	if err != nil || next == "" {
		return page, nil, err
	}
	return page, &Link{URL: next, Eventual: link.Eventual}, nil
}
