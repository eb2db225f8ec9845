package graph

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"unicode"
)

// DeviceKey names a device in the directory by one of its two keys; the other is
// empty.
type DeviceKey struct {
	// ID is the object id.
	ID string
	// DeviceID is the id that the device registration service gave it.
	DeviceID string
}

// ArgumentError says that a request was not made because of an argument.
type ArgumentError struct {
	// Argument is "id", "deviceId", "objectId", "relationship", "ids" or "link".
	Argument string
	// Reason says what is wrong with it, and follows its name.
	Reason string
}

// Error gives argument and reason.
func (e *ArgumentError) Error() string { return e.Argument + " " + e.Reason }

const maxKey = 256

// objectURL gives the URL of a device and of what is below it, in the forms of
// Graph's page device-get. It is put together of parts that were looked at, and
// the whole is looked at once more.
func (d *Directory) objectURL(key DeviceKey, below ...string) (string, error) {
	var device, argument string
	switch {
	case key.ID != "" && key.DeviceID != "":
		return "", &ArgumentError{"deviceId", "is given beside id; give one of the two"}
	case key.DeviceID != "":
		argument = "deviceId"
		// In OData a quote within a text is doubled.
		device = "(deviceId='" + url.PathEscape(strings.ReplaceAll(key.DeviceID, "'", "''")) + "')"
	default:
		argument = "id"
		if err := checkObjectID(argument, key.ID); err != nil {
			return "", err
		}
		device = "/" + key.ID
	}
	target := strings.Join(append([]string{d.root() + device}, below...), "/")
	if _, err := d.inside(target); err != nil || len(key.DeviceID) > maxKey {
		return "", &ArgumentError{argument, "is not one that a device can have"}
	}
	return target, nil
}

// root gives the URL of the collection of devices.
func (d *Directory) root() string { return d.client.root + "/devices" }

// checkObjectID takes what can only be an object id. Graph's are GUIDs; others
// that are plain words are taken too, but for the one that is a function of the
// collection.
func checkObjectID(argument, id string) error {
	switch {
	case id == "":
		return &ArgumentError{argument, "is missing"}
	case len(id) > maxKey || strings.EqualFold(id, "delta") || strings.ContainsFunc(id, notInObjectID):
		return &ArgumentError{argument, "is not an object id, such as 6a59ea83-02bd-468f-a40b-f2c3d1821983"}
	default:
		return nil
	}
}

func notInObjectID(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// inside checks that a URL leads to the collection of devices or below it, also
// for a server that decodes a path twice, takes a backslash for a slash or drops
// what follows a semicolon. It gives the URL without its fragment.
func (d *Directory) inside(link string) (string, error) {
	outside := func(why string) error { return &ArgumentError{"link", why + "; not followed"} }
	u, err := url.Parse(escapeLink(link))
	if err != nil {
		return "", outside("is not a URL")
	}
	if u.User != nil || u.Opaque != "" || origin(u) != origin(d.client.base) {
		return "", outside("leads to another origin")
	}
	rest, below := strings.CutPrefix(u.Path, strings.TrimRight(d.client.base.Path, "/")+"/devices")
	if !below || rest != "" && rest[0] != '/' && rest[0] != '(' {
		return "", outside("does not lead to the directory's devices, which are at " + d.root())
	}
	if strings.ContainsAny(u.Path, `%\;`) || strings.ContainsFunc(u.Path, unicode.IsControl) ||
		path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") {
		return "", outside("has a path that servers may read in different ways")
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String(), nil
}

// Follows reports whether link leads to the directory's devices of this client: one
// that another Graph gave, before BaseURL was changed, does not.
func (d *Directory) Follows(link string) bool {
	_, err := d.inside(link)
	return err == nil
}

// LinkError says that Graph gave a link that is not followed.
type LinkError struct {
	// Link is the link as Graph gave it.
	Link string
	// Err says why.
	Err error
}

// Error says why.
func (e *LinkError) Error() string { return e.Err.Error() }

// Unwrap says why.
func (e *LinkError) Unwrap() error { return e.Err }

// onward resolves a link that came with the answer of current; an empty one ends
// the list. The error is a *LinkError.
func (d *Directory) onward(current, link string) (string, error) {
	next, err := d.client.nextPage(current, link)
	if err != nil {
		return "", &LinkError{link, err}
	}
	if next == "" {
		return "", nil
	}
	if next, err = d.inside(next); err != nil {
		return "", &LinkError{link, fmt.Errorf("the next %w", err)}
	}
	return next, nil
}
