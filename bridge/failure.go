package bridge

import (
	"errors"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// maxFailure bounds the words of a failure in a record, in bytes.
const maxFailure = 2048

// failureOf gives the error of a record for a failed request to Graph: Graph's
// own code and words where it answered, and what they mean where that is known.
func failureOf(err error) *events.Error {
	if answer, ok := errors.AsType[*graph.Error](err); ok {
		message := answer.Message
		if advice := answer.Advice(); advice != "" {
			message = events.Truncate(message, maxFailure-len(advice)-len("; ")) + "; " + advice
		}
		return &events.Error{
			Code: events.Code(answer.Code), Message: message,
			HTTPStatus: answer.StatusCode, RequestID: answer.RequestID,
		}
	}
	if open, ok := errors.AsType[*graph.CircuitOpenError](err); ok {
		return &events.Error{Code: "circuitOpen", Message: open.Error()}
	}
	if missing, ok := errors.AsType[*graph.SignInError](err); ok {
		return &events.Error{Code: "noSignIn", Message: events.Truncate(missing.Error(), maxFailure)}
	}
	return &events.Error{Code: "noAnswer", Message: events.Truncate(err.Error(), maxFailure)}
}

// retryAfter gives how long Graph asked to be left alone, 0 where it did not.
func retryAfter(err error) time.Duration {
	if answer, ok := errors.AsType[*graph.Error](err); ok {
		return answer.RetryAfter
	}
	return 0
}
