package bridge_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge"
	"devicebridge/events"
)

// list gives the request ids of one page, and its cursor.
func (r *rig) list(body string) (ids []string, cursor string) {
	r.t.Helper()
	reply, err := r.List(r.t.Context(), []byte(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if reply.Commands == nil {
		r.t.Errorf("%s: commands is null, want a list", body)
	}
	for _, c := range reply.Commands {
		ids = append(ids, c.RequestID)
	}
	return ids, reply.Cursor
}

// listAll gives what all pages hold, and how many there were.
func (r *rig) listAll(members string) (ids []string, pages int) {
	r.t.Helper()
	cursor := ""
	for {
		body := "{" + members + "}"
		if cursor != "" {
			body = fmt.Sprintf(`{%s,"cursor":%q}`, members, cursor)
		}
		page, next := r.list(body)
		ids, pages = append(ids, page...), pages+1
		if next == "" || pages > 100 {
			return ids, pages
		}
		cursor = next
	}
}

// fill stores n commands "1" to "n" and gives their ids, newest first.
func (r *rig) fill(n int) []string {
	r.t.Helper()
	var ids []string
	for i := range n {
		id := fmt.Sprint(i + 1)
		r.send(launch(`"requestId":"` + id + `"`))
		ids = append(ids, id)
	}
	slices.Reverse(ids)
	return ids
}

func TestListIsNewestFirst(t *testing.T) {
	r := newRig(t)
	if ids, cursor := r.list(``); ids != nil || cursor != "" {
		t.Errorf("an empty stream lists %v, cursor %q", ids, cursor)
	}
	all := r.fill(7)
	// Later events of an old command do not move it.
	r.Look(t.Context(), events.RequestCommandID("2"), delivery(1))
	r.take(queued(1, []byte(`{"requestId":"bad"}`)))
	r.callback(`{"requestId":"watch"}`)
	all = append([]string{"watch", "bad"}, all...)
	if ids, cursor := r.list(`{}`); !slices.Equal(ids, all) || cursor != "" {
		t.Errorf("list %v, cursor %q; want %v", ids, cursor, all)
	}
	for _, limit := range []int{1, 2, 3, 8, 9, 200} {
		ids, pages := r.listAll(fmt.Sprintf(`"limit":%d`, limit))
		if want := len(all)/limit + 1; !slices.Equal(ids, all) || pages > want {
			t.Errorf("limit %d: %v in %d pages, want %v in at most %d", limit, ids, pages, all, want)
		}
	}
}

func TestListGivesTheLatestRecordsWithoutPayloads(t *testing.T) {
	r := newRig(t)
	waiting := r.send(call(`"requestId":"waiting"`)).Command
	done := r.sent(call(`"requestId":"done"`)).Command.ID
	r.postback(done, `{"id":"g1","status":"executing","responsePayload":1}`)
	r.postback(done, `{"id":"g1","responsePayload":2}`)
	reply, err := r.List(t.Context(), nil)
	if err != nil || len(reply.Commands) != 2 {
		t.Fatalf("%v, %v", reply, err)
	}
	want := r.latest(done).Command
	want.ResponsePayload = nil
	waiting.Payload = nil
	if got := reply.Commands; text(t, got[0]) != text(t, want) || text(t, got[1]) != text(t, waiting) {
		t.Errorf("list\n%s\n%s, want\n%s\n%s", text(t, got[0]), text(t, got[1]), text(t, want), text(t, waiting))
	}
}

func TestListFilters(t *testing.T) {
	r := newRig(t)
	r.fill(6)
	for _, id := range []string{"1", "4", "5"} {
		r.Look(t.Context(), events.RequestCommandID(id), delivery(1))
	}
	r.send([]byte(`{"requestId":"other","deviceId":"d.2","type":"launchUri","payload":{"uri":"a:"}}`))
	for _, c := range []struct {
		body, want string
	}{
		{`{"state":"requesting"}`, "5 4 1"},
		{`{"state":"accepted"}`, "other 6 3 2"},
		{`{"state":"completed"}`, ""},
		{`{"deviceId":"d.2"}`, "other"},
		{`{"deviceId":"d1","state":"accepted"}`, "6 3 2"},
		{`{"deviceId":"nobody's"}`, ""},
	} {
		ids, _ := r.list(c.body)
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.body, got, c.want)
		}
	}
	if ids, _ := r.listAll(`"state":"requesting","limit":2`); strings.Join(ids, " ") != "5 4 1" {
		t.Errorf("paged: %v", ids)
	}
}

