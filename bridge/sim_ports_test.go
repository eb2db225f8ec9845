package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// verdict is what the scheduler lets happen at a port.
type verdict int

const (
	// proceed: all is well.
	proceed verdict = iota
	// refuse: nothing happens and the caller is told so.
	refuse
	// unproven: the caller is told that it is not proven what happened. Before the
	// effect nothing did; after it, it did.
	unproven
	// crash: the replica dies here.
	crash
	// The answers to a POST.
	taken
	throttled
	notSent
	lostTaken
	lostNotTaken
	denied
)

// ports are what the simulated bridges see of the world.
type ports struct{ w *world }

// stop waits for the scheduler's verdict.
func (p ports) stop(ctx context.Context, port string) verdict {
	t, ok := ctx.Value(taskKey{}).(*task)
	if !ok {
		return proceed
	}
	p.w.mu.Lock()
	killed := t.killed
	t.port = port
	p.w.mu.Unlock()
	if killed {
		runtime.Goexit()
	}
	v := <-t.resume
	if v == crash {
		runtime.Goexit()
	}
	return v
}

// verdict chooses what happens at a port: mostly what should.
func (w *world) verdict(port string) verdict {
	all := map[string][]verdict{
		"append": {refuse, unproven}, "appended": {refuse, unproven},
		"read": {refuse}, "arm": {refuse}, "armed": {refuse}, "ready": {refuse}, "get": {refuse}, "put": {refuse}, "post": {proceed},
		"answer": {throttled, notSent, lostTaken, lostNotTaken, denied},
	}[port]
	good, odds := proceed, 10
	if port == "answer" {
		good, odds = taken, 2
	}
	if w.calm || w.choose(odds) > 0 {
		return good
	}
	return pick(w, all)
}

func outcomeOf(v verdict) error {
	switch v {
	case refuse:
		return events.Unavailable("down")
	case unproven:
		return events.ErrLost
	default:
		return nil
	}
}

func (p ports) Append(ctx context.Context, kind events.Kind, c events.Command, expected uint64) (uint64, error) {
	claim := kind == events.KindOf(events.StateSending)
	if claim && p.w.early {
		return expected, nil
	}
	seq, err := p.append(ctx, kind, c, expected)
	if err != nil && p.w.lies && claim {
		return expected + 1, nil
	}
	return seq, err
}

func (p ports) append(ctx context.Context, kind events.Kind, c events.Command, expected uint64) (uint64, error) {
	if err := outcomeOf(p.stop(ctx, "append")); err != nil {
		return 0, err
	}
	before := len(p.w.store.history(c.ID))
	seq, err := p.w.store.Append(ctx, kind, c, expected)
	if err != nil {
		return 0, err
	}
	if c.Sequence != before+1 {
		p.w.violate("event %d of %s has n = %d", before+1, c.ID, c.Sequence)
	}
	if kind == events.KindOf(events.StateAccepted) {
		p.w.messages = append(p.w.messages, &message{
			command: c.ID, from: events.Stored{Sequence: seq, Kind: kind, Command: c}, visible: time.Now(),
		})
	}
	return seq, outcomeOf(p.stop(ctx, "appended"))
}

func (p ports) Latest(ctx context.Context, id string) (events.Stored, error) {
	if err := outcomeOf(p.stop(ctx, "read")); err != nil {
		return events.Stored{}, err
	}
	return p.w.store.Latest(ctx, id)
}

func (p ports) Accepted(ctx context.Context, id string) (events.Stored, error) {
	if err := outcomeOf(p.stop(ctx, "read")); err != nil {
		return events.Stored{}, err
	}
	return p.w.store.Accepted(ctx, id)
}

// Confirm: the simulated stream has one leader.
func (p ports) Confirm(context.Context) (bool, error) { return false, nil }

func (p ports) Dispatched(ctx context.Context) (uint64, bool) { return p.w.store.Dispatched(ctx) }

func (p ports) LatestResponse(ctx context.Context, id string) (events.Stored, error) {
	return p.w.store.LatestResponse(ctx, id)
}

func (p ports) Newest(ctx context.Context, device string, before uint64, limit int) ([]events.Created, uint64, error) {
	return p.w.store.Newest(ctx, device, before, limit)
}

func (p ports) MayErase(ctx context.Context) error { return p.w.store.MayErase(ctx) }

func (p ports) Sequences(ctx context.Context, id string) ([]uint64, error) {
	return p.w.store.Sequences(ctx, id)
}

func (p ports) Erase(ctx context.Context, id string, before uint64) (events.Erased, error) {
	return p.w.store.Erase(ctx, id, before)
}

