package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// serve answers on endpoints until the test ends or the function given back is
// called.
func serve(t *testing.T, b *bus.Bus, o bus.ServiceOptions, endpoints ...bus.Endpoint) (stop func()) {
	t.Helper()
	ready := make(chan struct{})
	o.Version, o.Ready = "1.2.3", func() { close(ready) }
	stop = running(t, func(ctx context.Context) error { return b.Serve(ctx, o, endpoints) })
	receive(t, "service", ready)
	return stop
}

// serving answers commands.send with its request's bytes until the test ends.
func serving(t *testing.T, b *bus.Bus) {
	t.Helper()
	serve(t, b, bus.ServiceOptions{}, bus.Endpoint{
		Name: "commands.send",
		Handle: func(_ context.Context, c bus.Call) (any, error) {
			return map[string]string{"got": string(c.Data)}, nil
		},
	})
}

// infoOf reads what a service says of itself.
func infoOf(t *testing.T, nc *nats.Conn, subject string) micro.Info {
	t.Helper()
	msg, err := nc.RequestWithContext(within(t), subject, nil)
	if err != nil {
		t.Fatal(err)
	}
	var info micro.Info
	if err := json.Unmarshal(msg.Data, &info); err != nil {
		t.Fatal(err)
	}
	return info
}

func TestServeAnswers(t *testing.T) {
	b, server := start(t)
	nc, _ := client(t, server.URL())
	serve(t, b, bus.ServiceOptions{}, bus.Endpoint{
		Name: "commands.get",
		Handle: func(_ context.Context, c bus.Call) (any, error) {
			switch string(c.Data) {
			case "told":
				return nil, &events.Error{Code: events.CodeInvalid, Message: "line one\r\nline two", Field: "type"}
			case "wrapped":
				return nil, errors.Join(errors.New("at first"), events.NotFound("no such command"))
			case "internal":
				return nil, errors.New("the secret of the house")
			case "wordless":
				return nil, &events.Error{Code: events.CodeConflict}
			case "endless":
				return strings.Repeat("x", b.MaxPayload()), nil
			case "poisonous":
				panic("the secret of the house")
			case "unspeakable":
				return make(chan int), nil
			default:
				return map[string]any{"data": string(c.Data), "header": events.HeaderValue(c.Header, "Bridge-Wait")}, nil
			}
		},
	})
	ask := func(t *testing.T, data string) *nats.Msg {
		t.Helper()
		msg, err := nc.RequestMsgWithContext(within(t), &nats.Msg{
			Subject: "devicebridge.v1.commands.get", Header: nats.Header{"Bridge-Wait": {"30s"}}, Data: []byte(data),
		})
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}

	t.Run("an answer", func(t *testing.T) {
		msg := ask(t, "hello")
		if string(msg.Data) != `{"data":"hello","header":"30s"}` || msg.Header.Get("Nats-Service-Error") != "" {
			t.Errorf("%s with %v", msg.Data, msg.Header)
		}
	})
	refusals := []struct{ data, status, text, body string }{
		{"told", "400", "line one  line two", `{"error":{"code":"invalid","message":"line one\r\nline two","field":"type"}}`},
		{"wrapped", "404", "no such command", `{"error":{"code":"notFound","message":"no such command"}}`},
		{"internal", "503", "the bridge could not finish", `{"error":{"code":"unavailable","message":"the bridge could not finish this now; ask again"}}`},
		{"wordless", "409", "conflict", `{"error":{"code":"conflict","message":""}}`},
		{"endless", "413", "the answer does not fit", `{"error":{"code":"tooLarge","message":"the answer does not fit a NATS message; ask for less at once"}}`},
		{"poisonous", "503", "handling this request broke down", `{"error":{"code":"unavailable","message":"handling this request broke down; the bridge's log says where"}}`},
		{"unspeakable", "503", "the bridge could not finish", `{"error":{"code":"unavailable","message":"the bridge could not finish this now; ask again"}}`},
	}
	for _, tt := range refusals {
		t.Run(tt.data, func(t *testing.T) {
			msg := ask(t, tt.data)
			if got := msg.Header.Get("Nats-Service-Error-Code"); got != tt.status {
				t.Errorf("code %q, want %q", got, tt.status)
			}
			if got := msg.Header.Get("Nats-Service-Error"); !strings.HasPrefix(got, tt.text) {
				t.Errorf("text %q, want %q", got, tt.text)
			}
			if string(msg.Data) != tt.body {
				t.Errorf("body %s, want %s", msg.Data, tt.body)
			}
		})
	}
}

