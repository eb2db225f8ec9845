package inventory

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

const (
	// mostIdle is how many pages in a row may tell of no device that the reading has
	// not had, before the directory is left alone for a while. Graph does give pages
	// that are empty and have a next one.
	mostIdle = 50
	// mostPauses is how many such pauses there are before the directory is read anew.
	mostPauses = 10
	// idlePause is that while, in the time between two looks.
	idlePause = 10
)

// errLoop says that Graph gave a next link a second time.
var errLoop = errors.New("the pages of the directory do not end: Graph gave a next link that it had given before; everything is read anew after a pause")

// reading is what this process has had of the pages on the way to a delta link.
type reading struct {
	// revision is that of the cursor as this process last wrote it, as in round.
	revision uint64
	links    map[[sha256.Size]byte]bool
	devices  map[string]bool
	idle     int
}

func newReading(revision uint64) *reading {
	return &reading{revision: revision, links: map[[sha256.Size]byte]bool{}, devices: map[string]bool{}}
}

// note takes in a page that was asked for under link and that told of devices.
func (r *reading) note(link string, told []news) {
	r.links[sha256.Sum256([]byte(link))] = true
	before := len(r.devices)
	for _, n := range told {
		r.devices[n.id] = true
	}
	if r.idle++; len(r.devices) > before {
		r.idle = 0
	}
}

// endless returns whether to begin again, and why the pages, of which next is the link
// of the one to come, do not seem to end; nil where they may end.
func (r *reading) endless(next string) (again bool, why error) {
	switch {
	case r.links[sha256.Sum256([]byte(next))]:
		return true, errLoop
	case r.idle >= mostIdle*mostPauses:
		return true, fmt.Errorf("the pages of the directory do not end: %d in a row had no device that was not in one before; everything is read anew after a pause", r.idle)
	case r.idle > 0 && r.idle%mostIdle == 0:
		return false, fmt.Errorf("the pages of the directory do not end: %d in a row had no device that was not in one before; it is gone on after a pause", r.idle)
	default:
		return false, nil
	}
}

// pauseOfIdle returns how long the directory is left alone then.
func (p *Poller) pauseOfIdle() time.Duration { return idlePause * p.Every }
