package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"devicebridge/events"
)

const maxPages = 100

// devicePage reads one page. Graph's user-list-devices page shows the members of
// a device in camel case and in Pascal case; encoding/json takes either.
type devicePage struct {
	Value    *[]json.RawMessage `json:"value"`
	NextLink linkText           `json:"@odata.nextLink"`
}

// Devices GETs the account's devices, each once, in Graph's order; one without
// an id cannot be commanded and is left out. It follows at most 100 pages of at
// most 8 MiB together, and only on Graph's own origin: the token goes along.
// Each page has the GET time-out; ctx bounds the whole. Graph documents no GET of
// a single one.
func (c *Client) Devices(ctx context.Context) ([]events.Device, error) {
	const operation = opDevices
	target, err := c.url()
	if err != nil {
		return nil, fail(operation, err)
	}
	devices := []events.Device{}
	visited, known := map[string]bool{}, map[string]bool{}
	total := 0
	for target != "" {
		if visited[target] || len(visited) == maxPages {
			return nil, fail(operation, fmt.Errorf("the pages do not end (after %d)", len(visited)))
		}
		visited[target] = true
		body, err := c.get(ctx, operation, target)
		if err != nil {
			return nil, fail(operation, err)
		}
		if total += len(body); total > maxBody {
			return nil, fail(operation, tooLargeError{})
		}
		page, err := parsePage(body)
		if err != nil {
			return nil, fail(operation, err)
		}
		listed, leftOut, ok := objectsOf[events.Device](*page.Value)
		if !ok {
			return nil, fail(operation, errors.New("the answer is not a list of devices"))
		}
		if leftOut > 0 {
			c.log.Warn("Graph listed something that is no device; it is left out", "operation", operation, "entries", leftOut)
		}
		for _, d := range listed {
			if d.ID != "" && !known[d.ID] {
				known[d.ID] = true
				devices = append(devices, d)
			}
		}
		if target, err = c.nextPage(target, string(page.NextLink)); err != nil {
			return nil, fail(operation, err)
		}
	}
	return devices, nil
}

func parsePage(body []byte) (devicePage, error) {
	var page devicePage
	if err := json.Unmarshal(body, &page); err != nil {
		return devicePage{}, errors.New("the answer is not a list of devices")
	}
	if page.Value == nil {
		return devicePage{}, errors.New("the answer has no list of devices")
	}
	return page, nil
}

// nextPage resolves a next link against the page it came with; an empty one ends
// the list.
func (c *Client) nextPage(current, link string) (string, error) {
	if link == "" {
		return "", nil
	}
	from, err := url.Parse(current)
	if err != nil {
		return "", errors.New("the page's URL cannot be read")
	}
	next, err := from.Parse(escapeLink(link))
	if err != nil {
		return "", errors.New("the next link is not a URL")
	}
	if next.User != nil || origin(next) != origin(c.base) {
		return "", errors.New("the next link leads to another origin; not followed")
	}
	next.Fragment, next.RawFragment = "", ""
	return next.String(), nil
}

// escapeLink escapes what no request line can have, spaces, control characters and
// whatever is beyond ASCII, and leaves the rest as it came.
func escapeLink(link string) string {
	const hex = "0123456789ABCDEF"
	link = strings.TrimSpace(link)
	var b strings.Builder
	for i := range len(link) {
		if c := link[i]; c <= ' ' || c >= 0x7f {
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// origin gives scheme, host and port of a URL, the port also where it is the
// scheme's own.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
