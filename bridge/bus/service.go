package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"

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
	// RequestSchema and ReplySchema are JSON Schemas, shown in the endpoint's
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
	})
	if err != nil {
		return fmt.Errorf("micro service: %w", err)
	}
	var calls sync.WaitGroup
	free := make(chan struct{}, o.MaxConcurrent)
	for _, e := range endpoints {
		handler := micro.HandlerFunc(func(r micro.Request) {
			select {
			case free <- struct{}{}:
			default:
				b.refuse(r, e.Name, events.Unavailable("too many requests are under way; ask again"))
				return
			}
			// A goroutine each: a request that waits must not hold up the next.
			calls.Go(func() {
				defer func() { <-free }()
				b.answer(ctx, r, e)
			})
		})
		err := service.AddEndpoint(strings.ReplaceAll(e.Name, ".", "-"), handler,
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
	// The server has the subscriptions only after a round trip.
	if err := b.flush(ctx); err != nil {
		return errors.Join(fmt.Errorf("micro service: %w", err), service.Stop())
	}
	if o.Ready != nil {
		o.Ready()
	}
	<-ctx.Done()
	err = service.Stop()
	calls.Wait()
	if err != nil {
		return fmt.Errorf("stop the micro service: %w", err)
	}
	return nil
}

func (b *Bus) answer(ctx context.Context, r micro.Request, e Endpoint) {
	reply, err := e.Handle(ctx, Call{Header: r.Headers(), Data: r.Data()})
	if err != nil {
		if _, told := errors.AsType[*events.Error](err); !told {
			b.log.Error("request failed", "endpoint", e.Name, "error", err)
		}
		b.refuse(r, e.Name, events.AsError(err))
		return
	}
	body, err := events.Marshal(reply)
	if err == nil {
		err = r.Respond(body)
	}
	if err != nil {
		b.log.Warn("reply not sent", "endpoint", e.Name, "error", err)
	}
}

func (b *Bus) refuse(r micro.Request, endpoint string, e *events.Error) {
	body, err := events.Marshal(events.ErrorReply{Error: e})
	if err == nil {
		err = r.Error(strconv.Itoa(e.Status()), headerText(e.Message), body)
	}
	if err != nil {
		b.log.Warn("error reply not sent", slog.String("endpoint", endpoint), slog.Any("error", err))
	}
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
