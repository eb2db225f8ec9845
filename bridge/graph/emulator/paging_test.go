package emulator_test

import (
	"devicebridge/bridge/graph/emulator"
	"fmt"
	"strings"
	"testing"
)

func TestPaging(t *testing.T) {
	tests := []struct {
		name     string
		pageSize int
		query    string
		pages    []int
	}{
		{"all at once", 0, "", []int{10}},
		{"page size", 4, "", []int{4, 4, 2}},
		{"$top", 0, "?$top=3", []int{3, 3, 3, 1}},
		{"escaped $top", 0, "?%24top=5", []int{5, 5}},
		{"$top above the page size", 6, "?$top=999", []int{6, 4}},
		{"exactly one page", 10, "?$top=10", []int{10}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := start(t, emulator.Options{PageSize: tt.pageSize})
			var pages []int
			seen := map[any]bool{}
			for path := "/beta/me/devices" + tt.query; path != ""; {
				a := g.get(path)
				list, ok := a.json["value"].([]any)
				if !ok {
					t.Fatalf("%d %s", a.status, a.raw)
				}
				pages = append(pages, len(list))
				for _, d := range list {
					seen[d.(map[string]any)["id"]] = true
				}
				next, _ := a.json["@odata.nextLink"].(string)
				if next != "" && !strings.HasPrefix(next, g.url) {
					t.Fatalf("nextLink %q is not absolute", next)
				}
				path = strings.TrimPrefix(next, g.url)
			}
			if fmt.Sprint(pages) != fmt.Sprint(tt.pages) || len(seen) != 10 {
				t.Fatalf("pages %v with %d devices, want %v", pages, len(seen), tt.pages)
			}
		})
	}
}

func TestRefusedPages(t *testing.T) {
	g := start(t, emulator.Options{})
	for query, name := range map[string]string{
		"$top=0": "$top", "$top=1000": "$top", "$top=ten": "$top", "$top=": "$top", "$top=1&$top=2": "$top",
		"$skiptoken=4": "$skiptoken", "$skiptoken=": "$skiptoken", "$skiptoken=ZGV2aWNlczotMQ": "$skiptoken",
	} {
		mustRefuse(t, g.get("/beta/me/devices?"+query), 400, "BadRequest", name)
	}
}

// What the page says of the service since it was retired.
func TestNoDevices(t *testing.T) {
	g := start(t, emulator.Options{Devices: []emulator.Device{}})
	mustEqual(t, g.get("/beta/me/devices").json["value"], `[]`)
}
