package wire

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Fail is a refusal in Graph's terms: an HTTP status, one of Graph's error codes, and a message that says why.
type Fail struct {
	Status  int
	Code    string
	Message string
	// Header goes into the answer as it stands.
	Header map[string]string
	// Inner are members of the inner error, beside the ones that every error has.
	Inner map[string]string
	// Reason is of a 401 only: the error of its challenge, such as invalid_token; empty leaves it out.
	Reason string
	// Details are the error's details, most of the time none.
	Details []Detail
}

// Detail is one of several reasons of a Fail.
type Detail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Target  string `json:"target"`
}

// Error gives the code and the message.
func (f *Fail) Error() string { return f.Code + ": " + f.Message }

// BadRequest is a 400 with the code of Graph's gateway.
func BadRequest(format string, args ...any) *Fail {
	return &Fail{Status: http.StatusBadRequest, Code: "BadRequest", Message: fmt.Sprintf(format, args...)}
}

// NotAllowed is a 405 for a path that takes the methods in allow, in the form of the header Allow.
func NotAllowed(method, allow string) *Fail {
	return &Fail{
		Status: http.StatusMethodNotAllowed, Code: "notAllowed",
		Message: fmt.Sprintf("The method %s is not documented for this path; it takes %s.", method, allow),
		Header:  map[string]string{"Allow": allow},
	}
}

// Throttled is the sample of Graph's throttling guidance, with its fractional Retry-After.
func Throttled(after time.Duration) *Fail {
	return &Fail{
		Status: http.StatusTooManyRequests, Code: "TooManyRequests", Message: "Please retry again later.",
		Header: map[string]string{"Retry-After": Seconds(after)},
		Inner:  map[string]string{"code": "429", "message": "Please retry after", "status": "429"},
	}
}

// Unavailable is a 503, with Retry-After when after is above zero.
func Unavailable(after time.Duration) *Fail {
	f := &Fail{
		Status: http.StatusServiceUnavailable, Code: "serviceNotAvailable",
		Message: "The service is temporarily unavailable.",
	}
	if after > 0 {
		f.Header = map[string]string{"Retry-After": Seconds(after)}
	}
	return f
}

// ServerError is a 500, 502 or 504. Graph's gateways answer the latter two with UnknownError and an empty message.
func ServerError(status int) *Fail {
	if status == http.StatusInternalServerError {
		return &Fail{Status: status, Code: "generalException", Message: "An unexpected error occurred."}
	}
	return &Fail{Status: status, Code: "UnknownError"}
}

// Unsupported is a 415.
func Unsupported(format string, args ...any) *Fail {
	f := BadRequest(format, args...)
	f.Status, f.Code = http.StatusUnsupportedMediaType, "UnsupportedMediaType"
	return f
}

// TooLarge is a 413 for a body of more than limit bytes.
func TooLarge(limit int64) *Fail {
	f := BadRequest("The request body is larger than %d bytes.", limit)
	f.Status, f.Code = http.StatusRequestEntityTooLarge, "RequestEntityTooLarge"
	return f
}

// Seconds writes a duration for Retry-After: "2.128", "3".
func Seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Round(time.Millisecond).Seconds(), 'f', -1, 64)
}
