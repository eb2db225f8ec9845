package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/graph/emulator"
)

// readmeSubscriber is a run of the README's subscriber.
type readmeSubscriber struct {
	t       *testing.T
	applied chan appliedEvent
	ended   chan error
	stop    context.CancelFunc
}

type appliedEvent struct {
	command string
	n       int
}

// startSubscriber runs the README's subscriber. Its apply fails with errEnough at the event failAt of a command, and
// for 0 at none.
func startSubscriber(t *testing.T, address string, failAt int) *readmeSubscriber {
	ctx, stop := context.WithCancel(t.Context())
	s := &readmeSubscriber{t: t, applied: make(chan appliedEvent, 100), ended: make(chan error, 1), stop: stop}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		s.ended <- followCommands(ctx, address, func(command string, n int, _ []byte) error {
			if n == failAt {
				return errEnough
			}
			s.applied <- appliedEvent{command, n}
			return nil
		})
	}()
	t.Cleanup(func() { stop(); <-finished })
	return s
}

// await waits for the numbers of a command's events, in this order and with no other event between them.
func (s *readmeSubscriber) await(when, command string, numbers ...int) {
	s.t.Helper()
	var seen []int
	limit := time.After(2 * time.Minute)
	for len(seen) < len(numbers) {
		select {
		case e := <-s.applied:
			if e.command != command {
				s.t.Fatalf("%s: an event of %s, want one of %s", when, e.command, command)
			}
			seen = append(seen, e.n)
		case err := <-s.ended:
			s.t.Fatalf("%s: the subscriber ended: %v", when, err)
		case <-limit:
			s.t.Fatalf("%s: only the events %v", when, seen)
		}
	}
	if !slices.Equal(seen, numbers) {
		s.t.Fatalf("%s: the events %v, want %v", when, seen, numbers)
	}
}

// result waits for the subscriber's end.
func (s *readmeSubscriber) result() error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(time.Minute):
		s.t.Fatal("the subscriber does not end")
		return nil
	}
}

// subscribedSite is a bridge whose NATS server keeps its address when it is started again.
func subscribedSite(t *testing.T, binary string) *cliSite {
	t.Helper()
	site := cliNewSite(t, binary, emulator.Options{})
	address, err := freeAddress(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	site.vars["BRIDGE_NATS_LISTEN"] = address
	return site
}

// sendAndAwait sends a command and waits for its six events at the subscriber.
func (s *readmeSubscriber) sendAndAwait(b *cliBridge, when string) {
	s.t.Helper()
	s.await(when, cliField(s.t, b.ok("send", "--device", cliCompletes, "--uri", "x:y"), "command"), 1, 2, 3, 4, 5, 6)
}

// cliSubscribeSilently starts the README's subscriber and returns what finishes the test: after more than a minute
// without an event it still delivers, after a kill -9 of the bridge with its NATS server too, and it ends with its
// context and when the consumer is deleted. The minute costs nothing but time: other tests run in it.
func cliSubscribeSilently(t *testing.T, binary string) (finish func()) {
	t.Helper()
	site := subscribedSite(t, binary)
	serve, b := site.serve()
	s := startSubscriber(t, b.vars["NATS_URL"], 0)
	s.sendAndAwait(b, "at first")
	silence := time.NewTimer(65 * time.Second)
	return func() {
		t.Helper()
		select {
		case <-silence.C:
		case err := <-s.ended:
			t.Fatalf("the subscriber ended while nothing happened: %v", err)
		}
		s.sendAndAwait(b, "after a minute of silence")
		serve.signal(syscall.SIGKILL)
		serve.end(-1)
		_, b = site.serve()
		s.sendAndAwait(b, "after NATS was killed and came back")

		s.stop()
		if err := s.result(); !errors.Is(err, context.Canceled) {
			t.Errorf("with its context it ended with %v", err)
		}
		s = startSubscriber(t, b.vars["NATS_URL"], 0)
		s.sendAndAwait(b, "started again")
		deleteConsumer(t, b.vars["NATS_URL"], "billing")
		if err := s.result(); !errors.Is(err, jetstream.ErrConsumerDeleted) {
			t.Errorf("without its consumer it ended with %v", err)
		}
	}
}

// cliSubscribeAgain ends the README's subscriber in the middle of a command and starts it again: the event that was not
// acknowledged comes before those after it, so that none is taken for a repeat.
func cliSubscribeAgain(t *testing.T, binary string) (finish func()) {
	t.Helper()
	_, b := subscribedSite(t, binary).serve()
	minted := b.ok("callback", "--request-id", "in-the-middle")
	id, callback := cliField(t, minted, "command"), cliField(t, minted, "callback")
	post := func(status string) {
		if got := cliPost(t, callback, fmt.Sprintf(`{"status":%q}`, status)); got != http.StatusAccepted {
			t.Fatalf("the postback %s is answered with %d", status, got)
		}
	}
	s := startSubscriber(t, b.vars["NATS_URL"], 2)
	s.await("at first", id, 1)
	post("executing")
	if err := s.result(); !errors.Is(err, errEnough) {
		t.Fatalf("it ended with %v", err)
	}
	post("completed")
	s = startSubscriber(t, b.vars["NATS_URL"], 0)
	return func() {
		t.Helper()
		s.await("started again", id, 2, 3)
	}
}

func deleteConsumer(t *testing.T, address, name string) {
	t.Helper()
	nc, err := nats.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteConsumer(t.Context(), "DEVICEBRIDGE_V1_EVENTS", name); err != nil {
		t.Fatal(err)
	}
}
