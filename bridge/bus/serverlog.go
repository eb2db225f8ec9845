package bus

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"

	"devicebridge/bridge/lograte"
)

// serverLog passes the server's own log on: its notices are debug lines here. Most of
// its warnings and errors anybody can cause who reaches the listener, such as by bytes
// that are no NATS, a wrong password or a publish that is not allowed; so lines limits
// them.
type serverLog struct {
	log   *slog.Logger
	lines *lograte.Limiter
	// fatal gets the first error after which the server ends itself.
	fatal chan string
	// failed is told of every error before anybody sees what it is about.
	failed func(text string)
}

func newServerLog(log *slog.Logger, lines *lograte.Limiter, failed func(string)) serverLog {
	return serverLog{log: log.With("component", "nats-server"), lines: lines, fatal: make(chan string, 1), failed: failed}
}

// Noticef logs what is normal: a debug line here.
func (l serverLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }

// Warnf logs a warning.
func (l serverLog) Warnf(format string, v ...any) { l.write(slog.LevelWarn, format, v) }

// Errorf logs an error.
func (l serverLog) Errorf(format string, v ...any) {
	l.failed(fmt.Sprintf(format, v...))
	l.write(slog.LevelError, format, v)
}

// write logs a line unless there were many of its kind in the last minute.
func (l serverLog) write(level slog.Level, format string, v []any) {
	ctx := context.Background()
	text, kind := fmt.Sprintf(format, v...), kindOf(format, v)
	if l.lines.Pass(kind, func(n int) {
		l.log.Log(ctx, level, "more lines like this one were left out", "left_out", n, "like", text)
	}) {
		l.log.Log(ctx, level, text)
	}
}

// kindOf returns what the server's lines of one kind have in common. It puts the
// address and number of a connection, and what its client calls itself in quotes, into
// the format, and of the lines that it limits by itself the format is no more than
// "%s - %s%s".
func kindOf(format string, v []any) string {
	if wholly := regexp.MustCompile(`^[%s -]*$`); wholly.MatchString(format) {
		format = fmt.Sprintf(format, v...)
	}
	return regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[0-9a-f.:\[\]]*[0-9][0-9a-f.:\[\]]*`).ReplaceAllString(format, "")
}

// Fatalf logs an error; the server ends itself after it.
func (l serverLog) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.log.Error(text)
	select {
	case l.fatal <- text:
	default:
	}
}

// Debugf is not asked for.
func (l serverLog) Debugf(string, ...any) {}

// Tracef is not asked for.
func (l serverLog) Tracef(string, ...any) {}
