package graph

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	defaultCircuitFailures = 5
	defaultCircuitOpenFor  = 10 * time.Second
)

// CircuitState says whether Graph is being left alone because it fails.
type CircuitState struct {
	// Open is true from the failure that opened the circuit until a request has
	// shown that Graph answers again.
	Open bool
	// Until is when the next request is let through, one at a time; zero when
	// closed.
	Until time.Time
	// Reason says in words what Graph did last, such as "it answered 502", without
	// any id, address or text of Graph's; empty when closed.
	Reason string
}

// CircuitOpenError says that a request was not begun, because Graph failed
// several times in a row and is left alone.
type CircuitOpenError struct{ State CircuitState }

// Error says since what and until when Graph is left alone.
func (e *CircuitOpenError) Error() string {
	return "Graph failed several times in a row (" + e.State.Reason + ") and is left alone until " +
		e.State.Until.UTC().Format(time.RFC3339) + ", then tried with one request at a time"
}

// Wait gives how long it is until a request is let through; 0 when that is due.
func (e *CircuitOpenError) Wait() time.Duration { return max(time.Until(e.State.Until), 0) }

// NonRetriable keeps azcore's retry policy from asking again at once.
func (e *CircuitOpenError) NonRetriable() {}

// errSaysNothing is the verdict on an exchange that tells nothing of Graph.
var errSaysNothing = errors.New("says nothing of Graph")

// circuit is one breaker over all requests of a client. It is about an outage:
// throttling has its own pauses, and a refusal is an answer.
type circuit struct {
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	openFor time.Duration
	state   atomic.Pointer[CircuitState]
	// last is the failure that was judged last.
	last atomic.Pointer[error]
	tell func(CircuitState)
	log  *slog.Logger
}

func newCircuit(o Options) *circuit {
	c := &circuit{openFor: o.CircuitOpenFor, tell: o.OnCircuit, log: o.Log}
	c.state.Store(&CircuitState{})
	c.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:       o.CircuitOpenFor,
		ReadyToTrip:   func(n gobreaker.Counts) bool { return int64(n.ConsecutiveFailures) >= int64(o.CircuitFailures) },
		IsExcluded:    func(err error) bool { return errors.Is(err, errSaysNothing) },
		OnStateChange: func(_ string, _, to gobreaker.State) { c.change(to) },
	})
	return c
}

// change notes what the breaker became. Half-open is still open for everybody
// but the one request that is let through.
func (c *circuit) change(to gobreaker.State) {
	switch to {
	case gobreaker.StateOpen:
		was := c.state.Load()
		next := &CircuitState{Open: true, Until: time.Now().Add(c.openFor), Reason: (*c.last.Load()).Error()}
		c.state.Store(next)
		if !was.Open {
			c.log.Warn("Graph is left alone: it failed several times in a row", "reason", next.Reason, "until", next.Until)
		}
		c.tell(*next)
	case gobreaker.StateClosed:
		c.state.Store(&CircuitState{})
		c.log.Info("Graph answers again")
		c.tell(CircuitState{})
	}
}

func (c *circuit) closed() bool { return c.breaker.State() == gobreaker.StateClosed }

// allow asks whether a request may begin. done must be called with the verdict
// on it. Nothing but a GET is let through to find out whether Graph answers
// again: a command that was the trial could be lost with it.
func (c *circuit) allow(method string) (done func(verdict error), err error) {
	if method != http.MethodGet && !c.closed() {
		return nil, c.refusal()
	}
	tell, err := c.breaker.Allow()
	if err != nil {
		return nil, c.refusal()
	}
	return func(verdict error) {
		if verdict != nil && !errors.Is(verdict, errSaysNothing) {
			c.last.Store(&verdict)
		}
		tell(verdict)
	}, nil
}

func (c *circuit) refusal() error { return &CircuitOpenError{*c.state.Load()} }

// judge says what an exchange tells of Graph's health: nil for an answer that
// says what to do next, which is every one but a 5xx, and a 503 with
// Retry-After too; errSaysNothing where the caller went away; else what failed.
func judge(a *attempt) error {
	switch {
	case a.err != nil && a.left:
		return errSaysNothing
	case a.resp == nil:
		return errors.New("no answer")
	case a.err != nil && !IsTooLarge(a.err):
		return errors.New("an answer that broke off")
	}
	_, told := parseRetryAfter(a.resp.Header, time.Now())
	if status := a.resp.StatusCode; status >= 500 && (status != http.StatusServiceUnavailable || !told) {
		return fmt.Errorf("it answered %d", status)
	}
	return nil
}
