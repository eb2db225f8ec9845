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
// 200 once the publish is acknowledged. The NATS server is in its process and the
// connection needs no socket, which is the best case for it.
//
// What it does not do: it takes a postback from anybody (no token), reads nothing
// of it, keeps no state of a command, tells no repeat from news, puts nothing in
// order, limits nothing, and does not know commands that it should not.
func peer(ctx context.Context, c Config) error {
	srv, nc, err := embedded(c, true)
	if err != nil {
		return err
	}
	defer srv.Shutdown()
	defer nc.Close()
	if _, err := ensureStream(ctx, nc); err != nil {
		return err
	}
	log := watermill.NewStdLogger(false, false)
	publisher, err := watermillnats.NewPublisher(watermillnats.PublisherConfig{NatsOptions: []nats.Option{nats.InProcessServer(srv)}}, log)
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
