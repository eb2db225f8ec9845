package directory_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge/directory"
	"devicebridge/bridge/graph"
	"devicebridge/events"
	"devicebridge/schemas/validate"
)

func TestNewNeedsGraph(t *testing.T) {
	if _, err := directory.New(directory.Options{}); err == nil || !strings.Contains(err.Error(), "Options.Graph") {
		t.Errorf("got %v", err)
	}
}

// full is a Graph whose every answer has something in it.
func full() *scripted {
	two := int64(2)
	next := &graph.Link{URL: "next", Eventual: true}
	return &scripted{
		devices: graph.DevicePage{Devices: []events.DirectoryDevice{{ID: objectID, DeviceCategory: events.Null[string]()}}, Count: &two, Next: next},
		objects: graph.ObjectPage{Objects: []events.DirectoryObject{{ID: groupID, ODataType: "#microsoft.graph.group"}}, Count: &two, Next: next},
		changes: graph.DeltaPage{
			Changes: []graph.DeltaChange{
				{ID: "a", Reason: "changed"}, {ID: "b", Device: []byte(`{"id":"b"}`)}, {ID: "a", Device: []byte(`{"id":"a","model":null,"x":1}`)},
				{ID: "b", Reason: "deleted"},
			},
			DeltaLink: "later",
		},
		device: events.DirectoryDevice{ID: objectID},
		ids:    []string{groupID},
	}
}

func TestRequestsReachGraphAndItsAnswersTheRequester(t *testing.T) {
	for _, c := range []struct{ endpoint, body, asked, reply string }{
		{"list", ``, `DevicesLink {Select:[] Filter: Search: OrderBy: Expand: Top:0 Count:false}; Devices {URL:first Eventual:false}`, `{"devices":[{"id":"` + objectID + `","deviceCategory":null}],"count":2,"nextPageToken":"TOKEN"}`},
		{
			"list", `{"select":["id"],"filter":"f","search":"s","orderby":"o","top":999,"expand":"e","count":true}`,
			`DevicesLink {Select:[id] Filter:f Search:s OrderBy:o Expand:e Top:999 Count:true}; Devices {URL:first Eventual:true}`, ``,
		},
		{"get", `{"id":"a"}`, `Device {ID:a DeviceID:} {Select:[] Filter: Search: OrderBy: Expand: Top:0 Count:false}`, `{"device":{"id":"` + objectID + `"}}`},
		{"get", `{"deviceId":"it's","select":["id","model"],"expand":"memberOf"}`, `Device {ID: DeviceID:it's} {Select:[id model] Filter: Search: OrderBy: Expand:memberOf Top:0 Count:false}`, ``},
		{"count", `{}`, `CountDevices {Select:[] Filter: Search: OrderBy: Expand: Top:0 Count:false}`, `{"count":893}`},
		{"count", `{"filter":"f","search":"s"}`, `CountDevices {Select:[] Filter:f Search:s OrderBy: Expand: Top:0 Count:false}`, ``},
		{"delta", `{}`, `DeltaLink {Select:[] Filter: Latest:false}; Delta delta`, `{"devices":[{"id":"b"},{"id":"a","model":null,"x":1}],"removed":[{"id":"b","reason":"deleted"}],"deltaToken":"TOKEN"}`},
		{"delta", `{"select":["id"],"filter":"id eq 'a'","latest":true}`, `DeltaLink {Select:[id] Filter:id eq 'a' Latest:true}; Delta delta`, ``},
		{"create", `{"device":` + newOne + `}`, `CreateDevice ` + newOne, `{"device":{"id":"` + objectID + `"}}`},
		{"update", `{"id":"a","changes":{"deviceCategory":null,"extension_1_rack":{"row":7}}}`, `UpdateDevice {ID:a DeviceID:} {"deviceCategory":null,"extension_1_rack":{"row":7}}`, `{}`},
		{"delete", `{"deviceId":"d"}`, `DeleteDevice {ID: DeviceID:d}`, `{}`},
		{"checkMemberObjects", `{"id":"a","ids":["b","c"]}`, `CheckMemberObjects {ID:a DeviceID:} [b c]`, `{"ids":["` + groupID + `"]}`},
		{"getMemberObjects", `{"id":"a","securityEnabledOnly":true}`, `GetMemberObjects {ID:a DeviceID:} true`, `{"ids":["` + groupID + `"]}`},
		{"getMemberObjects", `{"deviceId":"a"}`, `GetMemberObjects {ID: DeviceID:a} false`, ``},
		{"registeredOwners.add", `{"id":"a","objectId":"u"}`, `AddReference {ID:a DeviceID:} registeredOwners u`, `{}`},
		{"registeredOwners.remove", `{"deviceId":"a","objectId":"u"}`, `RemoveReference {ID: DeviceID:a} registeredOwners u`, `{}`},
		{"registeredUsers.add", `{"id":"a","objectId":"u"}`, `AddReference {ID:a DeviceID:} registeredUsers u`, `{}`},
		{"registeredUsers.remove", `{"id":"a","objectId":"u"}`, `RemoveReference {ID:a DeviceID:} registeredUsers u`, `{}`},
		{"memberOf.list", `{"id":"a"}`, `RelatedLink {ID:a DeviceID:} memberOf {Select:[] Filter: Search: OrderBy: Expand: Top:0 Count:false}; Related {URL:first memberOf Eventual:false}`, `{"objects":[{"@odata.type":"#microsoft.graph.group","id":"` + groupID + `"}],"count":2,"nextPageToken":"TOKEN"}`},
		{"transitiveMemberOf.list", `{"deviceId":"a","select":["id"],"filter":"f","search":"s","orderby":"o","top":1,"expand":"e","count":true}`, `RelatedLink {ID: DeviceID:a} transitiveMemberOf {Select:[id] Filter:f Search:s OrderBy:o Expand:e Top:1 Count:true}; Related {URL:first transitiveMemberOf Eventual:false}`, ``},
		{"registeredOwners.list", `{"id":"a"}`, `RelatedLink {ID:a DeviceID:} registeredOwners {Select:[] Filter: Search: OrderBy: Expand: Top:0 Count:false}; Related {URL:first registeredOwners Eventual:false}`, ``},
		{"registeredUsers.list", `{"id":"a"}`, `RelatedLink {ID:a DeviceID:} registeredUsers {Select:[] Filter: Search: OrderBy: Expand: Top:0 Count:false}; Related {URL:first registeredUsers Eventual:false}`, ``},
	} {
		g := full()
		reply := ask(t, service(t, g)[c.endpoint], c.body)
		if got := strings.Join(g.asked, "; "); got != c.asked {
			t.Errorf("%s %s asks\n%s, want\n%s", c.endpoint, c.body, got, c.asked)
		}
		members := read[map[string]any](t, reply)
		for _, name := range []string{"nextPageToken", "deltaToken"} {
			if token, ok := members[name].(string); ok {
				reply = strings.ReplaceAll(reply, token, "TOKEN")
			}
		}
		if c.reply != "" && reply != c.reply {
			t.Errorf("%s %s answers\n%s, want\n%s", c.endpoint, c.body, reply, c.reply)
		}
	}
}

