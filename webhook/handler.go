package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"devicebridge/bridge/redact"
	"devicebridge/events"
)

// route is the path of the endpoint under the public URL.
const route = "/postback"

// newEcho gives Echo's router without what Echo does on its own: its error
// bodies, its log, its 204 to OPTIONS, its trust in X-Forwarded-For.
func (s *Server) newEcho() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(io.Discard)
	e.StdLogger.SetOutput(io.Discard)
	e.IPExtractor = extractor(s.options.TrustedProxies)
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		result := ResultUnknownPath
		if errors.Is(err, echo.ErrMethodNotAllowed) {
			result = ResultMethodNotAllowed
		}
		_ = s.handle(always(result))(c)
	}
	prefixes := []string{""}
	if s.options.PathPrefix != "" {
		prefixes = append(prefixes, s.options.PathPrefix)
	}
	for _, prefix := range prefixes {
		path := prefix + route + "/:command/:token"
		e.POST(path, s.handle(s.postback))
		e.OPTIONS(path, s.handle(always(ResultMethodNotAllowed)))
		// Without a child the last parameter would also match further segments.
		e.RouteNotFound(path+"/*", s.handle(always(ResultUnknownPath)))
	}
	return e
}

func always(result Result) func(echo.Context) outcome {
	return func(echo.Context) outcome { return outcome{result: result} }
}

// handle gives every request its one answer, its one log line (up to a limit) and its
// one observation, whatever happens inside.
func (s *Server) handle(inner func(echo.Context) outcome) echo.HandlerFunc {
	return func(c echo.Context) error {
		started := time.Now()
		end := outcome{result: ResultUnavailable, err: errors.New("the server is stopping")}
		// The stop takes the lock for good, so it waits for all and nothing starts after it.
		if s.gate.TryRLock() {
			defer s.gate.RUnlock()
			end = s.slowed(c, guarded(inner, c))
		}
		if lastOfConnection(c.Request(), end) {
			c.Response().Header().Set("Connection", "close")
		}
		s.answer(c.Response(), end)
		elapsed := time.Since(started)
		s.options.Observe(end.result, elapsed)
		s.logLine(c, end, elapsed)
		if end.result != ResultAccepted {
			linger(c.Response().Writer, c.Request())
		}
		return nil
	}
}

// slowed turns the refusal of a request without a good token into another one when
// too many of them come from its address.
func (s *Server) slowed(c echo.Context, end outcome) outcome {
	if !end.result.strange() {
		return end
	}
	if wait := s.strangers.wait(addressKey(c.RealIP()), s.options.Now()); wait > 0 {
		return outcome{result: ResultAddressLimited, retryAfter: wait}
	}
	return end
}

// lastOfConnection reports whether the connection ends with the answer.
//
// Never under HTTP/2: there the header would end the connection with all that other
// senders have under way on it behind a shared proxy, and a refusal needs the end of
// its own stream only.
//
// Under HTTP/1 it ends where what follows on it could be a part of this request that
// somebody in front delimits differently: net/http takes the chunks where a length is
// given too, and does not tell, and overlooks chunks under HTTP/1.0 (RFC 9112,
// section 6.1). And it ends with a refusal that left the body unread, which net/http
// would otherwise read before it answers, and with every 404, so that a record that
// is missing looks like a forged token.
func lastOfConnection(r *http.Request, end outcome) bool {
	if r.ProtoMajor > 1 {
		return false
	}
	refusedEarly := end.result != ResultAccepted && (!end.read || end.result == ResultNoRecord)
	return r.ProtoMinor == 0 || r.ContentLength < 0 || refusedEarly
}

// postback judges one postback, the cheapest and least trusting checks first:
// token, rate, encoding, length, body, record.
func (s *Server) postback(c echo.Context) outcome {
	started, r, now := time.Now(), c.Request(), s.options.Now()
	command := c.Param("command")
	if !s.options.Keys.Verify(command, c.Param("token"), now) {
		return outcome{result: ResultBadToken}
	}
	if wait := s.limits.wait(command, now); wait > 0 {
		return outcome{result: ResultRateLimited, retryAfter: wait}
	}
	if encoded(r.Header) {
		return outcome{result: ResultUnsupportedEncoding, detail: "send the body without a content encoding"}
	}
	if r.ContentLength > s.options.MaxBody {
		return outcome{result: ResultTooLarge}
	}
	deadline := started.Add(s.options.RequestTimeout)
	traced, end := s.options.Trace(r.Context(), r.Header)
	received := outcome{result: ResultPanicked}
	defer func() { end(received.result.Status()) }()
	ctx, cancel := s.storeContext(traced, deadline)
	defer cancel()
	received = s.receive(ctx, deadline, command, c)
	return received
}

// receive reads the body and has it stored. It holds memory for a whole body
// while it reads, and for what has arrived until it is stored.
func (s *Server) receive(ctx context.Context, deadline time.Time, command string, c echo.Context) outcome {
	held := s.options.MaxBody
	if length := c.Request().ContentLength; length >= 0 {
		held = length
	}
	if err := s.bodies.Acquire(ctx, held); err != nil {
		return outcome{result: ResultUnavailable, err: errors.New("too many bodies under way")}
	}
	defer func() { s.bodies.Release(held) }()
	body, result := readBody(c.Response().Writer, c.Request(), s.options.MaxBody, deadline)
	if result != "" {
		return outcome{result: result}
	}
	s.bodies.Release(held - int64(len(body)))
	held = int64(len(body))
	observations, err := events.ParseObservations(s.options.Secrets.Clean(events.InUTF8(body), c.Param("token")))
	if err != nil {
		return outcome{result: ResultMalformed, detail: err.Error(), read: true}
	}
	for i := range observations {
		observations[i].Error = redact.Words(observations[i].Error)
	}
	return s.store(ctx, command, observations)
}

func (s *Server) store(ctx context.Context, command string, observations []events.Observation) outcome {
	end := outcome{result: ResultAccepted, observations: len(observations), read: true}
	err := s.options.Sink.Postback(ctx, command, observations)
	switch {
	case err == nil:
	case events.HasCode(err, events.CodeNotFound):
		end.result = ResultNoRecord
	default:
		end.result, end.err = ResultUnavailable, err
	}
	return end
}

// storeContext gives the context of one store: it keeps the values of the
// request but not its end, so a sender that goes away loses nothing but the
// answer. It ends at the deadline or when a stop runs out of time.
func (s *Server) storeContext(request context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(request), deadline)
	release := context.AfterFunc(s.stopped, cancel)
	return ctx, func() {
		release()
		cancel()
	}
}
