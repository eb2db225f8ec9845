package load

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// Commands asks for commands over NATS.
type Commands struct {
	Conn    *nats.Conn
	Subject string
	// Requesters are how many commands are under way at once.
	Requesters int
	// Body makes a request, Check judges the answer.
	Body  func(requestID string) []byte
	Check func(*nats.Msg) error
	// Seen gives a channel that is closed when the event of that request has come;
	// nil where there are no events.
	Seen func(requestID string) <-chan struct{}
}

// CommandResult is what came of one run.
type CommandResult struct {
	// Receipts are the latencies of the answers, Done those until the event too had come.
	Receipts, Done Latencies
	Took           time.Duration
}

// Rate gives the commands done per second.
func (r CommandResult) Rate() float64 { return float64(r.Done.Count()) / r.Took.Seconds() }

// Closed keeps all requesters busy for d: each asks again once its command is done.
func (c Commands) Closed(ctx context.Context, run string, d time.Duration) (CommandResult, error) {
	ctx, cancel := context.WithTimeout(ctx, d+answerTime)
	defer cancel()
	var (
		number         atomic.Int64
		wait           sync.WaitGroup
		failing        sync.Once
		failed         error
		receipts, done = make([][]time.Duration, c.Requesters), make([][]time.Duration, c.Requesters)
		begin          = time.Now()
	)
	work := func(i int) error {
		for ctx.Err() == nil && time.Since(begin) < d {
			receipt, all, err := c.one(ctx, run+"-"+strconv.FormatInt(number.Add(1), 10))
			if err != nil {
				return err
			}
			receipts[i], done[i] = append(receipts[i], receipt), append(done[i], all)
		}
		return nil
	}
	for i := range c.Requesters {
		wait.Go(func() {
			if err := work(i); err != nil {
				failing.Do(func() { failed = err; cancel() })
			}
		})
	}
	wait.Wait()
	return CommandResult{Receipts: newLatencies(receipts...), Done: newLatencies(done...), Took: time.Since(begin)}, failed
}

func (c Commands) one(ctx context.Context, id string) (receipt, done time.Duration, err error) {
	var seen <-chan struct{}
	if c.Seen != nil {
		seen = c.Seen(id) // before it can come
	}
	begin := time.Now()
	reply, err := c.Conn.RequestWithContext(ctx, c.Subject, c.Body(id))
	if err != nil {
		return 0, 0, fmt.Errorf("ask for a command: %w", err)
	}
	receipt = time.Since(begin)
	if err := c.Check(reply); err != nil {
		return 0, 0, fmt.Errorf("ask for a command: %w", err)
	}
	if seen == nil {
		return receipt, receipt, nil
	}
	select {
	case <-seen:
		return receipt, time.Since(begin), nil
	case <-ctx.Done():
		return 0, 0, fmt.Errorf("the event of a command: %w", ctx.Err())
	}
}
