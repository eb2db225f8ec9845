package main

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// maxLevelText is the length of a level in a request, in bytes.
const maxLevelText = 64

// levelHandler answers GET with the level from which on lines are logged, and sets
// it by PUT, whose body is debug, info, warn or error. It lasts until the process
// ends. A page in a browser cannot set it: PUT needs a permission that nobody
// gives here.
func levelHandler(level *slog.LevelVar, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			var to slog.Level
			text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLevelText))
			if err != nil || to.UnmarshalText([]byte(strings.TrimSpace(string(text)))) != nil {
				answerText(w, http.StatusBadRequest, "the body is not a level; it takes debug, info, warn or error\n")
				return
			}
			before := level.Level()
			level.Set(to)
			// Shown whatever the level is.
			log.Log(r.Context(), max(slog.LevelInfo, to), "log level set", "level", levelText(to), "before", levelText(before))
		}
		answerText(w, http.StatusOK, levelText(level.Level())+"\n")
	})
}

// levelText gives a level as the setting BRIDGE_LOG_LEVEL has it.
func levelText(l slog.Level) string { return strings.ToLower(l.String()) }
