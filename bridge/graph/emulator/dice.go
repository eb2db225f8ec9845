package emulator

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// plan is what the faults have in store for one call.
type plan struct {
	Fault
	postbacks postbackPlan
}

// postbackPlan is what they have in store for the postbacks of one command. Its generator is the command's own.
type postbackPlan struct {
	beforeAnswer                bool
	lost, duplicated, reordered float64
	rng                         *rand.Rand
}

// refusal is the answer in place of the one the call deserves, nil when there is none. It is decided before the
// command is taken, unless Taken says otherwise.
func (p plan) refusal(r *http.Request) error {
	switch p.Kind {
	case FaultThrottle:
		return wire.Throttled(p.RetryAfter)
	case FaultServiceUnavailable:
		return wire.Unavailable(p.RetryAfter)
	case FaultServerError:
		return wire.ServerError(p.Status)
	case FaultUnauthorized:
		return wire.Unauthorised("Lifetime validation failed, the token is expired.", "invalid_token")
	case FaultNotFound:
		return notFound("The resource could not be found.")
	case FaultRedirect:
		return &wire.Fail{
			Status: http.StatusTemporaryRedirect, Code: "TemporaryRedirect", Message: "The resource has moved.",
			Header: map[string]string{"Location": wire.OriginalURL(r).RequestURI()},
		}
	default:
		return nil
	}
}

// dice decides about faults. All of its state is behind its own lock.
type dice struct {
	mu      sync.Mutex
	faults  Faults
	streams map[Operation]*rand.Rand
}

// reset puts these faults, which must be valid, in place of the ones before and starts all sequences over.
func (d *dice) reset(f Faults) {
	f.Next = slices.Clone(f.Next)
	orElse(&f.RetryAfter, 2128*time.Millisecond)
	streams := map[Operation]*rand.Rand{}
	for i, op := range operations() {
		streams[op] = rand.New(rand.NewPCG(f.Seed, uint64(i))) //nolint:gosec // faults must be repeatable, not secret
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults, d.streams = f, streams
}

// current gives the faults as they stand, with what is left of Next.
func (d *dice) current() Faults {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.faults
	f.Next = slices.Clone(f.Next)
	return f
}

// roll gives the plan for the next call of op.
func (d *dice) roll(op Operation) plan {
	d.mu.Lock()
	defer d.mu.Unlock()
	// A forced fault uses up the same draws, so that it does not shift what the calls after it meet.
	p := d.draw(op)
	i := slices.IndexFunc(d.faults.Next, func(f Fault) bool {
		return f.On == op || f.On == "" && op == OpSend
	})
	if i < 0 {
		return p
	}
	forced := d.faults.Next[i]
	d.faults.Next = slices.Delete(d.faults.Next, i, i+1)
	return d.force(forced, p.postbacks.rng)
}

// draw makes every draw whether or not it is used, so that the n-th call's draws do not depend on the ones before.
func (d *dice) draw(op Operation) plan {
	f, r := d.faults, d.streams[op]
	throttle, gone, bare, broken, lost, before := hit(r, f.Throttle), hit(r, f.ServiceUnavailable), hit(r, f.ServiceUnavailableBare),
		hit(r, f.ServerError), hit(r, f.AnswerLost), hit(r, f.PostbackBeforeAnswer)
	status, taken := serverErrors()[r.IntN(len(serverErrors()))], r.IntN(2) == 0
	delay := f.DelayMin + time.Duration(r.Float64()*float64(f.DelayMax-f.DelayMin))
	p := plan{
		Fault: Fault{On: op, Kind: FaultNone, Delay: delay},
		postbacks: postbackPlan{
			lost: f.PostbackLost, duplicated: f.PostbackDuplicated, reordered: f.PostbackReordered,
			rng: rand.New(rand.NewPCG(r.Uint64(), r.Uint64())), //nolint:gosec // as above
		},
	}
	switch {
	case throttle:
		p.Kind, p.RetryAfter = FaultThrottle, f.RetryAfter
	case gone:
		p.Kind, p.RetryAfter = FaultServiceUnavailable, f.RetryAfter
	case bare:
		p.Kind = FaultServiceUnavailable
	case broken:
		p.Kind, p.Status = FaultServerError, status
		p.Taken = op == OpSend && taken && status != http.StatusInternalServerError
	case lost && op == OpSend:
		p.Kind = FaultAnswerLost
	case before && op == OpSend:
		p.Kind, p.postbacks.beforeAnswer = FaultPostbackBeforeAnswer, true
	}
	return p
}

// force turns one forced fault into a plan.
func (d *dice) force(f Fault, rng *rand.Rand) plan {
	p := plan{Fault: f, postbacks: postbackPlan{rng: rng}}
	switch f.Kind {
	case "":
		p.Kind = FaultNone
	case FaultThrottle:
		orElse(&p.RetryAfter, d.faults.RetryAfter)
	case FaultServerError:
		orElse(&p.Status, http.StatusInternalServerError)
	case FaultPostbackLost:
		p.postbacks.lost = 1
	case FaultPostbackDuplicated:
		p.postbacks.duplicated = 1
	case FaultPostbackReordered:
		p.postbacks.reordered = 1
	case FaultPostbackBeforeAnswer:
		p.postbacks.beforeAnswer = true
	}
	return p
}

func hit(r *rand.Rand, probability float64) bool { return r.Float64() < probability }

// fate is what happens to one postback.
type fate struct {
	lost, reordered bool
	copies          int
}

// roll draws for the next postback of the command. The caller holds the lock that guards the command.
func (p *postbackPlan) roll() fate {
	lost, duplicated, reordered := hit(p.rng, p.lost), hit(p.rng, p.duplicated), hit(p.rng, p.reordered)
	f := fate{lost: lost, reordered: reordered, copies: 1}
	if duplicated {
		f.copies = 2
	}
	return f
}