func TestAnEmptyAnswerHasEmptyLists(t *testing.T) {
	g := &scripted{changes: graph.DeltaPage{NextLink: "x"}}
	endpoints := service(t, g)
	for name, want := range map[string]string{
		"list": `{"devices":[]}`, "memberOf.list": `{"objects":[]}`, "getMemberObjects": `{"ids":[]}`, "delta": `{"devices":[],"removed":[],`,
	} {
		body := `{"id":"a"}`
		if name == "list" || name == "delta" {
			body = `{}`
		}
		if got := ask(t, endpoints[name], body); !strings.HasPrefix(got, want) {
			t.Errorf("%s answers %s", name, got)
		}
	}
}

// What an endpoint takes, its schema takes, and what it refuses, its schema
// refuses; its replies fit.
func TestEndpointsKeepTheirSchemas(t *testing.T) {
	set, err := validate.Compile()
	if err != nil {
		t.Fatal(err)
	}
	key := []string{`{}`, `{"id":7}`, `{"id":""}`, `{"ID":"a"}`, `{"id":"a","x":1}`, `{"deviceId":null}`}
	paging := append(slices.Clone(key), `{"id":"a","top":1000}`, `{"id":"a","top":-1}`, `{"id":"a","select":[""]}`, `{"id":"a","select":"id"}`)
	references := append(slices.Clone(key), `{"objectId":"u"}`)
	cases := map[string]struct{ good, bad []string }{
		"list": {[]string{``, `{}`, `{"top":0,"count":false}`}, []string{
			`[]`, `{"x":1}`, `{"$select":["id"]}`, `{"select":"id"}`, `{"select":[""]}`, `{"filter":""}`, `{"top":1000}`, `{"top":"1"}`, `{"count":1}`,
		}},
		"get":                     {[]string{`{"id":"a"}`, `{"deviceId":"a","expand":"memberOf"}`}, append(slices.Clone(key), `{"id":"a","top":1}`, `{"id":"a","select":[""]}`)},
		"count":                   {[]string{`{}`, `{"search":"s"}`}, []string{`{"count":true}`, `{"filter":7}`}},
		"delta":                   {[]string{`{}`, `{"latest":true}`}, []string{`{"top":1}`, `{"latest":"yes"}`, `{"select":[""]}`}},
		"create":                  {[]string{`{"device":` + newOne + `}`}, []string{`{}`, newOne, `{"device":{}}`, `{"device":{"displayName":"x"}}`, `{"device":[]}`, `{"device":null}`}},
		"update":                  {[]string{`{"id":"a","changes":{"model":null}}`}, append(slices.Clone(key), `{"id":"a","changes":{}}`, `{"changes":{"model":null}}`, `{"id":"a","changes":{"accountEnabled":"no"}}`)},
		"delete":                  {[]string{`{"id":"a"}`}, key},
		"checkMemberObjects":      {[]string{`{"id":"a","ids":["b"]}`}, append(slices.Clone(key), `{"id":"a"}`, `{"id":"a","ids":[]}`, `{"id":"a","ids":[""]}`, `{"id":"a","ids":"b"}`)},
		"getMemberObjects":        {[]string{`{"id":"a"}`}, append(slices.Clone(key), `{"id":"a","securityEnabledOnly":"no"}`)},
		"memberOf.list":           {[]string{`{"id":"a"}`, `{"deviceId":"a","top":999}`}, paging},
		"transitiveMemberOf.list": {[]string{`{"id":"a"}`}, paging},
		"registeredOwners.list":   {[]string{`{"id":"a"}`}, paging},
		"registeredUsers.list":    {[]string{`{"id":"a"}`}, paging},
		"registeredOwners.add":    {[]string{`{"id":"a","objectId":"u"}`}, references},
		"registeredOwners.remove": {[]string{`{"id":"a","objectId":"u"}`}, references},
		"registeredUsers.add":     {[]string{`{"id":"a","objectId":"u"}`}, references},
		"registeredUsers.remove":  {[]string{`{"id":"a","objectId":"u"}`}, references},
	}
	g := full()
	endpoints := service(t, g)
	if got, want := slices.Sorted(maps.Keys(endpoints)), slices.Sorted(maps.Keys(cases)); !slices.Equal(got, want) {
		t.Fatalf("endpoints %v, want %v", got, want)
	}
	for name, c := range cases {
		e := endpoints[name]
		for _, body := range c.good {
			reply := ask(t, e, body)
			if err := set.Validate(e.Request, []byte(cmp.Or(body, "{}"))); err != nil {
				t.Errorf("%s takes %s, its schema does not: %v", e.Name, body, err)
			}
			if err := set.Validate(e.Reply, []byte(reply)); err != nil {
				t.Errorf("%s answers %s: %v", e.Name, reply, err)
			}
		}
		g.asked = nil
		for _, body := range c.bad {
			refusal := refused(t, e, body, events.CodeInvalid)
			if set.Validate(e.Request, []byte(body)) == nil {
				t.Errorf("%s refuses %s, its schema does not", e.Name, body)
			}
			if err := set.Validate("error", []byte(jsonOf(events.ErrorReply{Error: refusal}))); err != nil {
				t.Errorf("%s: %v", e.Name, err)
			}
		}
		if len(g.asked) > 0 {
			t.Errorf("%s asks Graph for what it refuses: %v", name, g.asked)
		}
	}
}

