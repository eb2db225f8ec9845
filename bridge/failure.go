package bridge

import (
	"errors"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// failureOf gives the error of a record for a failed request to Graph: Graph's
// own code and words where it answered.
func failureOf(err error) *events.Error {
	if answer, ok := errors.AsType[*graph.Error](err); ok {
		return &events.Error{
			Code: events.Code(answer.Code), Message: answer.Message,
			HTTPStatus: answer.StatusCode, RequestID: answer.RequestID,
		}
	}
	return &events.Error{Code: "noAnswer", Message: events.Truncate(err.Error(), 2048)}
}

// retryAfter gives how long Graph asked to be left alone, 0 where it did not.
func retryAfter(err error) time.Duration {
	if answer, ok := errors.AsType[*graph.Error](err); ok {
		return answer.RetryAfter
	}
	return 0
}
