package graph

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"devicebridge/bridge/redact"
	"devicebridge/events"
)

const (
	maxMessage    = 2048
	maxDiagnostic = 512
	maxCode       = 128
	maxInnerCodes = 8
)

// Error is an answer of Graph that is no success: its status and its error
// object, as Graph's page on errors describes it.
type Error struct {
	StatusCode int
	// Code is for programs to branch on: Graph's, or else the status in the same
	// style, such as "serviceUnavailable".
	Code string
	// InnerCodes are the codes of the nested innerError objects, each more
	// specific than the one before; at most 8.
	InnerCodes []string
	// Message is for people and may change; at most 2 KiB, without tokens.
	Message string
	// RequestID is Graph's id of the request, ClientRequestID the bridge's.
	RequestID, ClientRequestID string
	// RetryAfter is how long Graph asked to wait; 0 where it did not.
	RetryAfter time.Duration
}

// Error gives status, code, message, Graph's request id and the advice.
func (e *Error) Error() string {
	text := fmt.Sprintf("Graph answered %d %s: %s", e.StatusCode, e.Code, e.Message)
	if e.RequestID != "" {
		text += " (request-id " + e.RequestID + ")"
	}
	if advice := e.Advice(); advice != "" {
		text += "; " + advice
	}
	return text
}

// Advice says in words what an answer means for whoever runs the client, where it
// is not about the one request: 401, which stands only when a fresh token was
// asked for and did not help, and 403. Else it is empty.
func (e *Error) Advice() string {
	switch e.StatusCode {
	case http.StatusUnauthorized:
		return "Graph does not take the token, and asking for a fresh one did not help: sign in again, or give another token"
	case http.StatusForbidden:
		return "the token is good and does not permit this: sign in with an account, and with permissions (scopes), that may do it"
	default:
		return ""
	}
}

// HasCode reports whether code is Graph's code or one of the inner codes, in any
// case: Graph's workloads differ in it.
func (e *Error) HasCode(code string) bool {
	for _, have := range append([]string{e.Code}, e.InnerCodes...) {
		if strings.EqualFold(have, code) {
			return true
		}
	}
	return false
}

// expired reports whether Graph has forgotten where a list was.
func (e *Error) expired() bool {
	return e.HasCode("Directory_ExpiredPageToken") || e.HasCode("ExpiredPageToken") || e.HasCode("ExpiredSkipToken")
}

// IsExpired reports whether err says that the place in a list, at which it was asked
// to go on, is one that Graph has forgotten: begin the list anew. It is not for delta
// links, see ResyncError.
func IsExpired(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.StatusCode == http.StatusGone || e.StatusCode >= 400 && e.StatusCode <= 499 && e.expired())
}

// IsTooLarge reports whether an answer was longer than the client reads, 8 MiB: it
// will be so again.
func IsTooLarge(err error) bool {
	_, ok := errors.AsType[tooLargeError](err)
	return ok
}

// IsNotFound reports whether err says that Graph does not know the device or the
// command asked for.
func IsNotFound(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.StatusCode == http.StatusNotFound
}

// readError makes the Error of an answer.
func readError(a *attempt) *Error {
	// What could not be read or decoded is left out: the status says enough.
	body, _ := payloadOf(a.resp)
	e := decodeError(a.resp.StatusCode, a.resp.Header, body)
	e.ClientRequestID = a.clientRequestID
	e.RetryAfter, _ = parseRetryAfter(a.resp.Header, time.Now())
	return e
}

func decodeError(status int, header http.Header, body []byte) *Error {
	told := readErrorBody(body)
	e := &Error{
		StatusCode: status,
		Code:       events.Truncate(told.code, maxCode),
		Message:    events.Truncate(redact.Words(told.message), maxMessage),
		RequestID:  requestID(header),
	}
	for _, code := range told.inner[:min(len(told.inner), maxInnerCodes)] {
		e.InnerCodes = append(e.InnerCodes, events.Truncate(code, maxCode))
	}
	if e.RequestID == "" {
		e.RequestID = events.Truncate(told.requestID, maxCode)
	}
	if e.Code == "" {
		e.Code = codeOfStatus(status)
	}
	if e.Message == "" {
		e.Message = "no message"
	}
	return e
}

func requestID(header http.Header) string { return events.Truncate(header.Get("request-id"), maxCode) }

// codeOfStatus gives "serviceUnavailable" for 503.
func codeOfStatus(status int) string {
	words := strings.FieldsFunc(http.StatusText(status), func(r rune) bool { return !unicode.IsLetter(r) })
	if len(words) == 0 {
		return fmt.Sprintf("status%d", status)
	}
	words[0] = strings.ToLower(words[0])
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + strings.ToLower(word[1:])
	}
	return strings.Join(words, "")
}
