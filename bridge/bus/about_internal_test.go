package bus

import (
	"log/slog"
	"testing"
)

func TestAbout(t *testing.T) {
	const command, other = "xm2igitaea4d34ipad5wcv3kzi", "b6n5qtalnqd6huulhffgl33lpm"
	for subject, want := range map[string]slog.Attr{
		"devicebridge.v1.events." + command + ".device.accepted":           slog.String("command", command),
		"devicebridge.v1.events." + command + "." + other + ".accepted":    slog.String("command", command),
		"devicebridge.v1.events." + command + ".>":                         slog.String("command", command),
		"devicebridge.v1.timers.due." + command:                            slog.String("command", command),
		"devicebridge.v1.timers.*." + command:                              slog.String("command", command),
		"devicebridge.v1.intake.send":                                      {},
		"devicebridge.v1.inventory.2f0b7c1e-75a4-4b1d-9c1a-0c4a8f6f3a55.>": {},
		"": {},
	} {
		if got := about(subject); !got.Equal(want) {
			t.Errorf("%q is about %v, want %v", subject, got, want)
		}
	}
}
