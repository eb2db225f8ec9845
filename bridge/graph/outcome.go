package graph

import (
	"net/http"
	"time"
)

// Outcome says what a failed Send means for the command.
type Outcome int

const (
	// Unknown says that Graph may have taken the command: never send it again. It
	// is the zero value, because it is the safe one.
	Unknown Outcome = iota
	// NotTaken says that Graph surely has not taken the command: it may be sent again.
	NotTaken
	// Refused says that the command will never be taken as it stands: Graph
	// refused it, or it could not be put into a request.
	Refused
)

// String gives the outcome in words.
func (o Outcome) String() string {
	switch o {
	case NotTaken:
		return "not taken"
	case Refused:
		return "refused"
	default:
		return "outcome unknown"
	}
}

// SendError is the error of Send.
type SendError struct {
	Outcome Outcome
	// RetryAfter is how long Graph asked to wait, where HasRetryAfter is true; else
	// how long the circuit lets nothing through, or 0.
	RetryAfter    time.Duration
	HasRetryAfter bool
	// Err is the cause: an *Error where Graph answered.
	Err error
}

// Error gives the outcome and, where there is one, the cause.
func (e *SendError) Error() string {
	return "graph: send command: " + e.Outcome.String() + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *SendError) Unwrap() error { return e.Err }

// outcomeOf says what an answer means that does not say the command was taken: a
// status outside 2xx, or a 2xx that cannot be read. Graph's throttling guidance
// has 429 and 503 with Retry-After mean "come again"; a 503 without it, or with
// one that cannot be read, may come from anything between here and Graph.
func outcomeOf(status int, hasRetryAfter bool) Outcome {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusTooManyRequests:
		return NotTaken
	case status == http.StatusServiceUnavailable && hasRetryAfter:
		return NotTaken
	case status == http.StatusRequestTimeout:
		return Unknown
	case status >= 300 && status <= 499:
		return Refused
	default:
		return Unknown
	}
}
