package servers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
)

// ForwardSubject is what the forwarder answers.
const ForwardSubject = "bench.forward"

// forward POSTs each request's body to Graph and replies with Graph's answer: the
// least that a command costs. The NATS server is in its process, without
// JetStream. Nothing is stored, checked, claimed or told; a crash loses what is
// under way, and a repeated request is sent twice.
func forward(ctx context.Context, c Config) error {
	srv, nc, err := embedded(c, false)
	if err != nil {
		return err
	}
	defer srv.Shutdown()
	defer nc.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: 1024} // with the default of 2 it would dial for nearly every command
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	url := c.Graph + "/me/devices/6841b3db-2b55-467b-ad84-79a41a4ef665/commands"
	_, err = nc.Subscribe(ForwardSubject, func(m *nats.Msg) {
		go func() {
			answer, err := post(ctx, client, url, m.Data)
			if err != nil {
				answer = []byte(err.Error()) // the requester knows it from an answer of Graph
			}
			_ = m.Respond(answer)
		}()
	})
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return serve(ctx, c.HTTP, http.HandlerFunc(accept)) // says that it is ready
}

func post(ctx context.Context, client *http.Client, url string, body []byte) (_ []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Authorization", "Bearer any")
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("answered with %d", answer.StatusCode)
	}
	return io.ReadAll(answer.Body)
}
