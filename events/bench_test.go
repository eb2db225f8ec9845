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

// BenchmarkEncode makes the headers and the body of an event.
func BenchmarkEncode(b *testing.B) {
	c := full()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := (events.Subjects{}).Encode(events.KindLinked, c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecode reads an event.
func BenchmarkDecode(b *testing.B) {
	header, body, err := events.Subjects{}.Encode(events.KindLinked, full())
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
