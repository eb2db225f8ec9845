package emulator

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// fail is a refusal in Graph's terms: an HTTP status, one of Graph's error codes, and a message that says why.
type fail struct {
	status  int
	code    string
	message string
	header  map[string]string
	inner   map[string]string
}

// Error gives the code and the message.
func (f *fail) Error() string { return f.code + ": " + f.message }

func badRequest(format string, args ...any) *fail {
	return &fail{status: http.StatusBadRequest, code: "BadRequest", message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *fail {
	return &fail{status: http.StatusNotFound, code: "itemNotFound", message: fmt.Sprintf(format, args...)}
}

func notAllowed(method, allow string) *fail {
	return &fail{
		status: http.StatusMethodNotAllowed, code: "notAllowed",
		message: fmt.Sprintf("The method %s is not documented for this path; it takes %s.", method, allow),
		header:  map[string]string{"Allow": allow},
	}
}

// throttled is the sample of Graph's throttling guidance, with its fractional Retry-After.
func throttled(after time.Duration) *fail {
	return &fail{
		status: http.StatusTooManyRequests, code: "TooManyRequests", message: "Please retry again later.",
		header: map[string]string{"Retry-After": seconds(after)},
		inner:  map[string]string{"code": "429", "message": "Please retry after", "status": "429"},
	}
}

// unavailable is a 503, with Retry-After when after is above zero.
func unavailable(after time.Duration) *fail {
	f := &fail{
		status: http.StatusServiceUnavailable, code: "serviceNotAvailable",
		message: "The service is temporarily unavailable.",
	}
	if after > 0 {
		f.header = map[string]string{"Retry-After": seconds(after)}
	}
	return f
}

// serverError is a 500, 502 or 504. Graph's gateways answer the latter two with UnknownError and an empty message.
func serverError(status int) *fail {
	if status == http.StatusInternalServerError {
		return &fail{status: status, code: "generalException", message: "An unexpected error occurred."}
	}
	return &fail{status: status, code: "UnknownError"}
}

// seconds writes a duration for Retry-After: "2.128", "3".
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Round(time.Millisecond).Seconds(), 'f', -1, 64)
}
