package proof

import (
	"context"
	"fmt"
	"strings"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

const (
	// crashLife is how long a command may take. A claim that was left is given up a
	// lease later at the latest.
	crashLife = 10 * time.Second
	// crashPace is the pause of a caller between two requests.
	crashPace = 100 * time.Millisecond
)

// The devices of a crash, by what they show.
const (
	promptDevice = "prompt"
	retryDevice  = "retry"
	// silentDevice says nothing: it is polled until the command's time is over.
	silentDevice = "silent"
	// largeDevice responds with what fits a postback, but no message of NATS.
	largeDevice = "large"
)

func crashDevices() []emulator.Device {
	return []emulator.Device{
		{ID: promptDevice},
		{ID: retryDevice, Script: []emulator.Step{
			{Status: emulator.StatusSentToTarget}, {Status: emulator.StatusRetry}, {Status: emulator.StatusExecuting}, {Status: emulator.StatusCompleted},
		}},
		{ID: silentDevice, Script: []emulator.Step{}},
		{ID: largeDevice, Response: map[string]any{"data": strings.Repeat("x", 1<<20-8<<10)}},
	}
}

// crashFaults are a few of everything, so that the kills meet retries, polls,
// repeats and unknown outcomes too.
func crashFaults() emulator.Faults {
	return emulator.Faults{
		Seed: 1, RetryAfter: 300 * time.Millisecond, Throttle: 0.05, ServiceUnavailable: 0.05, ServerError: 0.03, AnswerLost: 0.05,
		PostbackBeforeAnswer: 0.1, PostbackLost: 0.1, PostbackDuplicated: 0.1, PostbackReordered: 0.1,
	}
}

// crashKinds are the requests that each caller makes in turn.
func crashKinds() []events.Request {
	return []events.Request{
		request("", promptDevice, events.TypeAppService, crashLife),
		request("", largeDevice, events.TypeAppService, crashLife),
		request("", silentDevice, events.TypeLaunchURI, crashLife),
		request("", retryDevice, events.TypeLaunchURI, crashLife),
		request("", promptDevice, events.TypeLaunchURI, crashLife),
		request("", silentDevice, events.TypeAppService, crashLife),
	}
}

// crashLoad asks for commands of every kind. Who gets no answer asks again.
type crashLoad struct {
	rig   *rig
	kinds []events.Request
}

func newCrashLoad(r *rig) *crashLoad { return &crashLoad{r, crashKinds()} }

// byService asks until asking ends, and at least once for each kind.
func (l *crashLoad) byService(ctx, asking context.Context) error {
	for n := 1; l.more(asking, n); n++ {
		if _, err := l.rig.send(ctx, l.request(n, fmt.Sprintf("service-%d", n))); err != nil {
			return err
		}
		pace(asking, crashPace)
	}
	return nil
}

// byQueue does the same over the queue. A request that was not acknowledged may
// be there all the same: one with a request id is published again as it is, one
// without becomes another.
func (l *crashLoad) byQueue(ctx, asking context.Context) error {
	for n := 1; l.more(asking, n); n++ {
		marker := fmt.Sprintf("queue-%d", n)
		q := l.request(n, marker)
		if n%2 == 0 {
			q.RequestID = marker
		}
		for try := 2; ; try++ {
			err := l.rig.enqueue(ctx, q)
			if err == nil {
				break
			}
			if q.RequestID == "" {
				q = l.request(n, fmt.Sprintf("%s-%d", marker, try))
			}
			if !pace(ctx, tryEvery) {
				return fmt.Errorf("request %s is not acknowledged: %w", marker, err)
			}
		}
		pace(asking, crashPace)
	}
	return nil
}

func (l *crashLoad) more(asking context.Context, n int) bool {
	return n <= len(l.kinds) || asking.Err() == nil
}

func (l *crashLoad) request(n int, marker string) events.Request {
	q := l.kinds[(n-1)%len(l.kinds)]
	q.Payload = request(marker, "", events.TypeLaunchURI, 0).Payload
	return q
}

// underWay waits until Graph has seen a POST for each kind.
func (l *crashLoad) underWay(ctx context.Context) error { return l.rig.posted(ctx, len(l.kinds)) }

// posted waits until Graph has seen n POSTs.
func (r *rig) posted(ctx context.Context, n int) error {
	for {
		books, more := r.ledger.read()
		if len(books.Posts) >= n {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("Graph saw %d POSTs of %d: %w", len(books.Posts), n, ctx.Err())
		}
	}
}
