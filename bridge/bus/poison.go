package bus

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"time"
)

// guarded runs the handler of one delivery. A panic is logged and ends there: one
// poisonous message must neither end the process nor hold up the queue.
func (b *Bus) guarded(ctx context.Context, w Work, d Delivery) (answer Disposition) {
	defer func() {
		if v := recover(); v != nil {
			reason := panicked(v)
			b.log.LogAttrs(ctx, slog.LevelError, "a handler panicked; its message is set aside and the others go on",
				slog.String("consumer", w.Durable), slog.String("stream", w.Stream), slog.Uint64("sequence", d.Sequence), about(d.Subject),
				slog.Uint64("delivered", d.Delivered), slog.String("reason", reason), slog.String("at", stack()))
			answer = b.poisoned(ctx, w, d, reason)
		}
	}()
	return w.Handle(ctx, d)
}

func (b *Bus) poisoned(ctx context.Context, w Work, d Delivery, reason string) (answer Disposition) {
	if w.Poisoned == nil {
		return Again(poisonPause(d.Delivered))
	}
	defer func() {
		if v := recover(); v != nil {
			b.log.LogAttrs(ctx, slog.LevelError, "what handles poisonous messages panicked",
				slog.String("consumer", w.Durable), slog.Uint64("sequence", d.Sequence), about(d.Subject),
				slog.String("reason", panicked(v)), slog.String("at", stack()))
			answer = Again(poisonPause(d.Delivered))
		}
	}()
	return w.Poisoned(ctx, d, reason)
}

// poisonPause grows with the deliveries, from a second to a minute.
func poisonPause(delivered uint64) time.Duration {
	return min(time.Second<<min(delivered-1, 6), time.Minute)
}

// panicked tells of a panic without the data that its value may hold. The runtime's
// own errors hold indices and types.
func panicked(v any) string {
	if err, ok := v.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("panic with a %T", v)
}

// stackDepth is how many calls a log line tells of.
const stackDepth = 12

// stack gives the functions, innermost first, in which a panic is recovered from:
// names and lines, no arguments. The caller is a deferred function.
func stack() string {
	calls := make([]uintptr, 64)
	frames := runtime.CallersFrames(calls[:runtime.Callers(3, calls)])
	var names []string
	for more := true; more && len(names) < stackDepth; {
		var frame runtime.Frame
		if frame, more = frames.Next(); !strings.HasPrefix(frame.Function, "runtime.") {
			names = append(names, fmt.Sprintf("%s:%d", frame.Function[strings.LastIndex(frame.Function, "/")+1:], frame.Line))
		}
	}
	return strings.Join(names, " ")
}
