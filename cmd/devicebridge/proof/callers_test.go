package proof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

const (
	soakCallers = 4
	// askEvery is the longest pause of a caller between two requests: the soak shows
	// what faults do, not what the machine can take.
	askEvery = 500 * time.Millisecond
)

// caller asks for commands, one after the other, by the service or by the queue.
type caller struct {
	rig    *rig
	name   string
	queues bool
	rng    *rand.Rand
}

func newCallers(r *rig, seed uint64) []*caller {
	var list []*caller
	for i := range soakCallers {
		list = append(list, &caller{
			rig: r, name: fmt.Sprintf("caller-%d", i+1), queues: i%2 == 1, rng: rand.New(rand.NewPCG(seed, 100+uint64(i))),
		})
	}
	return list
}

// ask goes on until trouble ends. Who waits for a receipt then waits on, until
// patient ends; a queued request that was not acknowledged is left alone, and the
// next one is another.
func (c *caller) ask(trouble, patient context.Context) error {
	devices := emulator.DefaultDevices()
	for n := 1; ; n++ {
		device := devices[c.rng.IntN(len(devices))].ID
		typ := []events.Type{events.TypeLaunchURI, events.TypeAppService}[c.rng.IntN(2)]
		longest := soakLife
		if c.queues {
			longest = queuedLife
		}
		life := longest - time.Duration(c.rng.Int64N(int64(longest/3)))
		q := request(fmt.Sprintf("%s-%d", c.name, n), device, typ, life.Round(time.Second))
		if c.queues {
			_ = c.rig.enqueue(patient, q)
		} else if _, err := c.rig.send(patient, q); err != nil {
			return err
		}
		if !pace(trouble, time.Duration(c.rng.Int64N(int64(askEvery)))) {
			return nil
		}
	}
}
