package proof

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/crash"
	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

const (
	// contestRaces are the races that one half of the control goes on for at least,
	// contestFewest the commands; with contestMost commands it gives up.
	contestRaces, contestFewest, contestMost = 10, 60, 200
	// contestCallers ask side by side: few, so that a claim does not queue behind
	// those of other commands.
	contestCallers = 4
	// contestWakes is how often each command is woken at its acceptance, a
	// millisecond apart: some of that finds the command accepted and not yet claimed.
	contestWakes, contestWakeEvery = 5, time.Millisecond
	contestLife                    = 15 * time.Second
)

// TestControlNonce is the negative control of the nonce. Two replicas claim the
// same commands at the same time, one as it dispatches, the other as it looks at
// a due timer. A claim that lost counts as lost because the winner's nonce is not
// its own, and every command is sent once; without that rule the loser sends as
// well, and the check must find it.
func TestControlNonce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		vars    map[string]string
		doubled bool
	}{
		"won by the nonce":     {},
		"won by whoever asked": {vars: map[string]string{"CRASH_WITHOUT": string(crash.NonceProof)}, doubled: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := within(t)
			r := newRig(t, setup{Crash: true, Cluster: true, Replicas: 2, Vars: test.vars, Emulator: emulator.Options{StepDelay: -1}})
			r.start(nil)
			if err := r.attended(ctx); err != nil {
				t.Fatal(err)
			}
			c, err := newContest(r)
			if err != nil {
				t.Fatal(err)
			}
			found, err := c.run(ctx)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(c)
			if test.doubled && found {
				return // what else happens to commands that were sent twice shows nothing
			}
			record, err := r.settle(ctx)
			if err != nil {
				t.Fatal(err)
			}
			books, _ := r.ledger.read()
			report(t, books, record, check(books, record))
			if test.doubled {
				t.Error("nothing was sent twice without the rule")
			}
			if len(c.raced()) < contestRaces {
				t.Errorf("the replicas raced for %d claims, want %d: too few to show anything", len(c.raced()), contestRaces)
			}
		})
	}
}

// attended waits until every replica asks for dispatches and for due timers. After
// the first start on a cluster that can take some seconds: who asks for messages of
// a consumer that is only being made gets no answer, and asks again.
func (r *rig) attended(ctx context.Context) error {
	for _, w := range []bus.Work{r.client.DispatchWork(0, 0, nil), r.client.TimerWork(0, 0, nil)} {
		for {
			try, cancel := context.WithTimeout(ctx, tryFor)
			consumer, err := r.js.Consumer(try, w.Stream, w.Durable)
			cancel()
			if err == nil && consumer.CachedInfo().NumWaiting >= len(r.bridges) {
				break
			}
			if !pace(ctx, tryEvery) {
				return fmt.Errorf("not every replica asks for messages of %s: %w", w.Durable, errors.Join(err, ctx.Err()))
			}
		}
	}
	return nil
}

// contest makes replicas race for claims, and counts how often they do. From the
// outside it sees every append that is tried, also one that is refused.
type contest struct {
	rig *rig

	mu sync.Mutex
	// accepted has a channel for each command asked for, closed when its acceptance
	// is about to be stored.
	accepted map[string]chan struct{}
	// claims has the replicas that tried each.
	claims map[claim][]string
}

// claim is one step of one command: only one append that expects this sequence can
// be stored.
type claim struct{ command, expected string }

func newContest(r *rig) (*contest, error) {
	c := &contest{rig: r, accepted: map[string]chan struct{}{}, claims: map[claim][]string{}}
	// It ends with the rig's connection.
	if _, err := r.js.Conn().Subscribe(r.subjects.Appends(), c.see); err != nil {
		return nil, fmt.Errorf("listen to the appends: %w", err)
	}
	return c, r.js.Conn().Flush()
}

// run asks for commands until there were races enough, and stops early when it
// found one sent twice.
func (c *contest) run(ctx context.Context) (found bool, err error) {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	var group errgroup.Group
	group.Go(func() error {
		found = c.doubled(ctx)
		enough()
		return nil
	})
	var callers errgroup.Group
	callers.SetLimit(contestCallers)
	for n := 1; n <= contestMost && ctx.Err() == nil && (n <= contestFewest || len(c.raced()) < contestRaces); n++ {
		callers.Go(func() error {
			if err := c.ask(ctx, fmt.Sprintf("contest-%d", n)); ctx.Err() == nil {
				return err
			}
			return nil // stopped
		})
	}
	err = callers.Wait()
	enough()
	_ = group.Wait()
	return found, err
}

// ask asks for a command and wakes the replicas for it around its acceptance.
func (c *contest) ask(ctx context.Context, marker string) error {
	id, accepted, received := events.RequestCommandID(marker), make(chan struct{}), make(chan struct{})
	c.mu.Lock()
	c.accepted[id] = accepted
	c.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(received)
		_, err := c.rig.send(ctx, request(marker, emulator.DefaultDevices()[0].ID, events.TypeLaunchURI, contestLife))
		return err
	})
	group.Go(func() error {
		select {
		case <-accepted:
		case <-received: // what was published right after the start may not have been seen
		}
		for range contestWakes {
			if err := c.rig.js.Conn().Publish(c.rig.subjects.TimerDue(id), nil); err != nil {
				return fmt.Errorf("wake command %s: %w", id, err)
			}
			pace(ctx, contestWakeEvery)
		}
		return nil
	})
	return group.Wait()
}

// doubled waits until the check finds that a command was sent twice for which two
// replicas raced; false when ctx ended before that.
func (c *contest) doubled(ctx context.Context) bool {
	for {
		books, posted := c.rig.ledger.read()
		raced := c.raced()
		for _, v := range checkPosts(books.Posts, nil) {
			if v.Law == doubled && slices.Contains(raced, v.Command) {
				c.rig.t.Logf("%s: command %s: %s", v.Law, v.Command, v.Detail)
				return true
			}
		}
		select {
		case <-posted:
		case <-ctx.Done():
			return false
		}
	}
}

// replicaPrefix is how much of a nonce is the same for all of one process: a NUID
// begins with 12 characters of chance, drawn once, and counts in the rest.
const replicaPrefix = 12

// see notes an append as it is published.
func (c *contest) see(m *nats.Msg) {
	// An append is stored under the same subject among the events.
	id, kind, ok := c.rig.subjects.ParseEvent(strings.Replace(m.Subject, ".append.", ".events.", 1))
	writer := m.Header.Get(events.HeaderWriter)
	if !ok || len(writer) < replicaPrefix {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch kind {
	case events.KindOf(events.StateAccepted):
		if accepted := c.accepted[id]; accepted != nil {
			close(accepted)
			c.accepted[id] = nil // it may be tried again
		}
	case events.KindOf(events.StateSending):
		tried, replica := claim{id, m.Header.Get(jetstream.ExpectedLastSubjSeqHeader)}, writer[:replicaPrefix]
		if !slices.Contains(c.claims[tried], replica) {
			c.claims[tried] = append(c.claims[tried], replica)
		}
	}
}

// raced gives the commands of which two replicas tried the same claim.
func (c *contest) raced() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for tried, replicas := range c.claims {
		if len(replicas) > 1 {
			list = append(list, tried.command)
		}
	}
	return list
}

// String tells the figures.
func (c *contest) String() string {
	books, _ := c.rig.ledger.read()
	return fmt.Sprintf("%d commands asked for, %d POSTs, %d claims that two replicas tried", len(books.Asked), len(books.Posts), len(c.raced()))
}
