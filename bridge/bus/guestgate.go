package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"devicebridge/events"
)

const (
	// gatePrefix is where the server leads the requests of guests that make consumers.
	// It is below $JS., so that it is part of the one export which the server lets no
	// answer of into a request of the same, see accounts.
	gatePrefix = "$JS.GUESTS."
	// pullPrefix is the same for an account that sees no deliveries: there a push
	// consumer would be made and never heard of.
	pullPrefix = "$JS.PULL."
	// deliveries is where push consumers of guests deliver, in the bridge's account. Its
	// own inboxes have another prefix there.
	deliveries        = "_INBOX.>"
	bridgeInboxPrefix = "_BRIDGE"

	// guestConsumers is how many consumers a stream may have before guests may make no
	// more, and serverConsumers how many it may have in all: the bridge needs some to
	// list, to sweep and to quarantine, also on a store where guests made as many as an
	// earlier version let them.
	guestConsumers  = 500
	serverConsumers = 2000

	// What one consumer of a guest may hold in the server's memory.
	guestAckPending = 1 << 16
	guestWaiting    = 1 << 12
	guestRequest    = 64 << 10

	// guestIdle is the least time that a guest's consumer is kept while nobody uses it,
	// where the stream does not keep its messages longer.
	guestIdle = 7 * 24 * time.Hour

	gateTime       = 5 * time.Second
	gateConcurrent = 32
)

// gate makes the consumers of guests, within bounds. The server's own limit is one
// for all of a stream's consumers, the bridge's included, and keeps a durable one that
// nobody uses for ever.
type gate struct {
	nc     *nats.Conn
	closed chan struct{}
	calls  *calls

	// making counts, by stream, the consumers that are being made.
	mu     sync.Mutex
	making map[string]int
}

// openGate connects to the embedded server with the bridge's rights; when it returns,
// guests may make consumers. It connects again after a restart of the server.
func openGate(s *Server) (*gate, error) {
	g := &gate{closed: make(chan struct{}), calls: newCalls(gateConcurrent), making: map[string]int{}}
	var err error
	g.nc, err = nats.Connect("", nats.Name("the gate of guests"), nats.InProcessServer(s), nats.Nkey(s.user, s.key.Sign),
		nats.CustomInboxPrefix(bridgeInboxPrefix), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), nats.ClosedHandler(func(*nats.Conn) { close(g.closed) }))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	for _, prefix := range []string{gatePrefix, pullPrefix} {
		if _, err := g.nc.Subscribe(prefix+">", func(m *nats.Msg) { g.take(m, prefix) }); err != nil {
			g.close()
			return nil, fmt.Errorf("subscribe: %w", err)
		}
	}
	if err := g.nc.FlushTimeout(startTime); err != nil {
		g.close()
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return g, nil
}

func (g *gate) close() {
	g.nc.Close()
	<-g.closed
	g.calls.stop()
}

func (g *gate) take(m *nats.Msg, prefix string) {
	if !g.calls.begin(func() { g.answer(m, g.create(m, prefix)) }) {
		g.answer(m, refused(server.JSClusterNotAvailErr, 503, "too many consumers are being made; ask again"))
	}
}

// answer sends what the JetStream API says, which is nothing where it does not answer:
// who asked then asks again as if the server had been busy.
func (g *gate) answer(m *nats.Msg, reply []byte) {
	if m.Reply != "" && reply != nil {
		_ = g.nc.Publish(m.Reply, reply) // the connection is lost, and with it the question
	}
}

// create holds a request against the bounds, and has the API make the consumer.
func (g *gate) create(m *nats.Msg, prefix string) []byte {
	subject := strings.TrimPrefix(m.Subject, prefix)
	stream, name := created(subject)
	request, fault := bounded(m.Data)
	if fault != nil {
		return fault
	}
	if prefix == pullPrefix && request.Config.DeliverSubject != "" {
		return refused(server.JSConsumerCreateErrF, 400,
			"a push consumer delivers only in an account whose users may all subscribe to every event of commands and of the inventory; use a pull consumer")
	}
	ctx, cancel := context.WithTimeout(context.Background(), gateTime)
	defer cancel()
	var about server.JSApiStreamInfoResponse
	if err := g.ask(ctx, "STREAM.INFO."+stream, nil, &about); err != nil || about.StreamInfo == nil {
		return refused(server.JSClusterNotAvailErr, 503, "the stream "+stream+" does not answer")
	}
	keep := max(about.Config.MaxAge, guestIdle)
	if c := &request.Config; c.InactiveThreshold > keep || c.InactiveThreshold == 0 && c.Durable != "" {
		c.InactiveThreshold = keep
	}
	if !g.begin(ctx, stream, name, about.State.Consumers) {
		return refused(server.JSMaximumConsumersLimitErr, 400, fmt.Sprintf(
			"the stream has %d consumers, as many as clients may make; delete one that is not used", about.State.Consumers))
	}
	defer g.end(stream)
	body, err := json.Marshal(request)
	if err != nil {
		return refused(server.JSInvalidJSONErr, 400, err.Error())
	}
	question := nats.NewMsg(apiPrefix + subject)
	question.Data = body
	if level := m.Header.Get(server.JSRequiredApiLevel); level != "" {
		question.Header.Set(server.JSRequiredApiLevel, level)
	}
	reply, err := g.nc.RequestMsgWithContext(ctx, question)
	if err != nil {
		return nil
	}
	return reply.Data
}

