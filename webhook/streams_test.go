package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"devicebridge/events"
	"devicebridge/webhook"
)

// refusals are requests of every kind of refusal, with the sink's answer that leads
// to it.
func refusals(t *testing.T) map[string]struct {
	method, path, body string
	header             [2]string
	want               int
} {
	return map[string]struct {
		method, path, body string
		header             [2]string
		want               int
	}{
		"unknown path":    {http.MethodPost, "/x", done, [2]string{}, 404},
		"forged token":    {http.MethodPost, "/postback/" + command + "/x", done, [2]string{}, 404},
		"other method":    {http.MethodPut, path(t), done, [2]string{}, 405},
		"no record":       {http.MethodPost, path(t), `{"status":"noRecord"}`, [2]string{}, 404},
		"not stored":      {http.MethodPost, path(t), `{"status":"notStored"}`, [2]string{}, 503},
		"a panic":         {http.MethodPost, path(t), `{"status":"panic"}`, [2]string{}, 500},
		"malformed":       {http.MethodPost, path(t), "{", [2]string{}, 400},
		"too large":       {http.MethodPost, path(t), strings.Repeat(" ", 1001), [2]string{}, 413},
		"an encoding":     {http.MethodPost, path(t), done, [2]string{"Content-Encoding", "gzip"}, 415},
		"a good postback": {http.MethodPost, path(t), done, [2]string{}, 202},
	}
}

// obeying is a sink that does what the status of the postback says.
type obeying struct{}

func (obeying) Postback(_ context.Context, _ string, told []events.Observation) error {
	switch told[0].Status {
	case "noRecord":
		return &events.Error{Code: events.CodeNotFound}
	case "notStored":
		return errors.New("no responders")
	case "panic":
		panic("by request")
	}
	return nil
}

// One connection of a proxy carries many senders: whatever is refused on it, every
// other request is answered, and the connection stays.
func TestRefusalEndsItsStreamOnly(t *testing.T) {
	address, client := serveTLS(t, webhook.Options{Sink: obeying{}, MaxBody: 1000, Rate: 1e6, Burst: 1e6, AddressRate: 1e6, AddressBurst: 1e6}, true)
	var dials atomic.Int32
	transport := client.Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	post := func(method, path string, body io.Reader, header [2]string) (int, error) {
		r, err := http.NewRequestWithContext(t.Context(), method, "https://"+address+path, body)
		if err != nil {
			return 0, err
		}
		if header[0] != "" {
			r.Header.Set(header[0], header[1])
		}
		response, err := client.Do(r)
		if err != nil {
			return 0, err
		}
		defer func() { _ = response.Body.Close() }()
		if response.ProtoMajor != 2 {
			t.Errorf("answered by %s", response.Proto)
		}
		_, err = io.Copy(io.Discard, response.Body)
		return response.StatusCode, err
	}
	if status, err := post(http.MethodPost, path(t), strings.NewReader(done), [2]string{}); err != nil || status != http.StatusAccepted {
		t.Fatalf("the first postback: %d, %v", status, err)
	}
	var senders sync.WaitGroup
	room := make(chan struct{}, 40) // fewer than one connection may have streams
	for range 20 {
		for name, c := range refusals(t) {
			for _, body := range []io.Reader{strings.NewReader(c.body), io.MultiReader(bytes.NewReader([]byte(c.body)))} { // the second announces no length
				senders.Go(func() {
					room <- struct{}{}
					defer func() { <-room }()
					if status, err := post(c.method, c.path, body, c.header); err != nil || status != c.want {
						t.Errorf("%s: %d, %v, want %d", name, status, err, c.want)
					}
				})
			}
		}
	}
	senders.Wait()
	if got := dials.Load(); got != 1 {
		t.Errorf("%d connections were needed for what one carries", got)
	}
}

// Under HTTP/1.1 a refusal of a body that was read leaves the connection as it is.
// The 404s are all alike and end it.
func TestRefusalKeepsAConnectionWhoseBodyWasRead(t *testing.T) {
	address := listen(t, server(t, webhook.Options{Sink: obeying{}, MaxBody: 1000}).Handler())
	kept := map[int]bool{202: true, 400: true, 503: true}
	for name, c := range refusals(t) {
		r, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+address+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.header[0] != "" {
			r.Header.Set(c.header[0], c.header[1])
		}
		var dials int
		transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials++
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}}
		for range 2 {
			r.Body = io.NopCloser(strings.NewReader(c.body))
			response, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != c.want {
				t.Errorf("%s: %d, %v, want %d", name, response.StatusCode, err, c.want)
			}
			_ = response.Body.Close()
			if response.Close == kept[c.want] {
				t.Errorf("%s: the answer says close %v", name, response.Close)
			}
		}
		if want := map[bool]int{true: 1, false: 2}[kept[c.want]]; dials != want {
			t.Errorf("%s: two requests took %d connections, want %d", name, dials, want)
		}
		transport.CloseIdleConnections()
	}
}
