package webhook

import (
	"context"
	"log"
	"log/slog"
	"strings"

	"devicebridge/bridge/lograte"
)

// newErrorLog takes net/http's own log lines: failed accepts, handshakes and misuse of
// a response. They name addresses, and might one day name a path. A stranger can
// cause any number of them, so lines limits them.
func newErrorLog(to *slog.Logger, lines *lograte.Limiter) *log.Logger {
	return log.New(errorLog{to, lines}, "", 0)
}

type errorLog struct {
	to    *slog.Logger
	lines *lograte.Limiter
}

// Write logs the first line of p: the rest is a stack. The value of a panic and
// everything from a callback path on are left out.
func (e errorLog) Write(p []byte) (int, error) {
	line, _, _ := strings.Cut(strings.TrimSpace(string(p)), "\n")
	line, _, _ = strings.Cut(line, route+"/")
	if strings.Contains(line, "panic serving") {
		line = "http: a panic left the handler"
	}
	kind := kindOf(line)
	if e.lines.Pass("HTTP server: "+kind, leftOut(e.to, slog.LevelWarn, "HTTP server", slog.String("message", kind))) {
		e.to.Warn("HTTP server", slog.String("message", line))
	}
	return len(p), nil
}

// kindOf returns what lines that differ only in an address or a reason have in common.
func kindOf(line string) string {
	words := strings.Fields(line)
	return strings.TrimSuffix(strings.Join(words[:min(len(words), 4)], " "), ":")
}

// leftOut returns the function that tells how many lines like this one were left out.
func leftOut(to *slog.Logger, level slog.Level, message string, about ...slog.Attr) func(int) {
	return func(n int) {
		to.LogAttrs(context.Background(), level, message+": more lines like these were left out", append(about, slog.Int("left_out", n))...)
	}
}
