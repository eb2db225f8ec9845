package graph_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"devicebridge/bridge/graph"
)

func TestSendClassifiesEveryAnswer(t *testing.T) {
	const none = time.Duration(-1)
	cases := []struct {
		status     int
		retryAfter string
		want       graph.Outcome
		wait       time.Duration
	}{
		{300, "", graph.Refused, none},
		{304, "", graph.Refused, none},
		{400, "", graph.Refused, none},
		{402, "", graph.Refused, none},
		{403, "", graph.Refused, none},
		{404, "", graph.Refused, none},
		{405, "", graph.Refused, none},
		{408, "", graph.Unknown, none},
		{408, "1", graph.Unknown, time.Second},
		{409, "", graph.Refused, none},
		{410, "", graph.Refused, none},
		{413, "", graph.Refused, none},
		{415, "", graph.Refused, none},
		{422, "", graph.Refused, none},
		{423, "5", graph.Refused, 5 * time.Second},
		{429, "", graph.NotTaken, none},
		{429, "2.128", graph.NotTaken, 2128 * time.Millisecond},
		{429, "10", graph.NotTaken, 10 * time.Second},
		{429, "0", graph.NotTaken, 0},
		{429, "soon", graph.NotTaken, none},
		{499, "", graph.Refused, none},
		{500, "", graph.Unknown, none},
		{500, "1", graph.Unknown, time.Second},
		{501, "", graph.Unknown, none},
		{502, "", graph.Unknown, none},
		{503, "", graph.Unknown, none},
		{503, "soon", graph.Unknown, none},
		{503, "0", graph.NotTaken, 0},
		{503, "30", graph.NotTaken, 30 * time.Second},
		{504, "", graph.Unknown, none},
		{504, "3", graph.Unknown, 3 * time.Second},
		{507, "", graph.Unknown, none},
		{509, "", graph.Unknown, none},
		{599, "", graph.Unknown, none},
		{700, "", graph.Unknown, none},
	}
	for _, c := range cases {
		t.Run(http.StatusText(c.status)+" "+c.retryAfter, func(t *testing.T) {
			var posts atomic.Int32
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				posts.Add(1)
				if c.retryAfter != "" {
					w.Header().Set("Retry-After", c.retryAfter)
				}
				answer(w, c.status, nil)
			})
			_, err := client.Send(t.Context(), launch())
			e := sendError(t, err, c.want)
			if e.HasRetryAfter != (c.wait != none) || e.HasRetryAfter && e.RetryAfter != c.wait {
				t.Errorf("Retry-After %v %s, want %s", e.HasRetryAfter, e.RetryAfter, c.wait)
			}
			answered, ok := errors.AsType[*graph.Error](err)
			if !ok || answered.StatusCode != c.status {
				t.Errorf("no *Error of %d in %v", c.status, err)
			}
			if posts.Load() != 1 {
				t.Errorf("%d POSTs", posts.Load())
			}
		})
	}
}

func TestSendTakesAnySuccessWithAnID(t *testing.T) {
	cases := []struct {
		name   string
		status int
		body   string
		want   string // the id; "" for an unknown outcome
	}{
		{"200", 200, `{"id":"a","status":"requesting"}`, "a"},
		{"201 wrapped", 201, `{"value":{"Id":"b","Status":"requesting"}}`, "b"},
		{"202 without status", 202, `{"id":"c"}`, "c"},
		{"299", 299, `{"ID":"d"}`, "d"},
		{"no id", 201, `{"status":"requesting"}`, ""},
		{"null id", 201, `{"id":null,"status":"requesting"}`, ""},
		{"several", 201, `{"value":[{"id":"e"},{"id":"f"}]}`, ""},
		{"no JSON", 201, `<html>`, ""},
		{"cut off", 201, `{"id":"g"`, ""},
		{"empty", 201, ``, ""},
		{"no content", 204, ``, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var posts atomic.Int32
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				posts.Add(1)
				answer(w, c.status, []byte(c.body))
			})
			o, err := client.Send(t.Context(), launch())
			switch {
			case c.want == "":
				sendError(t, err, graph.Unknown)
			case err != nil || o.GraphID != c.want:
				t.Errorf("got %q, %v", o.GraphID, err)
			}
			if posts.Load() != 1 {
				t.Errorf("%d POSTs", posts.Load())
			}
		})
	}
}

func TestOutcomeZeroValueIsTheSafeOne(t *testing.T) {
	var o graph.Outcome
	if o != graph.Unknown || o.String() != "outcome unknown" || graph.NotTaken.String() != "not taken" || graph.Refused.String() != "refused" {
		t.Errorf("zero value is %q", o)
	}
}
