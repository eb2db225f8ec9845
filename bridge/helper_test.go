package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/events"
)

const (
	pollFirst = 30 * time.Second
	lease     = time.Minute
	grace     = time.Hour
)

// store is everything a bridge needs of NATS.
type store interface {
	bridge.Stream
	bridge.Shelf
	bridge.Watcher
	bridge.Timers
	bridge.Payloads
	bridge.Eraser
}

// start gives a real bus on an embedded server, with its streams.
func start(t *testing.T) *bus.Bus {
	t.Helper()
	server, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: t.TempDir(), LazySync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	b, err := bus.Connect(within(t), bus.Options{Server: server, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(context.WithoutCancel(t.Context())) })
	if err := b.Ensure(within(t), bus.StreamOptions{MaxBytes: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	return b
}

// within bounds a wait for what surely comes, however slow the machine.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// clock is a bridge's clock, moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is a bridge on a store behind a tap, with a scripted Graph.
type rig struct {
	*bridge.Bridge
	t     *testing.T
	tap   *tap
	graph *scripted
	clock *clock
	// subject is the command that a test of several is about.
	subject string
}

// newRig gives a bridge on a bus of its own.
func newRig(t *testing.T) *rig {
	t.Helper()
	return build(t, start(t), nil)
}

// build gives a bridge on s; change may change its options.
func build(t *testing.T, s store, change func(*bridge.Options)) *rig {
	t.Helper()
	return assemble(t, &rig{t: t, tap: &tap{store: s}, graph: new(scripted), clock: newClock()}, change)
}

// another gives a second bridge, as another replica: on the same store, Graph
// and clock, behind a tap of its own.
func (r *rig) another() *rig {
	r.t.Helper()
	return r.build(nil)
}

// build gives another bridge with options of its own.
func (r *rig) build(change func(*bridge.Options)) *rig {
	r.t.Helper()
	return assemble(r.t, &rig{t: r.t, tap: &tap{store: r.tap.store}, graph: r.graph, clock: r.clock}, change)
}

func assemble(t *testing.T, r *rig, change func(*bridge.Options)) *rig {
	t.Helper()
	o := bridge.Options{
		Stream: r.tap, Shelf: r.tap, Watcher: r.tap, Timers: r.tap, Payloads: r.tap, Eraser: r.tap,
		Sender: r.graph, Observer: r.graph, Directory: r.graph, Callbacks: urls{},
		Lease: lease, Now: r.clock.Now,
	}
	if change != nil {
		change(&o)
	}
	var err error
	if r.Bridge, err = bridge.New(o); err != nil {
		t.Fatal(err)
	}
	return r
}

// urls mints readable callback URLs.
type urls struct{}

func (urls) CallbackURL(command string, expiry time.Time) string {
	return "https://bridge.example/" + command + "/" + expiry.UTC().Format(time.RFC3339)
}

func (urls) Tokens(string, time.Time) []string { return nil }

// launch is the body of a launchUri request with further members.
func launch(members ...string) []byte { return request(launchURI, members...) }

// call is the body of an appService request with further members.
func call(members ...string) []byte { return request(appService, members...) }

const (
	launchURI  = `"deviceId":"d1","type":"launchUri","payload":{"uri":"https://example.com/"}`
	appService = `"deviceId":"d1","type":"appService","payload":{"a":1},"appServiceName":"svc","packageFamilyName":"pkg"`
)

func request(members string, more ...string) []byte {
	return []byte("{" + strings.Join(append([]string{members}, more...), ",") + "}")
}

// send asks for a command and gives its accepted event as a consumer would.
func (r *rig) send(body []byte) events.Stored {
	r.t.Helper()
	receipt, err := r.Send(r.t.Context(), nil, body)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.latest(receipt.Command.ID)
}

// sent takes a new command through the happy POST.
func (r *rig) sent(body []byte) events.Stored {
	r.t.Helper()
	from := r.send(body)
	if wait := r.Dispatch(r.t.Context(), from, delivery(1)); wait != 0 {
		r.t.Fatalf("dispatch comes again after %v", wait)
	}
	return r.latest(from.Command.ID)
}

// latest reads a command past the tap.
func (r *rig) latest(id string) events.Stored {
	r.t.Helper()
	stored, err := r.tap.store.Latest(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return stored
}

// history gives every event of a command, checked to be without gaps.
func (r *rig) history(id string) []events.Stored {
	r.t.Helper()
	var list []events.Stored
	see := func(e events.Stored) error { list = append(list, e); return nil }
	var err error
	switch s := r.tap.store.(type) {
	case *bus.Bus:
		err = s.Follow(within(r.t), bus.FollowOptions{Filter: s.Subjects().CommandFilter(id), All: true, Latest: true}, see)
	case *memory:
		list = s.history(id)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	for i, e := range list {
		if e.Command.Sequence != i+1 {
			r.t.Errorf("event %d of %s has n = %d", i+1, id, e.Command.Sequence)
		}
	}
	return list
}

// wantStory fails unless the kinds of a command's events are those of story.
func (r *rig) wantStory(id, story string) {
	r.t.Helper()
	var kinds []string
	for _, e := range r.history(id) {
		kinds = append(kinds, string(e.Kind))
	}
	if got := strings.Join(kinds, " "); got != story {
		r.t.Errorf("story %q, want %q", got, story)
	}
}

func (r *rig) wantPosts(n int) {
	r.t.Helper()
	if got := len(r.graph.sent()); got != n {
		r.t.Errorf("%d POSTs, want %d", got, n)
	}
}

// delivery is the count-th delivery of a message.
func delivery(count uint64) bridge.Delivery {
	return bridge.Delivery{Count: count, Alive: func() error { return nil }}
}

// observed reads an observation as the webhook does.
func observed(t *testing.T, body string) []events.Observation {
	t.Helper()
	list, err := events.ParseObservations([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// postback folds the body of a postback.
func (r *rig) postback(id, body string) {
	r.t.Helper()
	if err := r.Postback(r.t.Context(), id, observed(r.t, body)); err != nil {
		r.t.Fatal(err)
	}
}

// wantError fails unless err is exactly this refusal.
func wantError(t *testing.T, err error, code events.Code, field, message string) {
	t.Helper()
	refusal, ok := errors.AsType[*events.Error](err)
	if !ok {
		t.Fatalf("error %v, want %s", err, code)
	}
	if want := (events.Error{Code: code, Field: field, Message: message}); *refusal != want {
		t.Errorf("error %+v, want %+v", *refusal, want)
	}
}

// wantCode fails unless err is an *events.Error with the code.
func wantCode(t *testing.T, err error, code events.Code) {
	t.Helper()
	if !events.HasCode(err, code) {
		t.Errorf("error %v, want the code %s", err, code)
	}
}

// text gives v as JSON, for comparison.
func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// near reports whether d is want give or take the jitter of a tenth.
func near(d, want time.Duration) bool {
	return d >= want-want/10 && d <= want+want/10
}
