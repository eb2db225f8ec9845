package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"

	"devicebridge/events"
)

// guarded turns a panic of inner into an outcome.
func guarded(inner func(echo.Context) outcome, c echo.Context) (end outcome) {
	defer func() {
		if value := recover(); value != nil {
			end = outcome{result: ResultPanicked, err: panicError(value), stack: string(debug.Stack())}
		}
	}()
	return inner(c)
}

// panicError names the type of what was thrown. Its text may quote a body or a
// token; only that of a runtime error cannot.
func panicError(value any) error {
	if err, ok := value.(runtime.Error); ok {
		return err
	}
	return fmt.Errorf("panic with a %T", value)
}

// logLine writes the one line of a request, or counts it where there were many of its
// kind in the last minute. The command id is logged where it is
// one, the token as the start of its hash, the path and the body never.
func (s *Server) logLine(c echo.Context, end outcome, elapsed time.Duration) {
	level := end.result.level()
	if !s.options.Log.Enabled(c.Request().Context(), level) {
		return
	}
	if level > slog.LevelDebug && !s.lines.Pass("postback: "+string(end.result),
		leftOut(s.options.Log, level, "postback", slog.String("result", string(end.result)))) {
		return
	}
	attributes := []slog.Attr{
		slog.String("result", string(end.result)),
		slog.Int("status", end.result.Status()),
		slog.String("duration", elapsed.String()),
		slog.String("remote", c.RealIP()),
	}
	if command := c.Param("command"); events.ValidCommandID(command) {
		attributes = append(attributes, slog.String("command", command))
	}
	if token := c.Param("token"); token != "" {
		sum := sha256.Sum256([]byte(token))
		attributes = append(attributes, slog.String("tokenHash", hex.EncodeToString(sum[:4])))
	}
	if end.observations > 0 {
		attributes = append(attributes, slog.Int("observations", end.observations))
	}
	if end.err != nil {
		attributes = append(attributes, slog.String("error", end.err.Error()))
	}
	if end.stack != "" {
		attributes = append(attributes, slog.String("stack", end.stack))
	}
	s.options.Log.LogAttrs(c.Request().Context(), level, "postback", attributes...)
}
