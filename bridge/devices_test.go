package bridge_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// leftAlone is the error while Graph is left alone until a time.
func leftAlone(until time.Time) error {
	return &graph.CircuitOpenError{State: graph.CircuitState{Open: true, Until: until, Reason: "it answered 502"}}
}

func TestDevices(t *testing.T) {
	r := build(t, new(memory), nil)
	r.graph.devices = func() ([]events.Device, error) { return nil, nil }
	reply, err := r.Devices(t.Context(), []byte(`{}`))
	if err != nil || text(t, reply) != `{"devices":[]}` {
		t.Errorf("no devices: %s, %v", text(t, reply), err)
	}
	mine := events.Device{ID: "a b", Name: "Surface", Platform: "Windows"}
	r.graph.devices = func() ([]events.Device, error) { return []events.Device{{ID: "x", Name: "Phone"}, mine}, nil }
	if reply, err = r.Devices(t.Context(), []byte(`{"refresh":true}`)); err != nil || len(reply.Devices) != 2 || reply.Devices[1] != mine {
		t.Errorf("%s, %v", text(t, reply), err)
	}
	one, err := r.Device(t.Context(), []byte(`{"id":"a b"}`))
	if err != nil || one.Device != mine {
		t.Errorf("%s, %v", text(t, one), err)
	}
	_, err = r.Device(t.Context(), []byte(`{"id":"nobody's"}`))
	wantError(t, err, events.CodeNotFound, "", "no device of this account has that id")
}

func TestDeviceRefusals(t *testing.T) {
	r := build(t, new(memory), nil)
	_, err := r.Devices(t.Context(), []byte(`{"limit":1}`))
	wantError(t, err, events.CodeInvalid, "limit", "limit is not a member of this request; it takes refresh")
	_, err = r.Devices(t.Context(), []byte(`{"refresh":"yes"}`))
	wantError(t, err, events.CodeInvalid, "refresh", "refresh is a JSON string; a boolean is needed")
	_, err = r.Device(t.Context(), []byte(`{}`))
	wantError(t, err, events.CodeInvalid, "id", "id is missing; `devices.list` gives the ids")
	_, err = r.Device(t.Context(), []byte(`{"id":["a"]}`))
	wantError(t, err, events.CodeInvalid, "id", "id is a JSON array; a string is needed")
}

func TestWhatGraphRefusesOfDevices(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want events.Error
	}{
		{"sign-in", answer(401, "unauthorized", "sign in"), events.Error{Code: events.CodeForbidden, Message: "Graph answered 401 unauthorized: sign in (request-id req-1); " +
			"Graph does not take the token, and asking for a fresh one did not help: sign in again, or give another token", HTTPStatus: 401, RequestID: "req-1"}},
		{"consent", answer(403, "accessDenied", "no"), events.Error{Code: events.CodeForbidden, Message: "Graph answered 403 accessDenied: no (request-id req-1); " +
			"the token is good and does not permit this: sign in with an account, and with permissions (scopes), that may do it", HTTPStatus: 403, RequestID: "req-1"}},
		{"throttled", answer(429, "tooManyRequests", "slow down"), events.Error{Code: events.CodeUnavailable, Message: "Graph answered 429 tooManyRequests: slow down (request-id req-1)", HTTPStatus: 429, RequestID: "req-1"}},
		{"broken", answer(500, "internalServerError", "oops"), events.Error{Code: events.CodeUnavailable, Message: "Graph answered 500 internalServerError: oops (request-id req-1)", HTTPStatus: 500, RequestID: "req-1"}},
		{"left alone", fmt.Errorf("list devices: %w", leftAlone(time.Date(2026, 11, 22, 10, 0, 5, 0, time.UTC))), events.Error{Code: events.CodeUnavailable,
			Message: "Graph failed several times in a row (it answered 502) and is left alone until 2026-11-22T10:00:05Z, then tried with one request at a time; ask again then"}},
		{"no answer", errors.New("dial tcp 10.0.0.1: refused"), events.Error{Code: events.CodeUnavailable, Message: "Graph could not be asked now; ask again"}},
	} {
		r := build(t, new(memory), nil)
		r.graph.devices = func() ([]events.Device, error) { return nil, c.err }
		_, list := r.Devices(t.Context(), nil)
		_, get := r.Device(t.Context(), []byte(`{"id":"x"}`))
		for _, err := range []error{list, get} {
			if got := events.AsError(err); *got != c.want {
				t.Errorf("%s: %+v, want %+v", c.name, *got, c.want)
			}
			if strings.Contains(err.Error(), "10.0.0.1") {
				t.Errorf("%s tells internals", err)
			}
		}
	}
}
