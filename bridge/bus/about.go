package bus

import (
	"log/slog"
	"strings"

	"devicebridge/events"
)

// about gives the log's attribute that names the command which a subject or a
// filter is about: the first of its tokens that has the form of one, since a
// command stands before its device. Where there is none the log leaves the
// attribute out.
func about(subject string) slog.Attr {
	for token := range strings.SplitSeq(subject, ".") {
		if events.ValidCommandID(token) {
			return slog.String("command", token)
		}
	}
	return slog.Attr{}
}
