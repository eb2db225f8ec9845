package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"devicebridge/events"
)

const (
	// mostNamed is how many devices that are left out the cursor names; of the others
	// it has the number.
	mostNamed = 100
	// longestName bounds what is kept of an object id that is none.
	longestName = 64
	// namelessFor is how long something without an object id is kept as left out:
	// nothing that comes later can be told to be the same.
	namelessFor = 24 * time.Hour
)

// LeftOut is a device that the feed has no event for, though the directory has it.
type LeftOut struct {
	// ID is the object id; empty where there is none. Of one that no event can have it
	// is the beginning.
	ID string `json:"id,omitempty"`
	// Reason follows the device's name in a sentence.
	Reason string `json:"reason"`
	// Time is when it was found.
	Time time.Time `json:"time"`
}

// String names the device and gives the reason.
func (l LeftOut) String() string {
	return cmp.Or(l.ID, "a device without an object id") + " " + l.Reason
}

// same reports whether other is about the same device; those without an object id
// are told apart by the reason.
func (l LeftOut) same(other LeftOut) bool {
	return l.ID == other.ID && (l.ID != "" || l.Reason == other.Reason)
}

// deviceError says that something about one device alone is wrong.
type deviceError struct{ err error }

// Error gives what is wrong, to follow the device's name.
func (e deviceError) Error() string { return e.err.Error() }

// Unwrap gives what is wrong.
func (e deviceError) Unwrap() error { return e.err }

// leftOutSet is the devices that are left out.
type leftOutSet struct {
	Named []LeftOut `json:"named,omitempty"`
	// More is how many there are beside those that are named.
	More int `json:"more,omitempty"`
}

// with returns the set as it is after a page: of the devices that the page told of,
// bad are left out and the others are not.
func (s leftOutSet) with(told []news, bad []LeftOut, now time.Time) leftOutSet {
	ids := make(map[string]bool, len(told))
	for _, n := range told {
		ids[n.id] = true
	}
	after := leftOutSet{More: s.More}
	for _, l := range s.Named {
		if !ids[l.ID] && (l.ID != "" || now.Sub(l.Time) < namelessFor) {
			after.Named = append(after.Named, l)
		}
	}
	for _, l := range bad {
		at := slices.IndexFunc(after.Named, l.same)
		switch {
		case at >= 0:
			after.Named[at] = l
		case len(after.Named) < mostNamed:
			after.Named = append(after.Named, l)
		default:
			after.More++
		}
	}
	return after
}

// leaveOut notes that a device is left out, and says so where that is new.
func (p *Poller) leaveOut(here place, id string, why error) LeftOut {
	reason := why.Error()
	if coded, ok := errors.AsType[*events.Error](why); ok {
		reason = coded.Message
	}
	l := LeftOut{ID: events.Truncate(id, longestName), Reason: events.Truncate(reason, longestReason), Time: p.Now().UTC()}
	known := slices.ContainsFunc(here.LeftOut.Named, func(k LeftOut) bool { return k.ID == l.ID && k.Reason == l.Reason })
	if !known {
		p.Log.Warn("a device is left out of the inventory feed, which goes on with the others", "device", l.ID, "reason", l.Reason)
	}
	return l
}

// describe returns the set in words for an operator; nil where nothing is left out.
func (s leftOutSet) describe() error {
	if len(s.Named) == 0 {
		return nil
	}
	names := ""
	for i, l := range s.Named[:min(len(s.Named), 3)] {
		if i > 0 {
			names += "; "
		}
		names += l.String()
	}
	if rest := s.count() - 3; rest > 0 {
		names += fmt.Sprintf("; and %d more", rest)
	}
	return fmt.Errorf("%d of the directory's devices: %s", s.count(), names)
}

func (s leftOutSet) count() int { return len(s.Named) + s.More }
