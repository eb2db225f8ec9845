package graph

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// timeoutError is the cause of a context that ended by one of the client's own
// time-outs, so that it can be told from a caller who went away.
type timeoutError struct{ after time.Duration }

func (e timeoutError) Error() string { return fmt.Sprintf("no answer within %s", e.after) }

// Timeout says that it is one, as net.Error has it.
func (timeoutError) Timeout() bool { return true }

// Is makes it the deadline that it is to everybody else.
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

func withTimeout(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, after, timeoutError{after})
}

func isOurs(cause error) bool {
	_, ours := errors.AsType[timeoutError](cause)
	return ours
}
