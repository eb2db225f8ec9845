package main

import (
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"

	"devicebridge/events"
)

// sightings tells of the events that show that Graph took a command.
type sightings struct {
	mu      sync.Mutex
	waiting map[string]chan struct{}
}

// subscribe begins to look.
func subscribe(nc *nats.Conn) (*sightings, error) {
	subjects := events.Subjects{}
	s := &sightings{waiting: map[string]chan struct{}{}}
	_, err := nc.Subscribe(subjects.Prefix()+".events.*.*.requesting", func(m *nats.Msg) {
		if command, _, ok := subjects.ParseEvent(m.Subject); ok {
			s.saw(command)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to events: %w", err)
	}
	return s, nil
}

// of gives a channel that is closed when the event of that request's command comes.
func (s *sightings) of(requestID string) <-chan struct{} {
	seen := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[events.RequestCommandID(requestID)] = seen
	return seen
}

func (s *sightings) saw(command string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seen, waits := s.waiting[command]; waits {
		close(seen)
		delete(s.waiting, command)
	}
}
