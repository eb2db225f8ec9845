package servers

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/ThreeDotsLabs/watermill"
	watermillhttp "github.com/ThreeDotsLabs/watermill-http/v2/pkg/http"
	watermillnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// peer is the bridge that somebody writes in an afternoon with Watermill: its HTTP
// subscriber, its router, its JetStream publisher, all with their defaults, and
// 200 once the publish is acknowledged. Its NATS server is one beside it, over TCP,
// which is what a user of Watermill deploys; or it is in its process, which needs
// no socket, yet a pipe where each write waits for its reader.
//
// What it does not do: it takes a postback from anybody (no token), reads nothing
// of it, keeps no state of a command, tells no repeat from news, puts nothing in
// order, limits nothing, and does not know commands that it should not.
func peer(ctx context.Context, c Config) error {
	config := watermillnats.PublisherConfig{URL: "nats://" + c.NATS}
	if !c.Beside {
		srv, err := startServer(c, true)
		if err != nil {
			return err
		}
		defer srv.Shutdown()
		config.NatsOptions = []nats.Option{nats.InProcessServer(srv)}
	}
	if err := prepare(ctx, config); err != nil {
		return err
	}
	log := watermill.NewStdLogger(false, false)
	publisher, err := watermillnats.NewPublisher(config, log)
	if err != nil {
		return fmt.Errorf("watermill publisher: %w", err)
	}
	subscriber, err := watermillhttp.NewSubscriber(c.HTTP, watermillhttp.SubscriberConfig{}, log)
	if err != nil {
		return fmt.Errorf("watermill subscriber: %w", err)
	}
	router, err := message.NewRouter(message.RouterConfig{}, log)
	if err != nil {
		return fmt.Errorf("watermill router: %w", err)
	}
	router.AddHandler("postbacks", "/postback/{command}/{token}", subscriber, Subject, publisher,
		func(m *message.Message) ([]*message.Message, error) { return message.Messages{m}, nil })
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	select {
	case <-router.Running():
	case err := <-ended:
		return fmt.Errorf("watermill router: %w", err)
	}
	if err := subscriber.StartHTTPServer(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("watermill subscriber: %w", err)
	}
	return nil
}

// prepare makes the stream, which Watermill's publisher looks for at each publish
// when it shall make it itself.
func prepare(ctx context.Context, c watermillnats.PublisherConfig) error {
	nc, err := nats.Connect(c.URL, c.NatsOptions...)
	if err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	defer nc.Close()
	_, err = ensureStream(ctx, nc)
	return err
}
