package graph_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

const emptyList = `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#devices","value":[]}`

func TestDirectoryQueries(t *testing.T) {
	for name, c := range map[string]struct {
		q           graph.Query
		query       string
		consistency string
	}{
		"all":             {graph.Query{}, "", ""},
		"documented list": {graph.Query{Select: []string{"id", "extensionAttributes"}}, "?$select=id,extensionAttributes", ""},
		"filter": {
			graph.Query{Filter: "startsWith(displayName,'Büro & +1 #%')", Top: 5},
			"?$filter=startsWith(displayName,'B%C3%BCro%20%26%20%2B1%20%23%25')&$top=5", "",
		},
		"eq is not ne":  {graph.Query{Filter: "displayName eq 'one ne two' and deviceId eq 'not'"}, "?$filter=displayName%20eq%20'one%20ne%20two'%20and%20deviceId%20eq%20'not'", ""},
		"doubled quote": {graph.Query{Filter: "displayName eq 'it''s ne'"}, "?$filter=displayName%20eq%20'it''s%20ne'", ""},
		"in":            {graph.Query{Filter: "id in ('a','b')", Expand: "memberOf($select=id;$top=1)"}, "?$filter=id%20in%20('a','b')&$expand=memberOf($select%3Did%3B$top%3D1)", ""},
		"ne":            {graph.Query{Filter: "accountEnabled NE true"}, "?$filter=accountEnabled%20NE%20true&$count=true", advanced},
		"not":           {graph.Query{Filter: "NOT(displayName eq 'x')"}, "?$filter=NOT(displayName%20eq%20'x')&$count=true", advanced},
		"endsWith":      {graph.Query{Filter: "endsWith(displayName,'x')"}, "?$filter=endsWith(displayName,'x')&$count=true", advanced},
		"count in a filter": {
			graph.Query{Filter: "physicalIds/$count eq 0"}, "?$filter=physicalIds/$count%20eq%200&$count=true", advanced,
		},
		"search": {graph.Query{Search: `"displayName:Android"`}, "?$search=%22displayName:Android%22&$count=true", advanced},
		"order":  {graph.Query{OrderBy: "displayName desc"}, "?$orderby=displayName%20desc&$count=true", advanced},
		"filter and order": {
			graph.Query{Filter: "isManaged eq true", OrderBy: "displayName"}, "?$filter=isManaged%20eq%20true&$orderby=displayName&$count=true", advanced,
		},
		"count": {graph.Query{Count: true}, "?$count=true", advanced},
	} {
		t.Run(name, func(t *testing.T) {
			s := get("/devices"+c.query, emptyList)
			s.consistency = c.consistency
			// On relationships every filter is an advanced query.
			relatedQuery, relatedConsistency := c.query, c.consistency
			if c.q.Filter != "" && c.consistency == "" {
				relatedQuery, relatedConsistency = c.query+"&$count=true", advanced
			}
			related := get("/devices/"+objectID+"/memberOf"+relatedQuery, emptyList)
			related.consistency = relatedConsistency
			directory := play(t, s, related)
			page, err := directory.Devices(t.Context(), directory.DevicesLink(c.q))
			if err != nil || page.Devices == nil || len(page.Devices) != 0 || page.Next != nil || page.Count != nil {
				t.Errorf("got %+v, %v", page, err)
			}
			link, err := directory.RelatedLink(graph.DeviceKey{ID: objectID}, graph.MemberOf, c.q)
			if err != nil {
				t.Fatal(err)
			}
			if page, err := directory.Related(t.Context(), link); err != nil || len(page.Objects) != 0 {
				t.Errorf("got %+v, %v", page, err)
			}
		})
	}
}

// Next links do not carry the header, so it must come with each page.
func TestDirectoryPagesKeepTheConsistencyLevel(t *testing.T) {
	first := get("/devices?$filter=isManaged%20ne%20true&$top=2&$count=true",
		`{"@odata.count":3,"@odata.nextLink":"HOST/v1.0/devices?$filter=isManaged+ne+true&$count=true&$skiptoken=m~A%2fB","value":[{"id":"a"},{"id":"b"}]}`)
	second := get("/devices?$filter=isManaged+ne+true&$count=true&$skiptoken=m~A%2fB", `{"@odata.nextLink":"?$skiptoken=2","value":[]}`)
	third := get("/devices?$skiptoken=2", `{"value":[{"id":"c"}],"@odata.nextLink":""}`)
	first.consistency, second.consistency, third.consistency = advanced, advanced, advanced
	directory := play(t, first, second, third)
	var ids []string
	link := directory.DevicesLink(graph.Query{Filter: "isManaged ne true", Top: 2})
	for next := &link; next != nil; {
		page, err := directory.Devices(t.Context(), *next)
		if err != nil {
			t.Fatal(err)
		}
		if page.Count != nil && (*page.Count != 3 || len(ids) > 0) {
			t.Errorf("count %d after %v", *page.Count, ids)
		}
		for _, d := range page.Devices {
			ids = append(ids, d.ID)
		}
		next = page.Next
	}
	if strings.Join(ids, "") != "abc" {
		t.Errorf("devices %v", ids)
	}
}