func TestRefusalsNameTheMember(t *testing.T) {
	endpoints := service(t, full())
	for _, c := range []struct{ endpoint, body, field, words string }{
		{"list", `{"Top":5}`, "Top", "did you mean top?"},
		{"list", `{"top":1000}`, "top", "1 to 999"},
		{"list", `{"count":"yes"}`, "count", "a boolean is needed"},
		{"list", `{"select":"id"}`, "select", "a list is needed"},
		{"list", `{"filter":null}`, "filter", "leave it out"},
		{"get", `{}`, "id", "deviceId"},
		{"get", `{"id":"a","id":"b"}`, "id", "twice"},
		{"create", `{"device":{"displayName":"x"}}`, "device.accountEnabled", "missing"},
		{"create", `{"device":` + strings.Replace(newOne, `"linux"`, `null`, 1) + `}`, "device.operatingSystem", "missing"},
		{"create", `{"device":{"accountEnabled":true,"accountEnabled":false}}`, "device.accountEnabled", "twice"},
		{"create", `{"device":"x"}`, "device", "an object is needed"},
		{"update", `{"id":"a","changes":{}}`, "changes", "null to clear"},
		{"update", `{"id":"a","changes":{"isManaged":"no"}}`, "changes.isManaged", "a boolean is needed"},
		{"update", `{"id":"a","changes":{"deviceVersion":1.5}}`, "changes.deviceVersion", "a whole number is needed"},
	} {
		refusal := refused(t, endpoints[c.endpoint], c.body, events.CodeInvalid)
		if refusal.Field != c.field || !strings.Contains(refusal.Message, c.words) || !strings.HasPrefix(refusal.Message, c.field+" ") {
			t.Errorf("%s %s: %+v, want %q of %s", c.endpoint, c.body, refusal, c.words, c.field)
		}
	}
}

func TestNothingIsChangedUnlessItIsSwitchedOn(t *testing.T) {
	g := full()
	writes := 0
	on := service(t, g)
	for name, e := range service(t, g, func(o *directory.Options) { o.Write = false }) {
		if !strings.Contains(e.Description, "only where writing is switched on") {
			continue
		}
		writes++
		refusal := refused(t, e, `{"id":"a","objectId":"u"}`, events.CodeForbidden)
		if !strings.Contains(refusal.Message, "BRIDGE_DIRECTORY=write") {
			t.Errorf("%s: %s", name, refusal.Message)
		}
	}
	if writes != 7 || len(g.asked) != 0 {
		t.Errorf("%d endpoints write, Graph was asked %v", writes, g.asked)
	}
	if ask(t, on["delete"], `{"id":"a"}`); len(g.asked) != 1 {
		t.Errorf("switched on, Graph was asked %v", g.asked)
	}
}