func TestServeInfo(t *testing.T) {
	b, server := start(t)
	nc, _ := client(t, server.URL())
	schema := `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"}`
	never := func(context.Context, bus.Call) (any, error) { return nil, errors.New("not asked") }
	serve(t, b, bus.ServiceOptions{},
		bus.Endpoint{Name: "commands.send", Description: "sends", RequestSchema: schema, ReplySchema: `true`, Handle: never},
		bus.Endpoint{Name: "callbacks.create", Description: "creates", RequestSchema: schema, ReplySchema: `false`, Handle: never})
	for _, subject := range []string{"$SRV.INFO", "$SRV.INFO.devicebridge"} {
		info := infoOf(t, nc, subject)
		if info.Name != "devicebridge" || info.Version != "1.2.3" || info.Description == "" || len(info.Endpoints) != 2 {
			t.Fatalf("%s: %+v", subject, info)
		}
		send := info.Endpoints[0]
		if send.Name != "commands-send" || send.Subject != "devicebridge.v1.commands.send" {
			t.Errorf("endpoint %+v", send)
		}
		if send.Metadata["description"] != "sends" || send.Metadata["schema.request"] != schema || send.Metadata["schema.response"] != "true" {
			t.Errorf("metadata %v", send.Metadata)
		}
	}
}

// TestServeWaiting: a request that waits holds up no other, also of its own
// endpoint, until there are too many; a stop ends its context and lets it answer.
func TestServeWaiting(t *testing.T) {
	const most = 3
	b, server := start(t)
	nc, _ := client(t, server.URL())
	begun := make(chan struct{}, most)
	stop := serve(t, b, bus.ServiceOptions{MaxConcurrent: most},
		bus.Endpoint{Name: "commands.send", Handle: func(ctx context.Context, c bus.Call) (any, error) {
			if string(c.Data) == "wait" {
				begun <- struct{}{}
				<-ctx.Done()
			}
			return "answered", nil
		}})
	ask := func(data string) (string, error) {
		msg, err := nc.RequestWithContext(within(t), "devicebridge.v1.commands.send", []byte(data))
		if err != nil {
			return "", err
		}
		return string(msg.Data), nil
	}
	var waiting sync.WaitGroup
	for i := range most {
		if got, err := ask("now"); got != `"answered"` || err != nil {
			t.Errorf("beside %d that wait: %s, %v", i, got, err)
		}
		waiting.Go(func() {
			if got, err := ask("wait"); got != `"answered"` || err != nil {
				t.Errorf("one that waits: %s, %v", got, err)
			}
		})
		receive(t, "request that waits", begun)
	}
	if got, err := ask("now"); !strings.Contains(got, `"unavailable"`) || err != nil {
		t.Errorf("one too many: %s, %v", got, err)
	}
	stop()
	waiting.Wait()
	// The server takes the subscriptions away a little later; who asks until then is
	// refused, not answered.
	until(t, "end of the subscriptions", func() bool {
		got, err := ask("now")
		if err == nil && !strings.Contains(got, `"unavailable"`) {
			t.Errorf("after the stop: answered %s", got)
		}
		return errors.Is(err, nats.ErrNoResponders)
	})
}

