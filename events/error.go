package events

import (
	"errors"
	"strings"
)

// Code is the stable word for why something was refused or failed.
type Code string

// The codes that a requester meets.
const (
	CodeInvalid     Code = "invalid"
	CodeForbidden   Code = "forbidden"
	CodeConflict    Code = "conflict"
	CodeNotFound    Code = "notFound"
	CodeUnavailable Code = "unavailable"
	CodeTooLarge    Code = "tooLarge"
)

// Error is a refusal or a failure in words for the caller, and the error of a
// command record. Message says what is wrong and the way out.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	// Field is the member of the request that is at fault; the message names it too.
	Field string `json:"field,omitempty"`
	// HTTPStatus and RequestID are Graph's, where Graph answered.
	HTTPStatus int    `json:"httpStatus,omitempty"`
	RequestID  string `json:"requestId,omitempty"`

	unknown unknownMembers
}

// Error gives "code: message".
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Status gives the HTTP status that fits the code; it is also the numeric
// Nats-Service-Error-Code of a micro reply.
func (e *Error) Status() int {
	switch e.Code {
	case CodeInvalid:
		return 400
	case CodeForbidden:
		return 403
	case CodeNotFound:
		return 404
	case CodeConflict:
		return 409
	case CodeTooLarge:
		return 413
	case CodeUnavailable:
		return 503
	default:
		return 500
	}
}

// ErrLost says that an append was not proven to be stored as the next event of
// its command: another was stored first, or the command is gone. Read the latest
// event and decide anew; above all, do not send.
var ErrLost = errors.New("another event of this command was stored first")

// ErrUnreadable says that a stored message is not an event of this bridge, or is
// a broken one: reading it again will not help.
var ErrUnreadable = errors.New("not a readable event")

// Invalid is a refusal of the member field; what says what is wrong with it, and
// follows its name: "is missing". Without a field, what is the whole message.
func Invalid(field, what string) *Error { return Refusal(CodeInvalid, field, what) }

// Refusal is Invalid with another code.
func Refusal(code Code, field, what string) *Error {
	return &Error{Code: code, Field: field, Message: strings.TrimPrefix(field+" "+what, " ")}
}

// NotFound says that no such command or device is known.
func NotFound(message string) *Error { return &Error{Code: CodeNotFound, Message: message} }

// Unavailable says that something could not be stored or reached now; the same
// request may succeed later.
func Unavailable(message string) *Error { return &Error{Code: CodeUnavailable, Message: message} }

// AsError gives err as an *Error. An err that is none becomes `unavailable`
// with a message that tells no internals.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, ErrUnreadable) {
		return Unavailable("an event of this command cannot be read by this version of the bridge, whose log says why; to ask again does not help")
	}
	return Unavailable("the bridge could not finish this now; ask again")
}

// HasCode reports whether err is or wraps an *Error with this code.
func HasCode(err error, code Code) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}
