package graph

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/events"
)

// report tells of an exchange, to the log and to who observes.
func (p exchange) report(req *policy.Request, current *call, took time.Duration) {
	a, method := current.last, req.Raw().Method
	seen := Exchange{Operation: current.operation, Method: method, Duration: took}
	if a.resp != nil {
		seen.StatusCode, seen.Throttled = a.resp.StatusCode, throttled(a.resp)
	}
	if ctx, level := req.Raw().Context(), level(method, a); p.log.Enabled(ctx, level) {
		attrs := []slog.Attr{
			slog.String("method", method),
			slog.String("operation", current.operation),
			slog.String("duration", took.String()),
			slog.String("clientRequestId", a.clientRequestID),
		}
		if command := commandOf(ctx); command != "" {
			attrs = append(attrs, slog.String("command", command))
		}
		if a.resp != nil {
			attrs = append(attrs, answerAttrs(a)...)
		}
		if a.err != nil {
			attrs = append(attrs, slog.String("error", a.err.Error()))
		}
		p.log.LogAttrs(ctx, level, "graph request", attrs...)
	}
	p.observe(seen)
}

// answerAttrs gives what Graph's page on best practices asks to log of an answer.
func answerAttrs(a *attempt) []slog.Attr {
	attrs := []slog.Attr{slog.Int("status", a.resp.StatusCode), slog.String("requestId", requestID(a.resp.Header))}
	for _, h := range [][2]string{{"agsDiagnostic", "x-ms-ags-diagnostic"}, {"date", "Date"}} {
		if value := a.resp.Header.Get(h[1]); value != "" {
			attrs = append(attrs, slog.String(h[0], events.Truncate(value, maxDiagnostic)))
		}
	}
	if unread := unreadRetryAfter(a.resp.Header, time.Now()); unread != "" {
		attrs = append(attrs, slog.String("unreadRetryAfter", events.Truncate(unread, maxDiagnostic)))
	}
	return attrs
}

// level makes a warning of what failed, so that an operator who sees no debug
// lines still finds both ids. A GET that finds nothing is part of the ordinary:
// Graph may not know a command or its payload yet. So is a caller who went away.
func level(method string, a *attempt) slog.Level {
	switch {
	case a.err != nil && a.left:
		return slog.LevelDebug
	case a.err != nil:
		return slog.LevelWarn
	case success(a.resp.StatusCode), method == http.MethodGet && a.resp.StatusCode == http.StatusNotFound:
		return slog.LevelDebug
	default:
		return slog.LevelWarn
	}
}

// throttled gives how long an answer asks for a pause of everything.
func throttled(resp *http.Response) time.Duration {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	return askedToWait(resp)
}
