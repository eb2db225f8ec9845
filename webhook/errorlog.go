package webhook

import (
	"log"
	"log/slog"
	"strings"
)

// newErrorLog takes net/http's own log lines: failed accepts and misuse of a
// response. They name addresses, and might one day name a path.
func newErrorLog(to *slog.Logger) *log.Logger { return log.New(errorLog{to}, "", 0) }

type errorLog struct{ to *slog.Logger }

// Write logs the first line of p: the rest is a stack. The value of a panic and
// everything from a callback path on are left out.
func (e errorLog) Write(p []byte) (int, error) {
	line, _, _ := strings.Cut(strings.TrimSpace(string(p)), "\n")
	line, _, _ = strings.Cut(line, route+"/")
	if strings.Contains(line, "panic serving") {
		line = "http: a panic left the handler"
	}
	e.to.Warn("HTTP server", slog.String("message", line))
	return len(p), nil
}
