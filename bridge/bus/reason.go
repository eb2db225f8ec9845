package bus

import (
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// unavailable returns an error with CodeUnavailable that says what did not work, NATS'
// own reason, and to ask again.
func unavailable(what string, err error) *events.Error {
	return events.Unavailable(what + because(err) + "; ask again")
}

// because returns NATS' own reason in brackets; empty where there is none.
func because(err error) string {
	if err == nil {
		return ""
	}
	if api, is := errors.AsType[*jetstream.APIError](err); is {
		return " (NATS: " + api.Description + ")"
	}
	return " (" + err.Error() + ")"
}
