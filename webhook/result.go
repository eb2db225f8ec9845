package webhook

import (
	"log/slog"
	"net/http"
)

// Result is how a request ended, as a stable word for logs and metrics. It tells
// more than the status, which must not tell a forged token from a missing record.
type Result string

// The ends of a request.
const (
	ResultAccepted            Result = "accepted"            // 202: durable
	ResultUnknownPath         Result = "unknownPath"         // 404
	ResultBadToken            Result = "badToken"            // 404: forged, altered, expired, of another command
	ResultNoRecord            Result = "noRecord"            // 404: a good token, but its command is gone
	ResultMethodNotAllowed    Result = "methodNotAllowed"    // 405
	ResultRateLimited         Result = "rateLimited"         // 429: too many postbacks of one command
	ResultAddressLimited      Result = "addressLimited"      // 429: too many requests without a good token from one address
	ResultConnectionRefused   Result = "connectionRefused"   // closed unanswered: too many connections from one address
	ResultUnsupportedEncoding Result = "unsupportedEncoding" // 415
	ResultTooLarge            Result = "tooLarge"            // 413
	ResultTimedOut            Result = "timedOut"            // 408: the body did not arrive in time
	ResultCutOff              Result = "cutOff"              // 400: the body ended before its end
	ResultMalformed           Result = "malformed"           // 400: the body says nothing that can be read
	ResultUnavailable         Result = "unavailable"         // 503: not stored
	ResultPanicked            Result = "panicked"            // 500
)

// Results gives every Result, so that metrics can start at zero.
func Results() []Result {
	return []Result{
		ResultAccepted, ResultUnknownPath, ResultBadToken, ResultNoRecord, ResultMethodNotAllowed, ResultRateLimited,
		ResultAddressLimited, ResultConnectionRefused, ResultUnsupportedEncoding, ResultTooLarge, ResultTimedOut, ResultCutOff, ResultMalformed, ResultUnavailable,
		ResultPanicked,
	}
}

// Status gives the HTTP status that the sender sees; 429 for the connection that
// is closed before it can ask anything.
func (r Result) Status() int {
	switch r {
	case ResultAccepted:
		return http.StatusAccepted
	case ResultUnknownPath, ResultBadToken, ResultNoRecord:
		return http.StatusNotFound
	case ResultMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case ResultRateLimited, ResultAddressLimited, ResultConnectionRefused:
		return http.StatusTooManyRequests
	case ResultUnsupportedEncoding:
		return http.StatusUnsupportedMediaType
	case ResultTooLarge:
		return http.StatusRequestEntityTooLarge
	case ResultTimedOut:
		return http.StatusRequestTimeout
	case ResultCutOff, ResultMalformed:
		return http.StatusBadRequest
	case ResultUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// strange reports whether the request had no good token.
func (r Result) strange() bool {
	return r == ResultUnknownPath || r == ResultBadToken || r == ResultMethodNotAllowed
}

// level keeps what any stranger can cause, and what the event stream shows
// anyway, out of a log at its usual level.
func (r Result) level() slog.Level {
	switch r {
	case ResultAccepted, ResultUnknownPath, ResultBadToken, ResultMethodNotAllowed, ResultAddressLimited, ResultConnectionRefused:
		return slog.LevelDebug
	case ResultUnavailable:
		return slog.LevelWarn
	case ResultPanicked:
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}
