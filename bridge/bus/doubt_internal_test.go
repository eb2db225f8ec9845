package bus

import (
	"log/slog"
	"testing"
)

// TestStoreFailedLine: a client's name in a line of the server begins no doubt.
func TestStoreFailedLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"Filestore [DEVICEBRIDGE_V1_EVENTS] Critical write error: sync 1.blk: input/output error":                           true,
		"JetStream stream 'DEVICEBRIDGE > DEVICEBRIDGE_V1_EVENTS' critical write error: sync 1.blk: input/output error":     true,
		`127.0.0.1:4711 - cid:7 - "v1:go:Filestore [A] Critical write error: " - Authorization Violation`:                   false,
		`127.0.0.1:4711 - cid:7 - "JetStream stream 'A > B' critical write error: " - Publish Violation`:                    false,
		"JetStream failed to store a msg on stream 'DEVICEBRIDGE > DEVICEBRIDGE_V1_EVENTS': sync 1.blk: input/output error": false,
	} {
		s := Server{o: ServerOptions{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}}
		s.logged(text)
		if got := s.doubt.Load() != nil; got != want {
			t.Errorf("%s: doubted: %t", text, got)
		}
	}
}
