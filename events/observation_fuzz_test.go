package events_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"devicebridge/events"
	"devicebridge/schemas/validate"
)

// FuzzParseObservations asks that any body gives observations within their
// bounds or an error, never both and never a panic, and that what is taken fits
// the published schema of a postback, which is laxer.
func FuzzParseObservations(f *testing.F) {
	for _, body := range []string{
		sampleCommand, sampleLaunchURI, sampleAppService, sampleStatus, sampleWrapped, samplePayload,
		"", "null", "{}", "[]", `{"value":[]}`, `{"value":[{"status":"x"},{"id":"y"}]}`, `{"Status":"a","status":"b"}`,
		"\xef\xbb\xbf{\"status\":\"x\"}", `{"status":"\ud800"}`, `{"error":"é","status":"x"}`, `{"responsePayload":1e999,"id":"x"}`,
	} {
		f.Add([]byte(body))
	}
	set, err := validate.Compile()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		observations, err := events.ParseObservations(body)
		if (err == nil) != (len(observations) > 0) {
			t.Fatalf("%d observations and the error %v", len(observations), err)
		}
		for _, o := range observations {
			checkObservation(t, o)
		}
		if err != nil {
			return
		}
		if err := set.Validate("postback", bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))); err != nil {
			t.Errorf("%s is taken, but %v", body, err)
		}
	})
}

func checkObservation(t *testing.T, o events.Observation) {
	t.Helper()
	if o.Status == "" && o.GraphID == "" && o.ResponsePayload == nil {
		t.Errorf("%+v says nothing", o)
	}
	if len(o.Status) > 128 || len(o.GraphID) > 1024 || len(o.Error) > 2048 {
		t.Errorf("%+v is out of bounds", o)
	}
	if retry := events.StateOfStatus(o.Status) == events.StateRetry; (len(o.Digest) == 16) != retry || !retry && o.Digest != "" {
		t.Errorf("%+v: a report of a retry has a digest, and no other", o)
	}
	if !utf8.ValidString(o.Status + o.GraphID + o.Error) {
		t.Errorf("%+v is not valid UTF-8", o)
	}
	if o.ResponsePayload != nil && (!json.Valid(o.ResponsePayload) || string(o.ResponsePayload) == "null") {
		t.Errorf("response payload %s", o.ResponsePayload)
	}
}

func FuzzTruncate(f *testing.F) {
	f.Add("Grüße", 3)
	f.Add("", 0)
	f.Add("😀", 2)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 0 {
			limit = 0
		}
		got := events.Truncate(text, limit)
		if len(got) > limit || got != text[:len(got)] || len(text) <= limit && got != text {
			t.Errorf("%q cut to %d is %q", text, limit, got)
		}
		if utf8.ValidString(text) && (!utf8.ValidString(got) || len(got) < min(len(text), limit)-3) {
			t.Errorf("%q cut to %d is %q", text, limit, got)
		}
	})
}
