package bus

import (
	"fmt"
	"log/slog"
)

// serverLog passes the server's own log on: its notices are debug lines here.
type serverLog struct {
	log *slog.Logger
	// fatal gets the first error after which the server ends itself.
	fatal chan string
}

func newServerLog(log *slog.Logger) serverLog {
	return serverLog{log: log.With("component", "nats-server"), fatal: make(chan string, 1)}
}

// Noticef logs what is normal: a debug line here.
func (l serverLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }

// Warnf logs a warning.
func (l serverLog) Warnf(format string, v ...any) { l.log.Warn(fmt.Sprintf(format, v...)) }

// Errorf logs an error.
func (l serverLog) Errorf(format string, v ...any) { l.log.Error(fmt.Sprintf(format, v...)) }

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
