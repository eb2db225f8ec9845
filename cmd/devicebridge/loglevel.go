package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
)

// maxLevelText is the length of a level in a request, in bytes.
const maxLevelText = 64

// logLevel is the level from which on lines are logged. It has four values, where
// slog.Level reads `error+1000` as well, with which nothing is ever logged.
type logLevel slog.Level

// UnmarshalText takes debug, info, warn or error, in any case.
func (l *logLevel) UnmarshalText(text []byte) error {
	level, err := parseLevel(string(text))
	*l = logLevel(level)
	return err
}

// Level returns l as slog has it.
func (l logLevel) Level() slog.Level { return slog.Level(l) }

// String returns the name of l.
func (l logLevel) String() string { return slog.Level(l).String() }

func parseLevel(text string) (slog.Level, error) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if strings.EqualFold(text, level.String()) {
			return level, nil
		}
	}
	return 0, errors.New("it takes debug, info, warn or error")
}

// levelHandler answers GET with the level from which on lines are logged, and sets
// it by PUT, whose body is debug, info, warn or error. It lasts until the process
// ends.
func levelHandler(level *slog.LevelVar, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLevelText))
			var to slog.Level
			if err == nil {
				to, err = parseLevel(strings.TrimSpace(string(text)))
			}
			if err != nil {
				answerText(w, http.StatusBadRequest, "the body is not a level; it takes debug, info, warn or error\n")
				return
			}
			before := level.Level()
			level.Set(to)
			// Shown whatever the level is.
			log.Log(r.Context(), max(slog.LevelInfo, to), "log level set", "now", levelText(to), "before", levelText(before))
		}
		answerText(w, http.StatusOK, levelText(level.Level())+"\n")
	})
}

// ownHands lets through what changes nothing, and of the rest only what no page in a
// browser can send. A browser names the page's origin with every PUT. And who makes
// its own name lead here, so that the page and this listener are one origin to the
// browser, cannot have the name of this machine or an address for it.
func ownHands(address string, inner http.Handler) http.Handler {
	names := []string{"localhost"}
	if host, _, err := net.SplitHostPort(address); err == nil && host != "" {
		names = append(names, host)
	}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
		case r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "":
			answerText(w, http.StatusForbidden, "nothing is changed for a page in a browser; ask with curl\n")
			return
		case !namesUs(r.Host, names):
			answerText(w, http.StatusForbidden, fmt.Sprintf("nothing is changed under the Host %.100q; ask by an IP address, localhost, or the name of this host\n", r.Host))
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// namesUs reports whether a Host header is an IP address or one of the names.
func namesUs(host string, names []string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	for _, name := range names {
		if strings.EqualFold(strings.TrimSuffix(host, "."), name) {
			return true
		}
	}
	return false
}

// levelText gives a level as the setting BRIDGE_LOG_LEVEL has it.
func levelText(l slog.Level) string { return strings.ToLower(l.String()) }
