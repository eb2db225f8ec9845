package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"devicebridge/deploy/bench/load"
	"devicebridge/events"
	"devicebridge/webhook"
)

// minter makes commands to post about.
type minter func(ctx context.Context, count int) ([]load.Command, error)

// mintLocally makes callback URLs that no bridge knows, for servers that ask none.
func mintLocally(address, keys string) (minter, error) {
	ring, err := webhook.ParseKeyring(keys)
	if err != nil {
		return nil, err
	}
	callbacks, err := webhook.NewCallbacks("http://"+address, ring)
	if err != nil {
		return nil, err
	}
	var number uint64
	return func(_ context.Context, count int) ([]load.Command, error) {
		commands := make([]load.Command, count)
		for i := range commands {
			path, err := pathOf(callbacks.CallbackURL(events.RandomCommandID(), time.Now().Add(time.Hour)))
			if err != nil {
				return nil, err
			}
			number++
			commands[i] = load.Command{Path: path, Number: number}
		}
		return commands, nil
	}, nil
}

// askers are how many callbacks are asked for at once.
const askers = 64

// mintByBridge asks the bridge for callbacks, as somebody does who sends commands
// himself, and gives the last first: what Graph reports is of commands that were sent
// not long ago, and the bridge remembers those.
func mintByBridge(nc *nats.Conn) minter {
	var number uint64
	subject := events.Subjects{}.Service("callbacks.create")
	return func(ctx context.Context, count int) ([]load.Command, error) {
		commands := make([]load.Command, count)
		first := number
		number += uint64(count) //nolint:gosec // a count is not negative
		asking, ctx := errgroup.WithContext(ctx)
		for asker := range askers {
			asking.Go(func() error {
				for i := asker; i < count; i += askers {
					path, err := mintOne(ctx, nc, subject)
					if err != nil {
						return err
					}
					commands[i] = load.Command{Path: path, Number: first + uint64(i)} //nolint:gosec // an index is not negative
				}
				return nil
			})
		}
		err := asking.Wait()
		slices.Reverse(commands)
		return commands, err
	}
}

func mintOne(ctx context.Context, nc *nats.Conn, subject string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	reply, err := nc.RequestWithContext(ctx, subject, []byte(`{"deviceId":"`+device+`"}`))
	if err != nil {
		return "", fmt.Errorf("ask for a callback: %w", err)
	}
	if err := refusal(reply); err != nil {
		return "", fmt.Errorf("ask for a callback: %w", err)
	}
	var receipt events.Receipt
	if err := json.Unmarshal(reply.Data, &receipt); err != nil {
		return "", fmt.Errorf("ask for a callback: %w", err)
	}
	return pathOf(receipt.CallbackURL)
}

// device is Graph's id of a device.
const device = "6841b3db-2b55-467b-ad84-79a41a4ef665"

// refusal gives the error that a reply of the bridge is.
func refusal(reply *nats.Msg) error {
	if code := reply.Header.Get("Nats-Service-Error-Code"); code != "" {
		return errors.New(code + " " + reply.Header.Get("Nats-Service-Error"))
	}
	return nil
}

func pathOf(callback string) (string, error) {
	u, err := url.Parse(callback)
	if err != nil {
		return "", fmt.Errorf("a callback URL: %w", err)
	}
	return u.EscapedPath(), nil
}
