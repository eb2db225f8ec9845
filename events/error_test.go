package events_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"devicebridge/events"
)

// statuses gives the status of each code, as the table of errors has it.
func statuses() map[events.Code]int {
	return map[events.Code]int{
		events.CodeInvalid:     http.StatusBadRequest,
		events.CodeForbidden:   http.StatusForbidden,
		events.CodeNotFound:    http.StatusNotFound,
		events.CodeConflict:    http.StatusConflict,
		events.CodeTooLarge:    http.StatusRequestEntityTooLarge,
		events.CodeUnavailable: http.StatusServiceUnavailable,
	}
}

func TestStatusOfEveryCode(t *testing.T) {
	for code, want := range statuses() {
		if got := (&events.Error{Code: code}).Status(); got != want {
			t.Errorf("%s is %d, want %d", code, got, want)
		}
	}
	for _, code := range []events.Code{"", "timedOut", "TooManyRequests"} {
		if got := (&events.Error{Code: code}).Status(); got != http.StatusInternalServerError {
			t.Errorf("%q is %d", code, got)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]error{
		"invalid: payload.uri is missing":   events.Invalid("payload.uri", "is missing"),
		"invalid: the body is no object":    events.Invalid("", "the body is no object"),
		"conflict: id is of another":        events.Refusal(events.CodeConflict, "id", "is of another"),
		"notFound: no such command":         events.NotFound("no such command"),
		"unavailable: no room":              events.Unavailable("no room"),
		"TooManyRequests: Please try later": &events.Error{Code: "TooManyRequests", Message: "Please try later", HTTPStatus: 429},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
	if e := events.Invalid("payload.uri", "is missing"); e.Field != "payload.uri" || e.Message != "payload.uri is missing" {
		t.Errorf("%+v", e)
	}
}

func TestAsError(t *testing.T) {
	refusal := events.Invalid("type", "is missing")
	if got := events.AsError(fmt.Errorf("read: %w", errors.Join(context.Canceled, refusal))); got != refusal {
		t.Errorf("a wrapped refusal gives %v", got)
	}
	for _, err := range []error{errors.New("dial tcp 10.0.0.1: password hunter2"), context.DeadlineExceeded, events.ErrLost} {
		got := events.AsError(err)
		if got.Code != events.CodeUnavailable || strings.Contains(got.Message, err.Error()) || got.Message == "" {
			t.Errorf("%v gives %v", err, got)
		}
	}
}

func TestHasCode(t *testing.T) {
	err := fmt.Errorf("get: %w", events.NotFound("no such command"))
	if !events.HasCode(err, events.CodeNotFound) || events.HasCode(err, events.CodeInvalid) {
		t.Errorf("%v has another code", err)
	}
	for _, err := range []error{nil, errors.New("notFound: no"), events.ErrLost} {
		for code := range statuses() {
			if events.HasCode(err, code) {
				t.Errorf("%v has the code %s", err, code)
			}
		}
	}
}
