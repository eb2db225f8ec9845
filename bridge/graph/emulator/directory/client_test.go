package directory_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"devicebridge/bridge/graph"
	"devicebridge/bridge/graph/emulator/directory"
	"devicebridge/events"
)

// clientOf gives the bridge's own client of the directory. The emulator shares no code with it: what they agree on is the
// documents.
func clientOf(g *site) *graph.Directory {
	g.t.Helper()
	credential, err := graph.StaticToken("token-of-the-test")
	mustDo(g.t, err)
	c, err := graph.NewDirectory(graph.Options{BaseURL: g.url + "/v1.0", Credential: credential})
	mustDo(g.t, err)
	g.t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestClientReadsAndWrites(t *testing.T) {
	g := start(t, directory.Options{PageSize: 5})
	c, ctx := clientOf(g), t.Context()
	for _, tt := range []struct {
		query graph.Query
		want  int
	}{
		{graph.Query{}, 12},
		{graph.Query{Filter: "startsWith(displayName,'Hall')"}, 2},
		{graph.Query{Filter: "accountEnabled ne true", OrderBy: "displayName desc", Top: 1}, 1},
		{graph.Query{Search: `"displayName:hall"`, Select: []string{"id", "displayName"}}, 2},
		{graph.Query{OrderBy: "approximateLastSignInDateTime", Top: 3}, 12},
		{graph.Query{Expand: "registeredOwners($select=id)"}, 12},
		{graph.Query{Filter: "systemLabels/$count ne 0"}, 2},
	} {
		n := 0
		for link := c.DevicesLink(tt.query); ; {
			page, err := c.Devices(ctx, link)
			mustDo(t, err)
			n += len(page.Devices)
			if page.Next == nil {
				break
			}
			link = *page.Next
		}
		if n != tt.want {
			t.Errorf("%+v: %d devices", tt.query, n)
		}
	}
	if n, err := c.CountDevices(ctx, graph.Query{Filter: "isManaged eq true"}); err != nil || n != 2 {
		t.Errorf("%d %v", n, err)
	}
	var device events.DirectoryDevice
	mustDo(t, json.Unmarshal([]byte(sample), &device))
	made, err := c.CreateDevice(ctx, device)
	mustDo(t, err)
	key := graph.DeviceKey{DeviceID: "4c299165-6e8f-4b45-a5ba-c5d250a707ff"}
	var change events.DirectoryDevice
	mustDo(t, json.Unmarshal([]byte(`{"displayName":"Renamed"}`), &change), c.UpdateDevice(ctx, key, change),
		c.AddReference(ctx, key, graph.RegisteredOwners, adele), c.AddReference(ctx, key, graph.RegisteredUsers, bianca),
		c.RemoveReference(ctx, key, graph.RegisteredUsers, bianca))
	got, err := c.Device(ctx, graph.DeviceKey{ID: made.ID}, graph.Query{Select: []string{"displayName"}})
	if name, _ := json.Marshal(got.DisplayName); err != nil || string(name) != `"Renamed"` {
		t.Errorf("%s %v", name, err)
	}
	link, err := c.RelatedLink(graph.DeviceKey{ID: surface}, graph.TransitiveMemberOf, graph.Query{OrderBy: "displayName", Top: 2})
	mustDo(t, err)
	page, err := c.Related(ctx, link)
	if err != nil || len(page.Objects) != 2 || page.Next == nil || *page.Count != 3 {
		t.Errorf("%+v %v", page, err)
	}
	ids, err := c.CheckMemberObjects(ctx, graph.DeviceKey{ID: surface}, []string{allDevices, adele})
	if err != nil || !slices.Equal(ids, []string{allDevices}) {
		t.Errorf("%v %v", ids, err)
	}
	if ids, err := c.GetMemberObjects(ctx, graph.DeviceKey{ID: surface}, false); err != nil || len(ids) != 3 {
		t.Errorf("%v %v", ids, err)
	}
	mustDo(t, c.DeleteDevice(ctx, key))
	if _, err := c.Device(ctx, key, graph.Query{}); !graph.IsNotFound(err) {
		t.Errorf("%v", err)
	}
}

func TestClientFollowsDeltas(t *testing.T) {
	for _, expiry := range directory.Expiries() {
		g := start(t, directory.Options{DeltaExpiry: expiry, DeltaPageSize: 5})
		c := clientOf(g)
		round := func(link string) (changes []graph.DeltaChange, end string) {
			for {
				page, err := c.Delta(t.Context(), link)
				mustDo(t, err)
				changes = append(changes, page.Changes...)
				if page.DeltaLink != "" {
					return changes, page.DeltaLink
				}
				link = page.NextLink
			}
		}
		first, link := round(c.DeltaLink(graph.DeltaQuery{}))
		mustDo(t, g.Delete(iphone, true), g.Patch(surface, directory.Device{"model": "Book 2"}))
		second, link := round(link)
		if len(first) != 12 || len(second) != 2 || second[1].ID != iphone || second[1].Reason != "deleted" {
			t.Errorf("%d devices, then %+v", len(first), second)
		}
		g.ExpireDeltaTokens()
		_, err := c.Delta(t.Context(), link)
		resync, ok := errors.AsType[*graph.ResyncError](err)
		if !ok || (resync.Restart != "") != (expiry == directory.ExpiryGone) {
			t.Fatalf("%s: %v", expiry, err)
		}
		restart := resync.Restart
		if restart == "" {
			restart = c.DeltaLink(graph.DeltaQuery{})
		}
		if again, _ := round(restart); len(again) != 11 {
			t.Errorf("%s: %d devices", expiry, len(again))
		}
	}
}
