package main

import (
	"io"
	"strings"

	"devicebridge/bridge/redact"
)

// libraryLog writes the lines of Go's standard log, to which net/http tells what it
// cannot tell a caller. What a server sent without being asked is quoted there, and
// could repeat a token: it is left out.
type libraryLog struct{ to io.Writer }

// Write writes one line.
func (l libraryLog) Write(line []byte) (int, error) {
	text, _, cut := strings.Cut(string(line), " starting with ")
	if cut {
		text += " (what it began with is left out)\n"
	}
	if _, err := io.WriteString(l.to, printable(redact.Words(strings.TrimSuffix(text, "\n")))+"\n"); err != nil {
		return 0, err
	}
	return len(line), nil
}
