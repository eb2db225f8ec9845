package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"devicebridge/events"
	"devicebridge/webhook"
)

// printer is a Sink for the example.
type printer struct{}

func (printer) Postback(_ context.Context, command string, observations []events.Observation) error {
	fmt.Println(command, "is", observations[0].Status)
	return nil
}

func Example() {
	keys, err := webhook.ParseKeyring(webhook.NewKey())
	if err != nil {
		panic(err)
	}
	callbacks, err := webhook.NewCallbacks("https://bridge.example.com", keys)
	if err != nil {
		panic(err)
	}
	server, err := webhook.New(webhook.Options{Keys: keys, Sink: printer{}, PathPrefix: callbacks.PathPrefix()})
	if err != nil {
		panic(err)
	}
	url := callbacks.CallbackURL(events.RequestCommandID("order-4711"), time.Now().Add(time.Hour))

	request := httptest.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(`{"status":"completed"}`))
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, request)
	fmt.Println(answer.Code)
	// Output:
	// xm2igitaea4d34ipad5wcv3kzi is completed
	// 202
}
