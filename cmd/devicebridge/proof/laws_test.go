package proof

import (
	"slices"
	"strings"
	"testing"

	"devicebridge/events"
)

const (
	one = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	two = "baaaaaaaaaaaaaaaaaaaaaaaaa"
)

// told gives the events of a command from their kinds; what comes after an end
// leaves the state as it is, and a conflict is about the status error.
func told(command, marker string, kinds ...events.Kind) []event {
	c := events.Command{ID: command, Payload: []byte(`{"marker":"` + marker + `"}`), Response: events.ResponseNone, GraphID: "g"}
	var list []event
	for _, k := range kinds {
		c.Sequence++
		if !c.Terminal || c.State == events.StateTimedOut {
			c.State = events.State(k)
			c.Terminal = c.State.Terminal()
		}
		if c.GraphStatus = string(k); k == events.KindConflict {
			c.GraphStatus = string(events.StateError)
		}
		list = append(list, event{ID: c.EventID(), Kind: k, Command: c})
		c.Payload = nil
	}
	return list
}

func done(command, marker string) []event {
	return told(command, marker, "accepted", "sending", "requesting", "sentToTarget", "executing", "completed")
}

func said(command, status string, answered int) postback {
	return postback{Command: command, Body: []byte(`{"id":"g","status":"` + status + `"}`), Status: answered}
}

func without(record []event, i int) []event { return slices.Delete(slices.Clone(record), i, i+1) }

func TestCheckFindsNothing(t *testing.T) {
	for name, test := range map[string]struct {
		books  books
		record []event
	}{
		"nothing at all": {},
		"one of each": {
			books{
				Asked: []asked{
					{Marker: "m1", Command: one, Acknowledged: true},
					{Marker: "m2", Queued: true, Acknowledged: true},
					{Marker: "m3", Queued: true}, {Marker: "m4"},
				},
				Posts:     []post{{Marker: "m1", Command: one, Status: 201}, {Marker: "m2", Command: two}},
				Postbacks: []postback{said(one, "completed", 202), said(two, "executing", 202), said(two, "sentToTarget", 202)},
			},
			slices.Concat(done(one, "m1"), done(two, "m2")),
		},
		"refused and sent again": {
			books{Posts: []post{
				{Marker: "m", Command: one, Status: 429}, {Marker: "m", Command: one, Status: 503, RetryAfter: true},
				{Marker: "m", Command: one, Status: 401}, {Marker: "m", Command: one, Status: 201},
			}},
			told(one, "m", "accepted", "sending", "deferred", "sending", "deferred", "sending", "deferred", "sending", "requesting", "completed"),
		},
		"a postback that was not taken": {books{Postbacks: []postback{said(one, "completed", 503), said(one, "completed", 0)}},
			told(one, "m", "accepted", "sending", "timedOut")},
		"contradicted": {books{Postbacks: []postback{said(one, "completed", 202), said(one, "error", 202)}},
			told(one, "m", "accepted", "sending", "completed", events.KindConflict)},
		"late after its time": {books{Postbacks: []postback{said(one, "executing", 202), said(one, "retry", 202)}},
			told(one, "m", "accepted", "sending", "timedOut")},
		"an end after its time": {books{Postbacks: []postback{said(one, "completed", 202)}},
			told(one, "m", "accepted", "sending", "timedOut", "completed")},
	} {
		t.Run(name, func(t *testing.T) {
			if found := check(test.books, test.record); len(found) > 0 {
				t.Errorf("found %v", found)
			}
		})
	}
}