func TestServeStopWaits(t *testing.T) {
	b, server := start(t)
	nc, _ := client(t, server.URL())
	ready, begun, finish := make(chan struct{}), make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	endpoint := bus.Endpoint{Name: "commands.send", Handle: func(context.Context, bus.Call) (any, error) {
		close(begun)
		<-finish
		return "answered", nil
	}}
	go func() {
		stopped <- b.Serve(ctx, bus.ServiceOptions{Version: "1.2.3", Ready: func() { close(ready) }}, []bus.Endpoint{endpoint})
	}()
	receive(t, "service", ready)
	answer := make(chan string, 1)
	go func() {
		msg, err := nc.RequestWithContext(within(t), "devicebridge.v1.commands.send", nil)
		if err != nil {
			t.Error(err)
			msg = &nats.Msg{}
		}
		answer <- string(msg.Data)
	}()
	receive(t, "request", begun)
	cancel()
	until(t, "nobody takes requests", func() bool {
		_, err := nc.RequestWithContext(within(t), "$SRV.PING.devicebridge", nil)
		return errors.Is(err, nats.ErrNoResponders)
	})
	select {
	case err := <-stopped:
		t.Errorf("the stop did not wait: %v", err)
	default:
	}
	close(finish)
	if got := receive(t, "answer", answer); got != `"answered"` {
		t.Errorf("answer %s", got)
	}
	if err := receive(t, "end of the service", stopped); err != nil {
		t.Error(err)
	}
}

// TestServeStopUnderLoad: each request gets an answer, one of the handler's or
// that the bridge is not there, and no handler runs once Serve is through.
func TestServeStopUnderLoad(t *testing.T) {
	b, server := start(t)
	for range 5 {
		var active atomic.Int32
		stop := serve(t, b, bus.ServiceOptions{}, bus.Endpoint{Name: "commands.send", Handle: func(context.Context, bus.Call) (any, error) {
			active.Add(1)
			defer active.Add(-1)
			return "answered", nil
		}})
		var clients sync.WaitGroup
		answered := make(chan struct{}, 1)
		for range 8 {
			nc, _ := client(t, server.URL())
			clients.Go(func() {
				for {
					msg, err := nc.RequestWithContext(within(t), "devicebridge.v1.commands.send", nil)
					switch {
					case errors.Is(err, nats.ErrNoResponders):
						return
					case err != nil:
						t.Error(err)
						return
					case msg.Header.Get("Nats-Service-Error-Code") != "" && msg.Header.Get("Nats-Service-Error-Code") != "503":
						t.Errorf("%v", msg.Header)
					}
					select {
					case answered <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 50 {
			receive(t, "answer", answered)
		}
		stop()
		if n := active.Load(); n != 0 {
			t.Errorf("%d handlers run after the stop", n)
		}
		clients.Wait()
	}
}

// TestServeReplySubject: on a NATS server of others, who may ask but not append
// cannot have the bridge's answer stored as an event, or sent to the server's API.
func TestServeReplySubject(t *testing.T) {
	srv := external(t, t.TempDir())
	b := connect(t, bus.Options{URL: srv.ClientURL()})
	ensure(t, b, small())
	begun := make(chan struct{}, 10)
	stop := serve(t, b, bus.ServiceOptions{}, bus.Endpoint{Name: "commands.send", Handle: func(context.Context, bus.Call) (any, error) {
		begun <- struct{}{}
		return "answered", nil
	}})
	nc, js := client(t, srv.ClientURL())
	seen, err := nc.SubscribeSync("*.API.STREAM.PURGE.>")
	if err != nil {
		t.Fatal(err)
	}
	for _, reply := range []string{
		b.Subjects().Append(numbered(1), "device", events.KindOf(events.StateCompleted)),
		b.Subjects().TimerDue(numbered(1)), b.Subjects().Intake(), "$JS.API.STREAM.PURGE." + eventStream,
	} {
		if err := nc.PublishRequest("devicebridge.v1.commands.send", reply, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		receive(t, "request", begun)
	}
	stop()
	_, err = b.Latest(within(t), numbered(1)) // after the answers on the same connection
	wantCode(t, err, events.CodeNotFound)
	for _, name := range []string{eventStream, timerStream, intakeStream} {
		if n := messages(t, js, name); n != 0 {
			t.Errorf("%s holds %d messages", name, n)
		}
	}
	if n, _, err := seen.Pending(); n != 0 || err != nil {
		t.Errorf("%d requests to the API, %v", n, err)
	}
}
