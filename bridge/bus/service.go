package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"devicebridge/events"
)

// ServiceName is the name under which `nats micro` finds the bridge.
const ServiceName = "devicebridge"

// Call is one request to an endpoint.
type Call struct {
	Header map[string][]string
	Data   []byte
}

// Endpoint is one subject that answers requests.
type Endpoint struct {
	// Name is the subject below the prefix, such as "commands.send".
	Name        string
	Description string
	// RequestSchema and ReplySchema name JSON Schemas, shown in the endpoint's
	// metadata.
	RequestSchema, ReplySchema string
	// Handle gives the reply, which is sent as JSON, or an error: an *events.Error
	// is answered as it is, any other as unavailable.
	Handle func(context.Context, Call) (any, error)
}

// ServiceOptions configure the micro service.
type ServiceOptions struct {
	// Version is semantic, as the NATS service API asks.
	Version string
	// MaxConcurrent bounds the requests answered at once; one over it is refused
	// as unavailable. Zero: 1024.
	MaxConcurrent int
	// Standing, if not nil, tells what this replica says of itself to who asks every
	// replica for its statistics. It must return at once.
	Standing func() events.Standing
	// Ready, if not nil, is called once requests are answered.
	Ready func()
}

// Serve answers requests until ctx ends, then stops taking new ones and waits
// for those under way. Their context ends with ctx, so that a waiting request
// can answer with what it has.
func (b *Bus) Serve(ctx context.Context, o ServiceOptions, endpoints []Endpoint) error {
	if o.MaxConcurrent == 0 {
		o.MaxConcurrent = 1024
	}
	service, err := micro.AddService(b.nc, micro.Config{
		Name:        ServiceName,
		Version:     o.Version,
		Description: "sends device commands through Microsoft Graph and publishes what becomes of them",
		StatsHandler: func(e *micro.Endpoint) any {
			if o.Standing == nil || e.Name != endpointName(standingEndpoint) {
				return nil
			}
			return o.Standing()
		},
	})
	if err != nil {
		return fmt.Errorf("micro service: %w", err)
	}
	// The client library drains its subscriptions in the background: requests it
	// has at the stop still come, and are refused.
	calls := newCalls(o.MaxConcurrent)
	defer calls.stop()
	for _, e := range endpoints {
		handler := micro.HandlerFunc(func(r micro.Request) {
			// Beside each other: a request that waits must not hold up the next.
			if !calls.begin(func() { b.answer(ctx, r, e) }) {
				b.refuse(r, e.Name, events.Unavailable("too many requests are under way, or this bridge is stopping; ask again"))
			}
		})
		err := service.AddEndpoint(endpointName(e.Name), handler,
			micro.WithEndpointSubject(b.subjects.Service(e.Name)),
			micro.WithEndpointMetadata(map[string]string{
				"description":     e.Description,
				"schema.request":  e.RequestSchema,
				"schema.response": e.ReplySchema,
			}))
		if err != nil {
			return errors.Join(fmt.Errorf("endpoint %s: %w", e.Name, err), service.Stop())
		}
	}
	// The server has the subscriptions only after a round trip. Where the connection is
	// lost before that, the client library makes them again on the next.
	switch err := b.patiently(ctx, b.flush); {
	case ctx.Err() != nil:
	case err != nil:
		return errors.Join(fmt.Errorf("micro service: %w", err), service.Stop())
	case o.Ready != nil:
		o.Ready()
	}
	<-ctx.Done()
	if err := service.Stop(); err != nil {
		return fmt.Errorf("stop the micro service: %w", err)
	}
	return nil
}

// standingEndpoint is the endpoint whose statistics hold a replica's Standing. Every
// bridge has it, whatever is switched on.
const standingEndpoint = "signin.get"

// endpointName is the name of an endpoint among the service's, where a dot may not be.
func endpointName(name string) string { return strings.ReplaceAll(name, ".", "-") }

func (b *Bus) answer(ctx context.Context, r micro.Request, e Endpoint) {
	reply, err := b.call(ctx, r, e)
	var body []byte
	if err == nil {
		body, err = events.Marshal(reply)
	}
	if err != nil {
		if _, told := errors.AsType[*events.Error](err); !told {
			b.log.Error("request failed", "endpoint", e.Name, "error", err)
		}
		b.refuse(r, e.Name, events.AsError(err))
		return
	}
	err = b.reply(r, nil, body)
	if errors.Is(err, nats.ErrMaxPayload) {
		b.refuse(r, e.Name, &events.Error{Code: events.CodeTooLarge, Message: "the answer does not fit a NATS message; ask for less at once"})
		return
	}
	if err != nil {
		b.log.Warn("reply not sent", "endpoint", e.Name, "error", err)
	}
}

// call runs the handler of an endpoint. A panic is logged and ends there: one
// request must not end the process, and the claims under way with it.
func (b *Bus) call(ctx context.Context, r micro.Request, e Endpoint) (reply any, err error) {
	defer func() {
		if v := recover(); v != nil {
			b.log.Error("an endpoint panicked; its request is refused and the others go on", "endpoint", e.Name, "reason", panicked(v), "at", stack())
			err = events.Unavailable("handling this request broke down; the bridge's log says where")
		}
	}()
	return e.Handle(ctx, Call{Header: r.Headers(), Data: r.Data()})
}

func (b *Bus) refuse(r micro.Request, endpoint string, e *events.Error) {
	body, err := events.Marshal(events.ErrorReply{Error: e})
	if err == nil {
		err = b.reply(r, nats.Header{
			micro.ErrorCodeHeader: {strconv.Itoa(e.Status())},
			micro.ErrorHeader:     {headerText(cmp.Or(e.Message, string(e.Code)))},
		}, body)
	}
	if err != nil {
		b.log.Warn("error reply not sent", slog.String("endpoint", endpoint), slog.Any("error", err))
	}
}

// reply answers r. The library's own way notes the error for its statistics, which
// it reads as soon as the handler is through: before the answer, here.
func (b *Bus) reply(r micro.Request, header nats.Header, body []byte) error {
	to := r.Reply()
	// Who asks must not have the bridge publish where only the bridge may.
	if strings.HasPrefix(to, "$") || strings.HasPrefix(to, b.subjects.Prefix()+".") {
		return fmt.Errorf("no answer goes to %q, which is not an inbox", to)
	}
	if to == "" {
		return nil
	}
	return b.nc.PublishMsg(&nats.Msg{Subject: to, Header: header, Data: body})
}

// headerText makes a message fit one header line.
func headerText(message string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, message)
}
