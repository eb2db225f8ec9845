package load

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Postbacks posts to one server.
type Postbacks struct {
	Address string
	// Connections are how many requests are under way at once, at most.
	Connections int
	// Good is the one good answer.
	Good int
}

// connection posts over one TCP connection.
type connection struct {
	conn   net.Conn
	reader *bufio.Reader
}

func (c connection) post(request []byte) (status int, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	return readMessage(c.reader)
}

// answerTime is how long the last answers of a run are waited for.
const answerTime = 15 * time.Second

// Closed keeps all connections busy for d: each posts again once it is answered.
func (p Postbacks) Closed(ctx context.Context, commands []Command, d time.Duration) (Result, error) {
	return p.run(ctx, commands, d, func(context.Context) pace { return closedLoop(d) })
}

// Constant posts rate times a second for d, whatever the server does.
func (p Postbacks) Constant(ctx context.Context, commands []Command, rate float64, d time.Duration) (Result, error) {
	return p.run(ctx, commands, d, func(ctx context.Context) pace { return constantRate(ctx, rate, d, sleepUntil) })
}

func (p Postbacks) run(ctx context.Context, commands []Command, d time.Duration, start func(context.Context) pace) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	posters := make([]poster, p.Connections)
	for i := range posters {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.Address)
		if err != nil {
			return Result{}, fmt.Errorf("connect: %w", err)
		}
		defer func() { _ = conn.Close() }()
		defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
		if err := conn.SetDeadline(time.Now().Add(d + answerTime)); err != nil {
			return Result{}, fmt.Errorf("connect: %w", err)
		}
		posters[i] = connection{conn, bufio.NewReader(conn)}
	}
	return drive(posters, commands, p.Good, start(ctx))
}

// poster sends a request and waits for its answer.
type poster interface {
	post(request []byte) (status int, err error)
}

// drive posts the four postbacks of each command, a command being one poster's,
// whenever next says so.
func drive(posters []poster, commands []Command, good int, next pace) (Result, error) {
	var (
		taken            atomic.Int64
		ranOut           atomic.Bool
		behind           atomic.Int64
		wait             sync.WaitGroup
		failing          sync.Once
		failed           error
		begin, latencies = time.Now(), make([][]time.Duration, len(posters))
	)
	work := func(i int) error {
		var request []byte
		for {
			at := int(taken.Add(1)) - 1
			if at >= len(commands) {
				ranOut.Store(true)
				return nil
			}
			for _, status := range Statuses() {
				request = appendRequest(request[:0], commands[at], status)
				meant, more := next()
				if !more {
					return nil
				}
				behind.Store(int64(time.Since(meant)))
				answer, err := posters[i].post(request)
				if err != nil {
					return fmt.Errorf("a postback: %w", err)
				}
				if answer != good {
					return fmt.Errorf("a postback was answered with %d, not %d", answer, good)
				}
				latencies[i] = append(latencies[i], time.Since(meant))
			}
		}
	}
	for i := range posters {
		wait.Go(func() {
			if err := work(i); err != nil {
				failing.Do(func() { failed = err })
			}
		})
	}
	wait.Wait()
	took := time.Since(begin)
	return Result{Latencies: newLatencies(latencies...), Took: took, RanOut: ranOut.Load(), Behind: time.Duration(behind.Load())}, failed
}
