package emulator_test

import (
	"context"
	"devicebridge/bridge/graph/emulator"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
)

// A test of a client: the first POST is throttled, the second is taken, and the ledger tells which.
func Example() {
	e, err := emulator.New(emulator.Options{
		Token:  "secret",
		Faults: emulator.Faults{Next: []emulator.Fault{{Kind: emulator.FaultThrottle}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = e.Close() }()

	for range 2 {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/beta/me/devices/kitchen.hub~1/commands",
			strings.NewReader(`{"type":"LaunchUri","payload":{"uri":"https://bing.com"}}`))
		r.Header.Set("Authorization", "Bearer secret")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		fmt.Printf("%d Retry-After %q\n", w.Code, w.Header().Get("Retry-After"))
	}
	for _, rec := range e.Commands() {
		fmt.Println(rec.Seq, rec.DeviceID, rec.HTTPStatus, rec.Taken)
	}
	// Output:
	// 429 Retry-After "2.128"
	// 201 Retry-After ""
	// 1 kitchen.hub~1 429 false
	// 2 kitchen.hub~1 201 true
}
