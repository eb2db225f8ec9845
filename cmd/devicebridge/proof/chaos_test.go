package proof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// chaos are the processes of a rig as victims of what happens by chance.
type chaos struct{ victims []*victim }

// victim is one process. Its schedule follows from the seed and its place alone.
type victim struct {
	*program
	t   testing.TB
	rng *rand.Rand
	// every is the longest time between two faults, calm how long the others are
	// left alone after one: a cluster needs it to elect its leaders.
	every, calm time.Duration
	// alone is held by most faults until they are over: of the servers of a cluster
	// then only one is away. A minority of the faults does not ask.
	alone chan struct{}

	kills, pauses, unready int
}

func newChaos(r *rig, seed uint64) *chaos {
	c := &chaos{}
	bridges, servers := make(chan struct{}, len(r.bridges)), make(chan struct{}, 1)
	for i, p := range r.bridges {
		c.victims = append(c.victims, &victim{program: p, t: r.t, rng: rand.New(rand.NewPCG(seed, uint64(i))), every: 6 * time.Second, alone: bridges})
	}
	for i, p := range r.nats {
		c.victims = append(c.victims, &victim{program: p, t: r.t, rng: rand.New(rand.NewPCG(seed, 50+uint64(i))), every: 12 * time.Second, calm: 3 * time.Second, alone: servers})
	}
	return c
}

// torment kills and pauses the process until trouble ends. The process is ready
// when it returns without an error. One that ends of itself is an error: the
// bridge has to outlive every fault of its surroundings.
func (v *victim) torment(trouble, life context.Context) error {
	for {
		wait := time.NewTimer(v.upTo(v.every))
		select {
		case <-wait.C:
		case <-trouble.Done():
			wait.Stop()
			return nil
		case <-v.exited():
			wait.Stop()
			return fmt.Errorf("%s ended of itself (%v)", v.name, v.current().cmd.ProcessState)
		}
		if err := v.strike(trouble, life); err != nil {
			return err
		}
	}
}

// strike is one fault, and the recovery from it.
func (v *victim) strike(trouble, life context.Context) error {
	if v.rng.IntN(10) > 0 {
		select {
		case v.alone <- struct{}{}:
			defer func() {
				pace(trouble, v.calm)
				<-v.alone
			}()
		case <-trouble.Done():
			return nil
		}
	}
	if v.rng.IntN(4) == 0 {
		v.pauses++
		away := time.Second + v.upTo(7*time.Second)
		v.note("SIGSTOP for %s", away)
		if err := v.signal(syscall.SIGSTOP); err != nil {
			return err
		}
		pace(trouble, away)
		return v.signal(syscall.SIGCONT)
	}
	v.kills++
	away := v.upTo(2 * time.Second)
	v.note("kill -9, away for %s", away)
	v.kill()
	pace(trouble, away)
	if v.rng.IntN(4) == 0 { // again while it starts
		v.kills++
		v.note("kill -9 again while it starts")
		if err := v.launch(nil); err != nil {
			return err
		}
		pace(trouble, v.upTo(300*time.Millisecond))
		v.kill()
	}
	return v.revive(life)
}

// revive starts the process until it is ready, as a supervisor does: one that
// finds no quorum may give up.
func (v *victim) revive(life context.Context) error {
	for {
		err := v.start(life, nil)
		if err == nil {
			v.note("ready")
			return nil
		}
		v.unready++
		v.note("not ready: %v", err)
		if !pace(life, time.Second) {
			return err
		}
	}
}

// note writes what happens into the log of the test, with the time.
func (v *victim) note(format string, a ...any) {
	v.t.Logf("%s  %s: %s", time.Now().Format("15:04:05.000"), v.name, fmt.Sprintf(format, a...))
}

func (v *victim) upTo(d time.Duration) time.Duration { return time.Duration(v.rng.Int64N(int64(d))) }
