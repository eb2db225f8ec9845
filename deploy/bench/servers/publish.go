package servers

import (
	"context"
	"io"
	"net/http"

	"github.com/nats-io/nats.go"
)

// publish stores each body as it is by one asynchronous publish and answers when
// that is acknowledged: the least that storing in JetStream costs. No token, no
// parsing, no state, no order, no compare-and-set.
func publish(ctx context.Context, c Config) error {
	srv, nc, err := embedded(c, true)
	if err != nil {
		return err
	}
	defer srv.Shutdown()
	defer nc.Close()
	js, err := ensureStream(ctx, nc)
	if err != nil {
		return err
	}
	return serve(ctx, c.HTTP, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		future, err := js.PublishMsgAsync(&nats.Msg{Subject: Subject, Data: body})
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		select {
		case <-future.Ok():
			w.WriteHeader(http.StatusAccepted)
		case <-future.Err(): //nolint:errcheck // a channel; the sender learns no more than that it failed
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
}
