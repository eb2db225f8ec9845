package directory

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// maker makes devices and changes: the same seed, the same ones, in the order of the calls.
type maker struct {
	random *rand.Rand
	count  int
}

func newMaker(seed uint64) maker {
	return maker{random: rand.New(rand.NewPCG(seed, 'd'))} //nolint:gosec // it must be repeatable, not secret
}

// Generate adds n devices of several kinds and gives their ids. They follow from Options.Seed and the calls before.
// When the directory is full before the end, the ids of those that were made come with the error.
func (d *Directory) Generate(n int) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var ids []string
	for range n {
		members, err := plain(d.made.device())
		if err != nil {
			return ids, err
		}
		r, err := d.store.create(members, links{})
		if err != nil {
			return ids, err
		}
		ids = append(ids, r.device.ID())
	}
	return ids, nil
}

// Change changes n different devices, or all where there are fewer, and gives their ids. Which ones and how follows
// from Options.Seed and the calls before.
func (d *Directory) Change(n int) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.store.all()
	var ids []string
	for _, i := range d.made.random.Perm(len(all))[:min(max(n, 0), len(all))] {
		d.made.count++
		members := map[string]any{
			"operatingSystemVersion":        fmt.Sprintf("10.0.%d.%d", 20000+d.made.random.IntN(7000), d.made.count),
			"approximateLastSignInDateTime": d.made.time(),
		}
		if err := d.store.replace(all[i], all[i].device.with(members)); err != nil {
			return ids, err
		}
		ids = append(ids, all[i].device.ID())
	}
	return ids, nil
}

func (m *maker) guid() string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], m.random.Uint64())
	binary.BigEndian.PutUint64(id[8:], m.random.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4
	return id.String()
}

// time is a moment of the year 2026, to the second.
func (m *maker) time() string {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return begin.Add(time.Duration(m.random.IntN(365*24*3600)) * time.Second).Format(time.RFC3339)
}

// model is what generated devices are.
type model struct{ name, system, version, maker, model, trust string }

func models() []model {
	return []model{
		{"LAPTOP", "Windows", "10.0.22631.3447", "Contoso", "Book 14", "AzureAd"},
		{"DESKTOP", "Windows", "10.0.26100.1742", "Fabrikam", "Tower 5", "ServerAd"},
		{"IPHONE", "IOS", "18.1", "Apple", "iPhone 15", "Workplace"},
		{"ANDROID", "AndroidForWork", "15", "Google", "Pixel 9", "Workplace"},
		{"MAC", "MacMDM", "14.6.1", "Apple", "MacBook Air", "AzureAd"},
		{"LINUX", "linux", "24.04", "Contoso", "Workstation", "AzureAd"},
	}
}

func (m *maker) device() Device {
	m.count++
	all := models()
	kind := all[m.random.IntN(len(all))]
	id, deviceID := m.guid(), m.guid()
	ownership := []string{"company", "personal"}[m.random.IntN(2)]
	return Device{
		"id": id, "deviceId": deviceID,
		"displayName":            fmt.Sprintf("%s-%05d", kind.name, m.count),
		"accountEnabled":         m.random.IntN(20) > 0,
		"operatingSystem":        kind.system,
		"operatingSystemVersion": kind.version,
		"manufacturer":           kind.maker, "model": kind.model, "trustType": kind.trust,
		"deviceOwnership":               ownership,
		"isCompliant":                   m.random.IntN(10) > 0,
		"isManaged":                     m.random.IntN(5) > 0,
		"profileType":                   "RegisteredDevice",
		"registrationDateTime":          m.time(),
		"approximateLastSignInDateTime": m.time(),
		"physicalIds":                   []string{"[GID]:g:" + id, "[HWID]:h:" + deviceID},
		"alternativeSecurityIds":        []map[string]any{{"type": 2, "identityProvider": nil, "key": id}},
	}
}
