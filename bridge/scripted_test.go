package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// scripted is a Graph that answers as a test says and keeps what it was sent.
// Without a script it takes every command, knows its status to be `requesting`
// and has no response payload.
type scripted struct {
	ready   func() error
	post    func(graph.CommandRequest) (events.Observation, error)
	status  func(graphID string) (events.Observation, error)
	payload func(graphID string) (json.RawMessage, error)
	devices func() ([]events.Device, error)

	mu       sync.Mutex
	posts    []graph.CommandRequest
	statuses int
	payloads int
}

func (s *scripted) Ready(context.Context) error {
	if s.ready != nil {
		return s.ready()
	}
	return nil
}

func (s *scripted) Send(_ context.Context, r graph.CommandRequest) (events.Observation, error) {
	s.mu.Lock()
	s.posts = append(s.posts, r)
	n := len(s.posts)
	s.mu.Unlock()
	if s.post != nil {
		return s.post(r)
	}
	return events.Observation{GraphID: fmt.Sprint("g", n), Status: "requesting", Digest: "201"}, nil
}

func (s *scripted) Command(_ context.Context, _, graphID string) (events.Observation, error) {
	s.mu.Lock()
	s.statuses++
	s.mu.Unlock()
	if s.status != nil {
		return s.status(graphID)
	}
	return events.Observation{GraphID: graphID, Status: "requesting", Digest: "200"}, nil
}

func (s *scripted) ResponsePayload(_ context.Context, _, graphID string) (json.RawMessage, error) {
	s.mu.Lock()
	s.payloads++
	s.mu.Unlock()
	if s.payload != nil {
		return s.payload(graphID)
	}
	return nil, answer(404, "itemNotFound", "no payload yet")
}

func (s *scripted) Devices(context.Context) ([]events.Device, error) { return s.devices() }

// sent gives the POSTs so far.
func (s *scripted) sent() []graph.CommandRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]graph.CommandRequest(nil), s.posts...)
}

// polled and fetched give how often Graph was asked.
func (s *scripted) polled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statuses
}

func (s *scripted) fetched() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.payloads
}

// answer is an answer of Graph that is no success.
func answer(status int, code, message string) *graph.Error {
	return &graph.Error{StatusCode: status, Code: code, Message: message, RequestID: "req-1"}
}

// notTaken is the error of a POST that surely was not taken; retryAfter as Graph
// gave it, negative for none.
func notTaken(retryAfter time.Duration) error {
	e := &graph.SendError{Outcome: graph.NotTaken, Err: answer(429, "tooManyRequests", "slow down")}
	if retryAfter >= 0 {
		e.RetryAfter, e.HasRetryAfter = retryAfter, true
	}
	return e
}

// unknown is the error of a POST that may have been taken.
func unknown() error {
	return &graph.SendError{Outcome: graph.Unknown, Err: errors.New("connection reset by peer")}
}

// refused is the error of a POST that Graph refused for good.
func refused() error {
	return &graph.SendError{Outcome: graph.Refused, Err: answer(400, "badRequest", "no such device")}
}

// fails gives a script that gives err to every POST.
func fails(err error) func(graph.CommandRequest) (events.Observation, error) {
	return func(graph.CommandRequest) (events.Observation, error) { return events.Observation{}, err }
}
