package directory_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"devicebridge/bridge/graph/emulator/directory"
)

// replica is what a client knows that has followed the deltas from one point on.
type replica struct {
	known map[string]map[string]any
	next  string // where it goes on: in a round, or from a delta link
}

// take merges items as Graph's page on delta queries tells clients to.
func (r *replica) take(items []map[string]any) {
	for _, item := range items {
		id := item["id"].(string)
		if item["@removed"] != nil {
			delete(r.known, id)
			continue
		}
		if r.known[id] == nil {
			r.known[id] = map[string]any{}
		}
		maps.Copy(r.known[id], item)
	}
}

func (r *replica) page(g *site) (end bool) {
	a := g.get(r.next)
	r.take(a.values(g.t))
	next, more := a.json["@odata.nextLink"].(string)
	if !more {
		next = a.json["@odata.deltaLink"].(string)
	}
	r.next = next
	return !more
}

// Whatever changes, whenever clients begin and however slowly they read their pages, with items repeated, pages empty
// and changes replayed: a client that reads to the end knows the directory as it is.
func TestReplicasConverge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := start(t, directory.Options{
			Devices: []directory.Entry{}, Seed: rapid.Uint64().Draw(rt, "seed"), DeltaPageSize: rapid.IntRange(1, 4).Draw(rt, "page"),
			Faults: directory.Faults{Chance: map[directory.FaultKind]float64{
				directory.FaultDuplicate: 0.2, directory.FaultReplay: 0.2, directory.FaultEmptyPage: 0.2,
			}},
		})
		var replicas []*replica
		var ids []string
		pick := func() string { return rapid.SampledFrom(ids).Draw(rt, "device") }
		steps := map[string]func(){
			"create": func() {
				made, err := g.Generate(1)
				mustDo(rt, err)
				ids = append(ids, made...)
			},
			"patch": func() {
				_ = g.Patch(pick(), directory.Device{"model": rapid.StringMatching(`[a-z]{1,2}`).Draw(rt, "model")}) // gone is fine
			},
			"open member": func() { _ = g.Patch(pick(), directory.Device{"extension_x": rapid.Bool().Draw(rt, "x")}) },
			"delete":      func() { _ = g.Delete(pick(), rapid.Bool().Draw(rt, "permanent")) },
			"restore":     func() { _ = g.Restore(pick()) },
			"begin": func() {
				replicas = append(replicas, &replica{known: map[string]map[string]any{}, next: "/v1.0/devices/delta"})
			},
			"page": func() { rapid.SampledFrom(replicas).Draw(rt, "replica").page(g) },
		}
		steps["create"]()
		steps["begin"]()
		kinds := slices.Sorted(maps.Keys(steps))
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			steps[rapid.SampledFrom(kinds).Draw(rt, "step")]()
		}
		mustDo(rt, g.SetFaults(directory.Faults{}))
		want := map[string]map[string]any{}
		for _, d := range g.get("/v1.0/devices?$top=999").values(t) {
			want[d["id"].(string)] = d
		}
		for i, r := range replicas {
			// The round under way, and one that begins now.
			for ends := 0; ends < 2; {
				if r.page(g) {
					ends++
				}
			}
			for _, id := range ids {
				if fmt.Sprint(r.known[id]) != fmt.Sprint(want[id]) {
					rt.Fatalf("replica %d of device %s\nknows %v\n want %v", i, id, r.known[id], want[id])
				}
			}
		}
	})
}
