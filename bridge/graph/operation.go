package graph

import "time"

// The operations of the device command API, as they stand in error texts, in the
// log and in an Exchange.
const (
	opSend    = "send command"
	opCommand = "get command"
	opPayload = "get response payload"
	opDevices = "list devices"
	// opTrial finds out whether Graph answers again.
	opTrial = "try whether Graph answers"
)

// Operations lists what an Exchange of the device command API may name.
func Operations() []string { return []string{opSend, opCommand, opPayload, opDevices, opTrial} }

// Exchange is one HTTP request to Graph and what came of it, for metrics: it
// holds nothing of which there are many.
type Exchange struct {
	// Operation is one of Operations or DirectoryOperations, Method the HTTP method.
	Operation, Method string
	// StatusCode is the answer's; 0 where there was none.
	StatusCode int
	// Duration is the time until the answer was read or failed.
	Duration time.Duration
	// Throttled is how long Graph asked to be left alone, with 429 or 503; 0 where
	// it did not.
	Throttled time.Duration
}
