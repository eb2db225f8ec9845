package command_test

import (
	"testing"
	"time"

	"devicebridge/bridge/command"
	"devicebridge/events"
)

// BenchmarkApply folds a status into a command that was sent.
func BenchmarkApply(b *testing.B) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	c := command.New(events.Command{DeviceID: "d", Type: events.TypeLaunchURI, ExpiresAt: at.Add(time.Hour)}, command.OnAccept, at).Command
	c = command.Apply(c, command.Claim{At: at})[0].Command
	in := command.Observe{At: at, Source: events.SourcePostback, Observation: events.Observation{Status: "executing", GraphID: "g", Digest: "1"}}
	b.ReportAllocs()
	for b.Loop() {
		if len(command.Apply(c, in)) != 1 {
			b.Fatal("not one event")
		}
	}
}