// created returns the stream, and the consumer if it stands there, of a request's
// subject below the prefix.
func created(subject string) (stream, name string) {
	rest := strings.TrimPrefix(strings.TrimPrefix(subject, "CONSUMER."), "DURABLE.")
	parts := strings.SplitN(strings.TrimPrefix(rest, "CREATE."), ".", 3)
	if len(parts) > 1 {
		name = parts[1]
	}
	return parts[0], name
}

// bounded reads a request and holds it to what a guest's consumer may be. It is
// written again as it was understood, so that the API cannot read it otherwise.
func bounded(body []byte) (server.CreateConsumerRequest, []byte) {
	var request server.CreateConsumerRequest
	if len(body) > guestRequest {
		return request, refused(server.JSInvalidJSONErr, 400, fmt.Sprintf("the request is larger than %d bytes", guestRequest))
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return request, refused(server.JSInvalidJSONErr, 400, "invalid JSON: "+err.Error())
	}
	c := &request.Config
	if c.Direct || c.Sourcing {
		return request, refused(server.JSConsumerCreateErrF, 400, "a consumer of a client is neither direct nor sourcing")
	}
	if to := c.DeliverSubject; to != "" && !strings.HasPrefix(to, strings.TrimSuffix(deliveries, ">")) {
		return request, refused(server.JSConsumerCreateErrF, 400, fmt.Sprintf(
			"deliver_subject is %q: what a push consumer of the server inside the bridge delivers reaches a client only below %s; leave the delivery subject to the client library, or use a pull consumer",
			to, strings.TrimSuffix(deliveries, ">")))
	}
	if c.MaxAckPending < 0 || c.MaxAckPending > guestAckPending {
		c.MaxAckPending = guestAckPending
	}
	if c.MaxWaiting > guestWaiting {
		c.MaxWaiting = guestWaiting
	}
	return request, nil
}

// begin reports whether another consumer may be made, or the one that exists changed.
func (g *gate) begin(ctx context.Context, stream, name string, there int) bool {
	g.mu.Lock()
	more := there+g.making[stream] < guestConsumers
	if more {
		g.making[stream]++
	}
	g.mu.Unlock()
	if more {
		return true
	}
	var about server.JSApiConsumerInfoResponse
	if err := g.ask(ctx, "CONSUMER.INFO."+stream+"."+name, nil, &about); err != nil || about.ConsumerInfo == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.making[stream]++
	return true
}

func (g *gate) end(stream string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.making[stream]--
}

// ask asks the JetStream API.
func (g *gate) ask(ctx context.Context, what string, body []byte, reply any) error {
	answer, err := g.nc.RequestWithContext(ctx, apiPrefix+what, body)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := json.Unmarshal(answer.Data, reply); err != nil {
		return errors.Join(fmt.Errorf("%s: the reply is not as expected", what), err)
	}
	return nil
}

// refused is the API's answer to a consumer that is not made.
func refused(code server.ErrorIdentifier, status int, why string) []byte {
	body, err := json.Marshal(server.JSApiConsumerCreateResponse{ApiResponse: server.ApiResponse{
		Type:  server.JSApiConsumerCreateResponseType,
		Error: &server.ApiError{Code: status, ErrCode: uint16(code), Description: why},
	}})
	if err != nil {
		return nil
	}
	return body
}

// gated are the requests of guests that go through the gate.
func gated(s events.Subjects) []string {
	list := make([]string, 0, 2*len(guestStreams(s)))
	for _, stream := range guestStreams(s) {
		list = append(list, apiPrefix+"CONSUMER.CREATE."+stream+".>", apiPrefix+"CONSUMER.DURABLE.CREATE."+stream+".*")
	}
	return list
}
