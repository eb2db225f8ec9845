package webhook_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"devicebridge/events"
	"devicebridge/webhook"
)

// BenchmarkVerify checks a token.
func BenchmarkVerify(b *testing.B) {
	ring, err := webhook.ParseKeyring(firstKey())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !ring.Verify(command, vector, now()) {
			b.Fatal("the vector does not verify")
		}
	}
}

// nowhere is a sink that stores nothing.
type nowhere struct{}

func (nowhere) Postback(context.Context, string, []events.Observation) error { return nil }

// BenchmarkHandler takes a postback through the endpoint, without a connection, to a
// sink that stores nothing.
func BenchmarkHandler(b *testing.B) {
	ring, err := webhook.ParseKeyring(firstKey())
	if err != nil {
		b.Fatal(err)
	}
	server, err := webhook.New(webhook.Options{Keys: ring, Sink: nowhere{}, Now: now, Rate: 1e9, Burst: 1e9})
	if err != nil {
		b.Fatal(err)
	}
	body := `{"id":"0158355AD4D680CC4E2994CC009EFFD7","status":"executing","type":null,"error":null,"payload":{"uri":"https://bing.com"}}`
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/postback/"+command+"/"+vector, strings.NewReader(body))
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusAccepted {
			b.Fatal(w.Code)
		}
	}
}
