package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator"
)

// cliPut sets something by PUT and gives the answer.
func cliPut(t *testing.T, address, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestLogLevelIsSet(t *testing.T) {
	var level slog.LevelVar
	var logs lockedText
	log := newLogger(&logs, "json", &level)
	server := httptest.NewServer(levelHandler(&level, log))
	defer server.Close()
	for _, test := range []struct {
		body   string
		status int
		answer string
	}{
		{"debug", http.StatusOK, "debug\n"},
		{" WARN\n", http.StatusOK, "warn\n"},
		{"error", http.StatusOK, "error\n"},
		{"loud", http.StatusBadRequest, "the body is not a level; it takes debug, info, warn or error\n"},
		{"error+1000", http.StatusBadRequest, "the body is not a level; it takes debug, info, warn or error\n"},
		{"info-4", http.StatusBadRequest, "the body is not a level; it takes debug, info, warn or error\n"},
		{"", http.StatusBadRequest, "the body is not a level; it takes debug, info, warn or error\n"},
		{strings.Repeat("d", 65), http.StatusBadRequest, "the body is not a level; it takes debug, info, warn or error\n"},
	} {
		if status, answer := cliPut(t, server.URL, test.body); status != test.status || answer != test.answer {
			t.Errorf("%.9q is answered with %d %q, want %d %q", test.body, status, answer, test.status, test.answer)
		}
	}
	if answer := cliGet(t, server.URL); answer != "error\n" || level.Level() != slog.LevelError {
		t.Errorf("the level is %q and %s, want error: what was refused changes nothing", answer, level.Level())
	}
	var said []string
	for text := range strings.Lines(logs.String()) {
		var line struct{ Msg, Level, Now, Before, Host string }
		checkKeysOnce(t, text)
		if err := json.Unmarshal([]byte(text), &line); err != nil || line.Msg != "log level set" || line.Host == "" {
			t.Errorf("line %s (%v)", text, err)
		}
		said = append(said, line.Before)
	}
	if got := strings.Join(said, " "); got != "info debug warn" {
		t.Errorf("the log tells of changes from %q", got)
	}
}

// TestLogLevelOfABridge asks the admin listener.
func TestLogLevelOfABridge(t *testing.T) {
	b := cliStartWith(t, emulator.Options{}, map[string]string{"BRIDGE_LOG_LEVEL": "warn"})
	if text := cliGet(t, b.admin+"/loglevel"); text != "warn\n" {
		t.Errorf("the level is %q, not the setting's", text)
	}
	if status, text := cliPut(t, b.admin+"/loglevel", "debug"); status != http.StatusOK || text != "debug\n" {
		t.Errorf("PUT is answered with %d %q", status, text)
	}
	if text := cliGet(t, b.admin+"/loglevel"); text != "debug\n" {
		t.Errorf("the level is %q, not what was set", text)
	}
	for name, foreign := range map[string]struct{ host, header, value string }{
		"a page":                   {"", "Origin", "https://evil.example"},
		"a page of no origin":      {"", "Origin", "null"},
		"a page by another sign":   {"", "Sec-Fetch-Site", "cross-site"},
		"a name made to lead here": {"evil.example:8081", "", ""},
		"both":                     {"evil.example:8081", "Origin", "http://evil.example:8081"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, b.admin+"/loglevel", strings.NewReader("error"))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = foreign.host
		if foreign.header != "" {
			r.Header.Set(foreign.header, foreign.value)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if text := cliGet(t, b.admin+"/loglevel"); response.StatusCode != http.StatusForbidden || text != "debug\n" {
			t.Errorf("%s: %d, and the level is %q", name, response.StatusCode, text)
		}
	}
	port := b.admin[strings.LastIndex(b.admin, ":"):]
	for _, host := range []string{"localhost" + port, "[::1]" + port, "10.1.2.3"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, b.admin+"/loglevel", strings.NewReader("debug"))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _ = response.Body.Close(); response.StatusCode != http.StatusOK {
			t.Errorf("Host %s: %d", host, response.StatusCode)
		}
	}
	if status := cliPost(t, b.admin+"/loglevel", "info"); status != http.StatusMethodNotAllowed {
		t.Errorf("POST, which a page in a browser may send, is answered with %d", status)
	}
}