func TestCheckFinds(t *testing.T) {
	again := done(one, "m")
	again[5].ID = again[4].ID
	pending := done(one, "m")
	pending[5].Command.Response = events.ResponsePending
	for name, test := range map[string]struct {
		books  books
		record []event
		want   []law
	}{
		"a receipt without a command":     {books{Asked: []asked{{Marker: "m", Command: one, Acknowledged: true}}}, nil, []law{lost}},
		"a callback without a command":    {books{Asked: []asked{{Command: one, Acknowledged: true}}}, nil, []law{lost}},
		"a queued request lost":           {books{Asked: []asked{{Marker: "m", Queued: true, Acknowledged: true}}}, done(two, "n"), []law{lost}},
		"a receipt for another command":   {books{Asked: []asked{{Marker: "m", Command: one, Acknowledged: true}}}, slices.Concat(done(one, "n"), done(two, "m")), []law{lost}},
		"a queued request twice":          {books{Asked: []asked{{Marker: "m", Queued: true, Acknowledged: true}}}, slices.Concat(done(one, "m"), done(two, "m")), []law{multiplied}},
		"a request without answer, twice": {books{Asked: []asked{{Marker: "m"}}}, slices.Concat(done(one, "m"), done(two, "m")), []law{multiplied}},
		"two POSTs": {books{Posts: []post{{Marker: "m", Command: one, Status: 201}, {Marker: "m", Command: one, Status: 201}}},
			done(one, "m"), []law{doubled, unclaimed}},
		"two POSTs, each with a claim": {books{Posts: []post{{Marker: "m", Command: one}, {Marker: "m", Command: one, Status: 201}}},
			told(one, "m", "accepted", "sending", "deferred", "sending", "completed"), []law{doubled}},
		"a POST after 503 without Retry-After": {books{Posts: []post{{Marker: "m", Command: one, Status: 503}, {Marker: "m", Command: one, Status: 201}}},
			told(one, "m", "accepted", "sending", "deferred", "sending", "completed"), []law{doubled}},
		"two POSTs of one request under two ids": {books{Posts: []post{{Marker: "m", Command: one}, {Marker: "m", Command: two}}},
			slices.Concat(done(one, "m"), done(two, "n")), []law{doubled, doubled}},
		"a POST without a claim":        {books{Posts: []post{{Marker: "m", Command: one, Status: 429}}}, told(one, "m", "accepted", "timedOut"), []law{unclaimed}},
		"a POST of nothing that exists": {books{Posts: []post{{Marker: "m", Command: one, Status: 201}}}, nil, []law{unclaimed}},
		"a gap":                         {books{}, without(done(one, "m"), 2), []law{gap}},
		"no beginning":                  {books{}, without(done(one, "m"), 0), []law{gap}},
		"an event id again":             {books{}, again, []law{repeated}},
		"an end that was acknowledged":  {books{Postbacks: []postback{said(one, "completed", 202)}}, told(one, "m", "accepted", "sending", "timedOut"), []law{unreflected}},
		"another end":                   {books{Postbacks: []postback{said(one, "error", 202)}}, done(one, "m"), []law{unreflected}},
		"progress":                      {books{Postbacks: []postback{said(one, "executing", 202)}}, told(one, "m", "accepted", "sending", "requesting"), []law{unreflected, open}},
		"a new attempt":                 {books{Postbacks: []postback{said(one, "retry", 202)}}, told(one, "m", "accepted", "sending", "executing"), []law{unreflected, open}},
		"a postback of nothing":         {books{Postbacks: []postback{said(one, "completed", 202)}}, nil, []law{unreflected}},
		"Graph's id":                    {books{Postbacks: []postback{{Command: one, Body: []byte(`{"id":"h"}`), Status: 202}}}, done(one, "m"), []law{unreflected}},
		"rubbish":                       {books{Postbacks: []postback{{Command: one, Body: []byte(`{}`), Status: 202}}}, done(one, "m"), []law{unreflected}},
		"no end":                        {books{}, told(one, "m", "accepted", "sending"), []law{open}},
		"a response":                    {books{}, pending, []law{open}},
	} {
		t.Run(name, func(t *testing.T) {
			var laws []law
			for _, v := range check(test.books, test.record) {
				laws = append(laws, v.Law)
			}
			if !slices.Equal(laws, test.want) {
				t.Errorf("found %v, want %v", laws, test.want)
			}
		})
	}
}

func TestHistory(t *testing.T) {
	b := books{Posts: []post{{Command: one, Status: 201}}, Postbacks: []postback{said(one, "executing", 202), said(two, "error", 202)}}
	got := history(b, slices.Concat(done(one, "m"), done(two, "n")), one)
	for _, words := range []string{"event 6 completed", "POST to Graph, answered 201", "postback executing to replica 0, answered 202"} {
		if strings.Count(got, words) != 1 {
			t.Errorf("%q is there %d times in\n%s", words, strings.Count(got, words), got)
		}
	}
	if strings.Contains(got, "error") {
		t.Errorf("another command's history is in\n%s", got)
	}
}