func (p ports) Usage(context.Context) float64 { return 0 }

func (p ports) SubscribeCommand(ctx context.Context, id string) (func(context.Context) (events.Stored, error), func(), error) {
	return p.w.store.SubscribeCommand(ctx, id)
}

func (p ports) SubscribeKind(ctx context.Context, kind events.Kind) (func(context.Context) (events.Stored, error), func(), error) {
	return p.w.store.SubscribeKind(ctx, kind)
}

func (p ports) Ask(ctx context.Context, id string, at time.Time, try int) error {
	if err := outcomeOf(p.stop(ctx, "arm")); err != nil {
		return err
	}
	_ = p.w.store.Ask(ctx, id, at, try) // in memory
	return outcomeOf(p.stop(ctx, "armed"))
}

func (p ports) PutPayload(ctx context.Context, name string, payload []byte) (events.ObjectRef, error) {
	if err := outcomeOf(p.stop(ctx, "put")); err != nil {
		return events.ObjectRef{}, err
	}
	return p.w.store.PutPayload(ctx, name, payload)
}

func (p ports) PayloadChunk(ctx context.Context, ref events.ObjectRef, after uint64) ([]byte, uint64, error) {
	return p.w.store.PayloadChunk(ctx, ref, after)
}

func (p ports) Arm(ctx context.Context, id string, at time.Time) error {
	if err := outcomeOf(p.stop(ctx, "arm")); err != nil || p.w.deaf {
		return err
	}
	_ = p.w.store.Arm(ctx, id, at) // in memory
	return outcomeOf(p.stop(ctx, "armed"))
}

func (p ports) Armed(ctx context.Context, id string) (bool, error) { return p.w.store.Armed(ctx, id) }

func (p ports) AllArmed(ctx context.Context) (map[string]struct{}, error) {
	return p.w.store.AllArmed(ctx)
}

func (p ports) EachOpen(ctx context.Context, since time.Time, see func(string, time.Time, bool) error) error {
	return p.w.store.EachOpen(ctx, since, see)
}

func (p ports) Ready(ctx context.Context) error { return outcomeOf(p.stop(ctx, "ready")) }

// Send notes the POST when it leaves and answers as the scheduler draws.
func (p ports) Send(ctx context.Context, r graph.CommandRequest) (events.Observation, error) {
	if len(r.Payload) == 0 {
		p.w.violate("%s is sent without its payload", r.PostBackURI)
	}
	p.stop(ctx, "post")
	id, _, _ := strings.Cut(strings.TrimPrefix(r.PostBackURI, "https://bridge.example/"), "/")
	current := p.w.graph.post(p.w, id)
	switch p.stop(ctx, "answer") {
	case throttled:
		current.notTaken = true
		return events.Observation{}, notTaken(3 * time.Second)
	case notSent:
		current.notTaken = true
		return events.Observation{}, notTaken(-1)
	case lostTaken:
		p.w.graph.take(id)
		return events.Observation{}, unknown()
	case lostNotTaken:
		return events.Observation{}, unknown()
	case denied:
		return events.Observation{}, refused()
	default:
		p.w.graph.take(id)
		return events.Observation{GraphID: "g-" + id, Status: "requesting", Digest: "201"}, nil
	}
}

func (p ports) Command(ctx context.Context, _, graphID string) (events.Observation, error) {
	if p.stop(ctx, "get") != proceed {
		return events.Observation{}, errors.New("no answer")
	}
	return events.Observation{GraphID: graphID, Status: "executing", Digest: "200"}, nil
}

func (p ports) ResponsePayload(ctx context.Context, _, _ string) (json.RawMessage, error) {
	if p.stop(ctx, "get") != proceed {
		return nil, answer(404, "itemNotFound", "no payload yet")
	}
	if p.w.choose(2) == 0 {
		return simPayload(), nil
	}
	return json.RawMessage(`{"b":2}`), nil
}

// ledger is Graph's own account of what it was sent.
type ledger struct {
	posts map[string][]*post
	taken []string
}

// post is one POST; notTaken once it was answered with that.
type post struct{ notTaken bool }

// post notes a POST and holds it against law 3: another may follow only one
// that Graph is known not to have taken.
func (l *ledger) post(w *world, id string) *post {
	for i, earlier := range l.posts[id] {
		if !earlier.notTaken {
			w.violate("command %s is POSTed again although POST %d may have been taken", id, i+1)
		}
	}
	current := new(post)
	l.posts[id] = append(l.posts[id], current)
	return current
}

func (l *ledger) take(id string) { l.taken = append(l.taken, id) }