// TestListGivesUpOnARareStateWithACursor: one request looks through a bounded
// stretch, and the next goes on from there.
func TestListGivesUpOnARareStateWithACursor(t *testing.T) {
	r := build(t, new(memory), nil)
	r.fill(30)
	r.Look(t.Context(), events.RequestCommandID("3"), delivery(1))
	ids, cursor := r.list(`{"state":"requesting","limit":2}`)
	if ids != nil || cursor == "" {
		t.Errorf("the first answer: %v, cursor %q; want none yet", ids, cursor)
	}
	if ids, pages := r.listAll(`"state":"requesting","limit":2`); strings.Join(ids, " ") != "3" || pages != 2 {
		t.Errorf("%v in %d pages, want 3 in 2", ids, pages)
	}
}

func TestThePageLimit(t *testing.T) {
	r := build(t, new(memory), nil)
	r.fill(60)
	if ids, _ := r.list(`{}`); len(ids) != 50 {
		t.Errorf("%d commands by default, want 50", len(ids))
	}
	if ids, _ := r.list(`{"limit":0}`); len(ids) != 50 {
		t.Errorf("%d commands for 0, want 50", len(ids))
	}
}

// TestAPageFitsAMessage: records that are long are fewer to a page.
func TestAPageFitsAMessage(t *testing.T) {
	const largest = reserve + 4000
	r := build(t, new(memory), func(o *bridge.Options) { o.MaxMessage = largest })
	all := r.fill(40)
	reply, err := r.List(t.Context(), []byte(`{"limit":200}`))
	if size := len(text(t, reply)); err != nil || size > largest || len(reply.Commands) < 5 || reply.Cursor == "" {
		t.Errorf("%d commands in %d bytes, cursor %q, %v", len(reply.Commands), size, reply.Cursor, err)
	}
	if ids, _ := r.listAll(`"limit":200`); !slices.Equal(ids, all) {
		t.Errorf("all pages: %v, want %v", ids, all)
	}
}

// vanishing loses a command between the list and its read.
type vanishing struct{ store }

func (v vanishing) Latest(ctx context.Context, id string) (events.Stored, error) {
	if id == events.RequestCommandID("2") {
		return events.Stored{}, events.NotFound("gone")
	}
	return v.store.Latest(ctx, id)
}

func TestListLeavesOutWhatHasLeftTheStream(t *testing.T) {
	r := build(t, new(memory), nil)
	r.fill(3)
	gone := build(t, vanishing{r.tap.store}, nil)
	if ids, cursor := gone.list(`{}`); strings.Join(ids, " ") != "3 1" || cursor != "" {
		t.Errorf("list %v, cursor %q", ids, cursor)
	}
	gone.tap.read = func(string) error { return events.Unavailable("down") }
	_, err := gone.List(t.Context(), nil)
	wantCode(t, err, events.CodeUnavailable)
}

func TestListRefusals(t *testing.T) {
	r := build(t, new(memory), nil)
	for _, c := range []struct{ body, field, message string }{
		{`{"state":"done"}`, "state", "state is not a state of a command"},
		{`{"state":"response"}`, "state", "state is not a state of a command"},
		{`{"limit":-1}`, "limit", "limit is not from 1 to 200"},
		{`{"limit":201}`, "limit", "limit is not from 1 to 200"},
		{`{"limit":1.5}`, "limit", "limit is a JSON number 1.5; a whole number is needed"},
		{`{"limit":` + strings.Repeat("1", 999) + `}`, "limit", "limit is a JSON number " + strings.Repeat("1", 57) + "; a whole number is needed"},
		{`{"limit":"5"}`, "limit", "limit is a JSON string; a whole number is needed"},
		{`{"deviceId":"` + strings.Repeat("d", 257) + `"}`, "deviceId", "deviceId is too long for a device id"},
		{`{"cursor":"x"}`, "cursor", "cursor is not one of this bridge's answers"},
		{`{"cursor":"0"}`, "cursor", "cursor is not one of this bridge's answers"},
		{`{"cursor":"-1"}`, "cursor", "cursor is not one of this bridge's answers"},
		{`{"cursor":7}`, "cursor", "cursor is a JSON number; a string is needed"},
		{`{"offset":1}`, "offset", "offset is not a member of this request; it takes state, deviceId, limit, cursor"},
	} {
		_, err := r.List(t.Context(), []byte(c.body))
		wantError(t, err, events.CodeInvalid, c.field, c.message)
	}
}
