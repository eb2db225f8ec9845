package events

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestARecordIsWrittenAsItsTagsSay holds the writer of records against encoding/json.
func TestARecordIsWrittenAsItsTagsSay(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := anyCommand(r)
		want, wantErr := Marshal(plainCommand(c))
		got, err := c.MarshalJSON()
		if (err == nil) != (wantErr == nil) {
			r.Fatalf("errors %v and %v", err, wantErr)
		}
		if err == nil && !bytes.Equal(got, want) {
			r.Fatalf("%s\n%s", got, want)
		}
	})
}

// anyCommand draws every member on its own, also what stands in no record.
func anyCommand(r *rapid.T) Command {
	text := func(name string) string {
		return rapid.OneOf(rapid.Just(""), rapid.StringMatching("[a-z0-9.-]{1,12}"), rapid.String(), rapid.SampledFrom([]string{"\xff", "a\u2028<&>\"\\\x7f\n"})).Draw(r, name)
	}
	at := func(name string) time.Time {
		t := time.Unix(rapid.Int64Range(-1e11, 3e11).Draw(r, name), rapid.Int64Range(0, 999999999).Draw(r, "ns"))
		if rapid.Bool().Draw(r, "utc") {
			return t.UTC()
		}
		return t.In(time.FixedZone("", 3600))
	}
	raw := func(name string) json.RawMessage {
		return json.RawMessage(rapid.SampledFrom([]string{"", " {\"a\" : [1, \"<\u2028\"] }", "1", "{"}).Draw(r, name))
	}
	c := Command{
		ID: text("id"), RequestID: text("request"), CorrelationID: text("correlation"), RetryOf: text("retry"), RequestSHA256: text("sha"),
		DeviceID: text("device"), Type: Type(text("type")), AppServiceName: text("app"), PackageFamilyName: text("package"),
		Payload: raw("payload"), State: State(text("state")), Terminal: rapid.Bool().Draw(r, "terminal"), Round: rapid.Int().Draw(r, "round"),
		Seen: rapid.SliceOf(rapid.String()).Draw(r, "seen"), GraphID: text("graph"), GraphStatus: text("status"), Response: Response(text("response")),
		ResponsePayload: raw("answer"), Sequence: rapid.Int().Draw(r, "n"), Attempt: rapid.Int().Draw(r, "attempt"), Source: Source(text("source")),
		CreatedAt: at("created"), UpdatedAt: at("updated"), ExpiresAt: at("expires"), TraceParent: text("parent"), TraceState: text("tracestate"),
	}
	if rapid.Bool().Draw(r, "more") {
		c.Error = &Error{Code: Code(text("code")), Message: text("message")}
		c.ResponseRef = &ObjectRef{Bucket: text("bucket"), Size: 1}
		c.RetryAt, c.Erased = new(at("again")), &Erasure{Reason: text("reason"), Events: []uint64{1}}
	}
	return c
}
