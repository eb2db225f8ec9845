package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// The README shows this function, to the letter.
// begin
func followCommands(ctx context.Context, url string, apply func(command string, n int, record []byte) error) error {
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, "DEVICEBRIDGE_V1_EVENTS", jetstream.ConsumerConfig{
		Durable:       "billing",
		FilterSubject: "devicebridge.v1.events.>",
		AckPolicy:     jetstream.AckExplicitPolicy,
		MaxAckPending: 1, // in order, also when one is delivered again
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	last := map[string]int{} // in production: stored with what apply stores, in one transaction
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if errors.Is(err, jetstream.ErrNoHeartbeat) { // NATS is away, or the consumer went meanwhile
			_, err = consumer.Info(ctx)
			if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
				return err
			}
			continue // the next call asks for messages again
		}
		if err != nil {
			return err
		}
		command, number, _ := strings.Cut(msg.Headers().Get("ce-id"), ".")
		n, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		if n > last[command] { // else it is a repeat
			if err := apply(command, n, msg.Data()); err != nil {
				return err
			}
			last[command] = n
		}
		if err := msg.Ack(); err != nil {
			return err
		}
	}
}

// end

func TestTheSubscriberOfTheReadme(t *testing.T) {
	r := startRig(t, rigOptions{})
	id := r.mustSend(launchURI("readme")).Command.ID
	r.drive(id)
	var seen []int
	err := followCommands(t.Context(), r.nats, func(command string, n int, _ []byte) error {
		if command == id {
			seen = append(seen, n)
		}
		if n == 6 {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || len(seen) != 6 || seen[0] != 1 || seen[5] != 6 {
		t.Errorf("the subscriber saw %v (%v), want 1 to 6", seen, err)
	}
}

// TestReadmeIsTrue holds the README against the code it describes.
func TestReadmeIsTrue(t *testing.T) {
	readme := readReadme(t)
	own, err := os.ReadFile("e2e_readme_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(own), "// begin\n")
	function, _, _ := strings.Cut(rest, "\n// end\n")
	if !strings.Contains(readme, "```go\n"+function+"```") {
		t.Error("the Go example is not the function that is tested here")
	}
	for _, s := range events.States() {
		if !strings.Contains(readme, "`"+string(s)+"`") {
			t.Errorf("the state %s is not explained", s)
		}
	}
	for _, code := range []events.Code{
		events.CodeInvalid, events.CodeForbidden, events.CodeConflict, events.CodeNotFound, events.CodeUnavailable, events.CodeTooLarge,
	} {
		if !strings.Contains(readme, "`"+string(code)+"`") {
			t.Errorf("the code %s is not named", code)
		}
	}
	for _, line := range strings.Split(exitHelp, "\n") {
		for word := range strings.FieldsSeq(line) {
			if !strings.Contains(readme, word) {
				t.Errorf("the exit codes differ from the help at %q", word)
			}
		}
	}
	known := variableDefaults()
	for _, secret := range secrets() { // may come from a file
		known[secret+"_FILE"] = ""
	}
	for word := range strings.FieldsFuncSeq(readme, func(r rune) bool { return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", r) }) {
		if _, ok := known[word]; strings.HasPrefix(word, ownPrefix) && !ok {
			t.Errorf("the README names %s, which nothing reads", word)
		}
	}
}
