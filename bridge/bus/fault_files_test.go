package bus_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// blockFiles gives the files of the event stream that hold its messages.
func blockFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", eventStream, "msgs", "*.blk"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no .blk files in %s, %v", dir, err)
	}
	return files
}

// damage flips a bit of the stored message with a sequence, at so many bytes from
// its beginning or, if negative, from its end.
func damage(t *testing.T, dir string, sequence uint64, at int) {
	t.Helper()
	for _, file := range blockFiles(t, dir) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messagesIn(data) {
			if m.sequence != sequence {
				continue
			}
			if at < 0 {
				at += m.end - m.start
			}
			data[m.start+at] ^= 1
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no message %d in the files of %s", sequence, dir)
}

// storedMessage is where a message is in its file.
type storedMessage struct {
	start, end int
	sequence   uint64
}

// messagesIn reads a .blk file: of each message 4 bytes of length, whose highest
// bit tells of headers, 8 of sequence, 8 of time, 2 of subject length, subject,
// headers, body, and 8 of checksum.
func messagesIn(data []byte) (list []storedMessage) {
	for start := 0; start < len(data); {
		length := int(binary.LittleEndian.Uint32(data[start:]) &^ (1 << 31))
		list = append(list, storedMessage{start, start + length, binary.LittleEndian.Uint64(data[start+4:])})
		start += length
	}
	return list
}
