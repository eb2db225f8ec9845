package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"devicebridge/events"
)

// deviceHelp explains what --device takes.
const deviceHelp = `--device takes the id of a device, or its name where only one device has it, in
any case. What looks like a GUID, as Graph's ids do, is an id and is not looked
up, and neither is what follows "id:"; anything else is looked for among the ids
and the names that the devices subcommand lists.`

// idPrefix says that what follows is an id, whatever it looks like.
const idPrefix = "id:"

// deviceID gives the id of the device that --device names. It asks the bridge
// only for what may be a name, so that an id can be used that Graph does not list,
// and one can be queued while no bridge runs.
func deviceID(ctx context.Context, ask asker, text string) (string, error) {
	if id, given := strings.CutPrefix(text, idPrefix); given {
		if id == "" {
			return "", usageError{fmt.Errorf("--device: %q has no id behind it", idPrefix)}
		}
		return id, nil
	}
	if text == "" || guid(text) {
		return text, nil
	}
	var reply events.DevicesReply
	if err := ask(ctx, "devices.list", events.DevicesRequest{}, &reply); err != nil {
		return "", fmt.Errorf("--device: %q may be a name, and the devices cannot be listed (an id is given as %q): %w", text, idPrefix+text, err)
	}
	id, err := pickDevice(text, reply.Devices)
	if err != nil {
		return "", usageError{err}
	}
	return id, nil
}

// guid reports whether text has the form 8-4-4-4-12 of a GUID.
func guid(text string) bool { return len(text) == 36 && uuid.Validate(text) == nil }

// pickDevice gives the id of the one device that text names: by its id, else by
// its very name, else by its name in another case.
func pickDevice(text string, devices []events.Device) (string, error) {
	for _, matches := range []func(events.Device) bool{
		func(d events.Device) bool { return d.ID == text },
		func(d events.Device) bool { return d.Name == text },
		func(d events.Device) bool { return strings.EqualFold(d.Name, text) },
	} {
		switch found := slices.DeleteFunc(slices.Clone(devices), func(d events.Device) bool { return !matches(d) }); len(found) {
		case 0:
		case 1:
			return found[0].ID, nil
		default:
			return "", severalDevices(text, found)
		}
	}
	if len(devices) == 0 {
		return "", fmt.Errorf("--device: the account has no devices, so %q is no name of one; an id is given as %q", text, idPrefix+text)
	}
	hint := "`devicebridge devices --refresh` lists them"
	if like := nearest(text, devices); len(like) > 0 {
		hint = "did you mean " + strings.Join(like, " or ") + "?"
	}
	return "", fmt.Errorf("--device: no device has the id or the name %q (%s); an id that is not listed is given as %q", text, hint, idPrefix+text)
}

// severalDevices lists, a line each, what has one name.
func severalDevices(text string, devices []events.Device) error {
	lines := make([]string, 0, 1+len(devices))
	lines = append(lines, fmt.Sprintf("--device: %d devices have the name %q; give the id of one:", len(devices), text))
	for _, d := range devices {
		lines = append(lines, "  "+printable(strings.Join([]string{d.ID, d.Name, d.Kind, d.Platform}, "  ")))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// mostNearest bounds how many names are suggested.
const mostNearest = 3

// nearest gives the quoted names that text may have been meant for: those that
// hold it or differ from it in few letters, the nearest first.
func nearest(text string, devices []events.Device) []string {
	type near struct {
		name string
		far  int
	}
	var list []near
	text = strings.ToLower(text)
	for _, d := range devices {
		name := strings.ToLower(d.Name)
		far := distance(text, name)
		if d.Name != "" && (strings.Contains(name, text) || far <= max(1, len(text)/3)) {
			list = append(list, near{fmt.Sprintf("%q", d.Name), far})
		}
	}
	slices.SortStableFunc(list, func(a, b near) int { return a.far - b.far })
	var names []string
	for _, n := range list {
		if len(names) < mostNearest && !slices.Contains(names, n.name) {
			names = append(names, n.name)
		}
	}
	return names
}

// distance is Levenshtein's: how many letters have to be put in, left out or
// changed to make b of a.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j, s := range to {
			change := diagonal
			if r != s {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}
