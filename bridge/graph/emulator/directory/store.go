package directory

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// record is a device as it is, or as it was when it was deleted. Its device is never changed, only replaced, so that
// it can be read without the lock.
type record struct {
	// seq orders the devices by their creation. Pages go on after a seq, so that none is skipped when others vanish.
	seq    uint64
	device Device
	links  links
	// born is the revision that made the device, created the one that made it or last brought it back; changed are those
	// of its members since.
	born    uint64
	created uint64
	changed map[string]uint64
	// deleted is the revision that deleted it, 0 while it lives; reason is as in @removed.
	deleted   uint64
	deletedAt time.Time
	reason    string
}

// The reasons of @removed on Graph's page "Use delta query": a device that can be restored, and one that cannot.
const (
	reasonChanged = "changed"
	reasonDeleted = "deleted"
)

// store is the state of the directory. It is guarded by the directory's lock.
type store struct {
	schema schema
	limit  int
	// forgetAfter is how long a deleted device is remembered: no valid delta token is older.
	forgetAfter time.Duration

	revision, seq uint64
	records       []*record // by seq, deleted ones included
	byID          map[string]*record
	byDeviceID    map[string]*record // the living only, lower case
	open          map[string]bool    // members seen that the schema does not have
	dead, pruneAt int
	// epoch grows when delta tokens that were given before cannot be answered any more.
	epoch int
}

func newStore(s schema, limit int, forgetAfter time.Duration) store {
	return store{
		schema: s, limit: limit, forgetAfter: forgetAfter, pruneAt: limit,
		byID: map[string]*record{}, byDeviceID: map[string]*record{}, open: map[string]bool{},
	}
}

// living gives nil for a device that is not there.
func (s *store) living(k key) *record {
	if k.deviceID != "" {
		return s.byDeviceID[strings.ToLower(k.deviceID)]
	}
	if r := s.byID[strings.ToLower(k.id)]; r != nil && r.deleted == 0 {
		return r
	}
	return nil
}

func (s *store) count() int { return len(s.records) - s.dead }

// create adds a device with an id of its own, unless members has one.
func (s *store) create(members map[string]any, l links) (*record, error) {
	d := s.schema.whole(members)
	if d.ID() == "" {
		d["id"] = uuid.NewString()
	}
	switch {
	case s.count() >= s.limit:
		return nil, quotaExceeded(s.limit)
	case s.byDeviceID[strings.ToLower(d.text("deviceId"))] != nil:
		return nil, conflict("deviceId")
	case s.byID[strings.ToLower(d.ID())] != nil:
		return nil, conflict("id")
	}
	s.revision++
	s.seq++
	r := &record{seq: s.seq, device: d, links: l, born: s.revision, created: s.revision, changed: map[string]uint64{}}
	s.records = append(s.records, r)
	s.byID[strings.ToLower(d.ID())] = r
	s.index(r)
	return r, nil
}

func (s *store) index(r *record) {
	s.byDeviceID[strings.ToLower(r.device.text("deviceId"))] = r
	for name := range r.device {
		if _, ok := s.schema.find(name); !ok {
			s.open[name] = true
		}
	}
}

// replace puts another device in the place of a living one.
func (s *store) replace(r *record, d Device) error {
	before, after := strings.ToLower(r.device.text("deviceId")), strings.ToLower(d.text("deviceId"))
	if other := s.byDeviceID[after]; other != nil && other != r {
		return conflict("deviceId")
	}
	names := differs(r.device, d)
	if len(names) == 0 {
		return nil
	}
	s.revision++
	for _, name := range names {
		r.changed[name] = s.revision
	}
	delete(s.byDeviceID, before)
	r.device = d
	s.index(r)
	return nil
}

// remove deletes a living device, or one that could be restored for good.
func (s *store) remove(r *record, permanent bool, now time.Time) {
	s.revision++
	if r.deleted == 0 {
		s.dead++
		delete(s.byDeviceID, strings.ToLower(r.device.text("deviceId")))
	}
	r.deleted, r.deletedAt, r.reason = s.revision, now, reasonChanged
	if permanent {
		r.reason = reasonDeleted
	}
	if s.dead > s.pruneAt {
		s.prune(now)
	}
}

// restore brings back a device that can be.
func (s *store) restore(r *record) error {
	switch {
	case s.byDeviceID[strings.ToLower(r.device.text("deviceId"))] != nil:
		return conflict("deviceId")
	case s.count() >= s.limit:
		return quotaExceeded(s.limit)
	}
	s.revision++
	s.dead--
	r.created, r.deleted, r.reason, r.changed = s.revision, 0, "", map[string]uint64{}
	s.index(r)
	return nil
}

// prune forgets deleted devices that no valid delta token can ask for; all of them, and the tokens with them, when
// they are still too many.
func (s *store) prune(now time.Time) {
	s.forget(func(r *record) bool { return now.Sub(r.deletedAt) > s.forgetAfter })
	if s.dead > s.limit {
		s.forget(func(*record) bool { return true })
		s.epoch++
	}
	s.pruneAt = max(s.limit, 2*s.dead)
}

func (s *store) forget(which func(*record) bool) {
	s.records = slices.DeleteFunc(s.records, func(r *record) bool {
		gone := r.deleted != 0 && which(r)
		if gone {
			delete(s.byID, strings.ToLower(r.device.ID()))
			s.dead--
		}
		return gone
	})
}

// all gives the living devices by seq.
func (s *store) all() []*record {
	list := make([]*record, 0, s.count())
	for _, r := range s.records {
		if r.deleted == 0 {
			list = append(list, r)
		}
	}
	return list
}

// touched names the members that changed after a revision, in order.
func (r *record) touched(since uint64) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r.changed)) {
		if r.changed[name] > since {
			names = append(names, name)
		}
	}
	return names
}
