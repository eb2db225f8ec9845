package events_test

import (
	"testing"

	"devicebridge/events"
)

// BenchmarkParseObservations reads the body of a postback.
func BenchmarkParseObservations(b *testing.B) {
	body := []byte(sampleAppService)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := events.ParseObservations(body); err != nil {
			b.Fatal(err)
		}
	}
}

// usual gives a record as most events have one.
func usual() events.Command {
	c := full()
	c.RetryOf, c.Payload, c.Error, c.ResponsePayload, c.ResponseRef, c.Erased, c.RetryAt = "", nil, nil, nil, nil, nil, nil
	c.State, c.Response = events.StateExecuting, events.ResponseNone
	return c
}

// BenchmarkEncode makes the headers and the body of an event.
func BenchmarkEncode(b *testing.B) {
	c := usual()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := (events.Subjects{}).Encode(events.KindOf(events.StateExecuting), c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecode reads an event.
func BenchmarkDecode(b *testing.B) {
	header, body, err := events.Subjects{}.Encode(events.KindOf(events.StateExecuting), usual())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := events.Decode(header, body); err != nil {
			b.Fatal(err)
		}
	}
}
