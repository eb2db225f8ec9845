package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"devicebridge/bridge"
	"devicebridge/bridge/decode"
	"devicebridge/events"
)

// Options configure a Service. Only Graph has no default.
type Options struct {
	Graph Graph
	// Write has the directory changed when somebody asks for it. Without it the
	// endpoints that would are there and refuse.
	Write bool
	// MaxMessage is the largest NATS message, in bytes. Zero: 1 MiB.
	MaxMessage int
	// Log may be nil.
	Log *slog.Logger
}

// Service answers requests. It holds nothing and is safe for concurrent use.
type Service struct{ Options }

// New checks the options and gives a Service.
func New(o Options) (*Service, error) {
	if o.Graph == nil {
		return nil, errors.New("directory: Options.Graph is required")
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 1 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{o}, nil
}

// Endpoints lists what is answered.
func (s *Service) Endpoints() []bridge.Endpoint {
	operations := s.operations()
	list := make([]bridge.Endpoint, len(operations))
	for i, o := range operations {
		list[i] = bridge.Endpoint{
			Name: o.name, Description: o.description, Request: o.request, Reply: o.reply,
			Handle: func(ctx context.Context, _ map[string][]string, data []byte) (any, error) {
				return s.handle(ctx, o, data)
			},
		}
	}
	return list
}

func (s *Service) handle(ctx context.Context, o operation, data []byte) (any, error) {
	if o.writes && !s.Write {
		return nil, events.Refusal(events.CodeForbidden, "", "this would change the directory, which is switched off; "+
			"start the bridge with BRIDGE_DIRECTORY=write")
	}
	reply, err := o.run(ctx, data)
	if err != nil {
		return nil, s.refusal(o, err)
	}
	if o.writes {
		return reply, nil // what is done is not refused for the length of its answer
	}
	text, err := events.Marshal(reply)
	if err != nil {
		return nil, err
	}
	if len(text) > s.MaxMessage {
		return nil, tooLarge(o, fmt.Sprintf("the answer has %d bytes, a NATS message takes %d", len(text), s.MaxMessage))
	}
	return reply, nil
}

// request adapts what handles a request of type Q.
func request[Q, R any](do func(context.Context, Q) (R, error)) func(context.Context, []byte) (any, error) {
	return func(ctx context.Context, data []byte) (any, error) {
		q, fault := decode.Strict[Q](data)
		if fault != nil {
			return nil, fault
		}
		return do(ctx, q)
	}
}