func TestDirectoryPlainPagesHaveNoConsistencyLevel(t *testing.T) {
	directory := play(t, get("/devices", `{"@odata.nextLink":"HOST/v1.0/devices?$skiptoken=1","value":[]}`), get("/devices?$skiptoken=1", emptyList))
	page, err := directory.Devices(t.Context(), directory.DevicesLink(graph.Query{}))
	if err != nil || page.Next == nil || page.Next.Eventual {
		t.Fatalf("got %+v, %v", page, err)
	}
	if page, err = directory.Devices(t.Context(), *page.Next); err != nil || page.Next != nil {
		t.Errorf("got %+v, %v", page, err)
	}
}

func TestDirectoryGet(t *testing.T) {
	const documented = `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#devices/$entity","accountEnabled":false,` +
		`"deviceId":"6fa60d52-01e7-4b18-8055-4759461fc16b","displayName":"DESKTOP-858MANH","id":"` + objectID + `","model":null}`
	for name, c := range map[string]struct {
		key graph.DeviceKey
		q   graph.Query
		uri string
	}{
		"by id":          {graph.DeviceKey{ID: objectID}, graph.Query{}, "/devices/" + objectID},
		"selected":       {graph.DeviceKey{ID: objectID}, graph.Query{Select: []string{"id", "model"}, Expand: "memberOf", Top: 3}, "/devices/" + objectID + "?$select=id,model&$expand=memberOf"},
		"by device id":   {graph.DeviceKey{DeviceID: "6fa60d52-01e7"}, graph.Query{}, "/devices(deviceId='6fa60d52-01e7')"},
		"quote":          {graph.DeviceKey{DeviceID: "it's"}, graph.Query{}, "/devices(deviceId='it%27%27s')"},
		"closing quote":  {graph.DeviceKey{DeviceID: "x')/memberOf('"}, graph.Query{}, "/devices(deviceId='x%27%27%29%2FmemberOf%28%27%27')"},
		"slash":          {graph.DeviceKey{DeviceID: "a/b?c#d e+f&g"}, graph.Query{}, "/devices(deviceId='a%2Fb%3Fc%23d%20e+f&g')"},
		"not only ASCII": {graph.DeviceKey{DeviceID: "é"}, graph.Query{}, "/devices(deviceId='%C3%A9')"},
	} {
		t.Run(name, func(t *testing.T) {
			directory := play(t, get(c.uri, documented))
			device, err := directory.Device(t.Context(), c.key, c.q)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := json.Marshal(device); err != nil || !sameJSON(t, string(text), documented) {
				t.Errorf("got %s, %v", text, err)
			}
		})
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var left, right any
	if err := errors.Join(json.Unmarshal([]byte(a), &left), json.Unmarshal([]byte(b), &right)); err != nil {
		t.Fatal(err)
	}
	one, _ := json.Marshal(left)
	other, _ := json.Marshal(right)
	return string(one) == string(other)
}

func TestDirectoryRefusesKeysThatLeadElsewhere(t *testing.T) {
	for _, c := range []struct {
		key      graph.DeviceKey
		argument string
	}{
		{graph.DeviceKey{}, "id"},
		{graph.DeviceKey{ID: "a", DeviceID: "b"}, "deviceId"},
		{graph.DeviceKey{ID: "."}, "id"},
		{graph.DeviceKey{ID: ".."}, "id"},
		{graph.DeviceKey{ID: "$count"}, "id"},
		{graph.DeviceKey{ID: "Delta"}, "id"},
		{graph.DeviceKey{ID: "microsoft.graph.delta"}, "id"},
		{graph.DeviceKey{ID: "a/memberOf"}, "id"},
		{graph.DeviceKey{ID: "a%2Fb"}, "id"},
		{graph.DeviceKey{ID: "é"}, "id"},
		{graph.DeviceKey{ID: strings.Repeat("x", 257)}, "id"},
		{graph.DeviceKey{DeviceID: "x')/../../users('y"}, "deviceId"},
		{graph.DeviceKey{DeviceID: "a/../b"}, "deviceId"},
		{graph.DeviceKey{DeviceID: `a\..\b`}, "deviceId"},
		{graph.DeviceKey{DeviceID: "a%2F..%2Fb"}, "deviceId"},
		{graph.DeviceKey{DeviceID: "a;/b"}, "deviceId"},
		{graph.DeviceKey{DeviceID: "a//b"}, "deviceId"},
		{graph.DeviceKey{DeviceID: "a\nb"}, "deviceId"},
		{graph.DeviceKey{DeviceID: strings.Repeat("x", 257)}, "deviceId"},
	} {
		directory := play(t)
		_, err := directory.Device(t.Context(), c.key, graph.Query{})
		wantArgument(t, err, c.argument)
		wantArgument(t, directory.DeleteDevice(t.Context(), c.key), c.argument)
		_, err = directory.RelatedLink(c.key, graph.MemberOf, graph.Query{})
		wantArgument(t, err, c.argument)
	}
}

func wantArgument(t *testing.T, err error, argument string) {
	t.Helper()
	if e, ok := errors.AsType[*graph.ArgumentError](err); !ok || e.Argument != argument || e.Reason == "" {
		t.Errorf("got %v, want a fault of %s", err, argument)
	}
}

// Wherever a link came from, the token goes only to the directory's devices.
func TestDirectoryFollowsLinksOnlyBelowDevices(t *testing.T) {
	links := []string{
		"", "x", "mailto:a@b", "http://[::1",
		"https://graph.microsoft.com/v1.0/devices", "//evil.example/v1.0/devices", "https://HOSTNAME/v1.0/devices",
		"http://user@HOSTNAME/v1.0/devices", "http://HOSTNAME.evil.example/v1.0/devices",
		"HOST/v1.0/users", "HOST/beta/devices", "HOST/v1.0/devicesx", "HOST/v1.0/Devices", "HOST/v1.0/devices.json",
		"HOST/v1.0/devices/../users", "HOST/v1.0/devices/%2e%2e/users", "HOST/v1.0/devices/..%2fusers", "HOST/v1.0/devices/..%5cusers",
		"HOST/v1.0/devices/%252e%252e/users", "HOST/v1.0/devices/a%252f..%252f..%252fusers", "HOST/v1.0/devices/..;/users",
		"HOST/v1.0/devices//../users", "HOST/v1.0//devices", "HOST/v1.0/devices/%00", "HOST/v1.0/x/../devices",
	}
	for _, link := range links {
		t.Run(link, func(t *testing.T) {
			given := play(t)
			root := given.DeltaLink(graph.DeltaQuery{})
			host := strings.TrimSuffix(root, "/v1.0/devices/delta")
			filled := strings.NewReplacer("HOSTNAME", strings.TrimPrefix(host, "http://"), "HOST", host).Replace(link)
			_, err := given.Devices(t.Context(), graph.Link{URL: filled})
			wantArgument(t, err, "link")
			_, err = given.Related(t.Context(), graph.Link{URL: filled})
			wantArgument(t, err, "link")
			if link == "" || link == "x" {
				return // as a next link, "" is the end and "x" is below /devices/delta
			}
			if _, err = given.Delta(t.Context(), filled); err == nil {
				t.Error("a delta link was followed")
			}
			sent := play(t, get("/devices", `{"value":[],"@odata.nextLink":"`+strings.ReplaceAll(link, "HOSTNAME", "127.0.0.1:1")+`"}`))
			page, err := sent.Devices(t.Context(), sent.DevicesLink(graph.Query{}))
			// Resolving a next link takes its dots away, and two of these are fine then.
			resolved := []string{sent.DevicesLink(graph.Query{}).URL, sent.DevicesLink(graph.Query{}).URL + "/users"}
			if err == nil && !slices.Contains(resolved, page.Next.URL) {
				t.Errorf("the next link is taken: %+v", page.Next)
			}
		})
	}
}

func TestDirectoryCount(t *testing.T) {
	all := step{method: http.MethodGet, uri: "/devices/$count", consistency: advanced, status: 200, answer: "\ufeff893\r\n"}
	some := step{
		method: http.MethodGet, uri: "/devices/$count?$filter=isManaged%20eq%20true&$search=%22displayName:x%22", consistency: advanced,
		status: 200, answer: "0",
	}
	directory := play(t, all, some)
	if n, err := directory.CountDevices(t.Context(), graph.Query{}); n != 893 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	q := graph.Query{Filter: "isManaged eq true", Search: `"displayName:x"`, Top: 3, Select: []string{"id"}}
	if n, err := directory.CountDevices(t.Context(), q); n != 0 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	for _, text := range []string{"", "many", "-1", `{"value":1}`} {
		bad := all
		bad.answer = text
		if n, err := play(t, bad).CountDevices(t.Context(), graph.Query{}); err == nil {
			t.Errorf("%q counts as %d", text, n)
		}
	}
}

func TestDirectoryRelated(t *testing.T) {
	for _, r := range []graph.Relationship{graph.MemberOf, graph.TransitiveMemberOf, graph.RegisteredOwners, graph.RegisteredUsers} {
		t.Run(string(r), func(t *testing.T) {
			path := "/devices(deviceId='it%27%27s')/" + string(r)
			// Graph escapes the key as it likes in a next link.
			first := get(path+"?$top=1&$count=true", `{"@odata.count":2,"@odata.nextLink":"HOST/v1.0/devices(deviceId='it''s')/`+string(r)+`?$skiptoken=1",`+
				`"value":[{"@odata.type":"#microsoft.graph.group","id":"`+groupID+`","displayName":"All Users","groupTypes":[]}]}`)
			second := get("/devices(deviceId='it''s')/"+string(r)+"?$skiptoken=1", `{"value":[{"id":"b"}]}`)
			first.consistency, second.consistency = advanced, advanced
			directory := play(t, first, second)
			link, err := directory.RelatedLink(graph.DeviceKey{DeviceID: "it's"}, r, graph.Query{Top: 1, Count: true})
			if err != nil {
				t.Fatal(err)
			}
			page, err := directory.Related(t.Context(), link)
			if err != nil || len(page.Objects) != 1 || page.Count == nil || *page.Count != 2 || page.Next == nil {
				t.Fatalf("got %+v, %v", page, err)
			}
			if o := page.Objects[0]; o.ID != groupID || o.ODataType != "#microsoft.graph.group" {
				t.Errorf("got %+v", o)
			}
			if text, _ := events.Marshal(page.Objects[0]); !strings.Contains(string(text), `"displayName":"All Users"`) {
				t.Errorf("the group lost its name: %s", text)
			}
			page, err = directory.Related(t.Context(), *page.Next)
			if err != nil || len(page.Objects) != 1 || page.Next != nil {
				t.Errorf("got %+v, %v", page, err)
			}
		})
	}
}

func TestDirectoryRefusesAnswersThatAreNone(t *testing.T) {
	for _, body := range []string{"null", "{}", "[]", `{"value":null}`, `{"value":{}}`, `{"value":[1]}`, `{"value":[[]]}`, `{"value":[`} {
		directory := play(t, get("/devices", body), get("/devices/delta", body))
		if page, err := directory.Devices(t.Context(), directory.DevicesLink(graph.Query{})); err == nil {
			t.Errorf("%s gives %+v", body, page)
		}
		if page, err := directory.Delta(t.Context(), ""); err == nil {
			t.Errorf("%s gives %+v", body, page)
		}
	}
	for _, body := range []string{"null", "[]", `"x"`, "<html>"} {
		if device, err := play(t, get("/devices/"+objectID, body)).Device(t.Context(), graph.DeviceKey{ID: objectID}, graph.Query{}); err == nil {
			t.Errorf("%s gives %+v", body, device)
		}
	}
}

func TestDirectoryReadsAreRetried(t *testing.T) {
	throttled := step{method: http.MethodGet, uri: "/devices", status: http.StatusTooManyRequests, header: map[string]string{"Retry-After": "0.01"}}
	directory := play(t, throttled, throttled, get("/devices", emptyList))
	if _, err := directory.Devices(t.Context(), directory.DevicesLink(graph.Query{})); err != nil {
		t.Error(err)
	}
	missing := step{
		method: http.MethodGet, uri: "/devices/" + objectID, status: http.StatusNotFound, answer: graphError("Request_ResourceNotFound", "none"),
	}
	_, err := play(t, missing).Device(t.Context(), graph.DeviceKey{ID: objectID}, graph.Query{})
	if e, ok := errors.AsType[*graph.Error](err); !ok || !graph.IsNotFound(err) || e.Code != "Request_ResourceNotFound" || e.RequestID != "r-1" {
		t.Errorf("got %v", err)
	}
}
