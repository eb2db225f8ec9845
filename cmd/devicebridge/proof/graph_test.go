package proof

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator"
)

// newGraph serves the emulator in this process, so that what it saw survives
// every kill, and notes each POST of a command. It gives the base URL.
func newGraph(t testing.TB, l *ledger, o emulator.Options) (*emulator.Emulator, string) {
	t.Helper()
	e, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			e.ServeHTTP(w, r)
			return
		}
		p, err := readPost(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest) // cut off by a kill; Graph did not see it whole
			return
		}
		answer := &answerTap{ResponseWriter: w, answered: l.post(p)}
		e.ServeHTTP(answer, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		_ = e.Close()
		server.Close()
	})
	return e, server.URL + "/beta"
}

// readPost reads what names the command in a POST, and puts the body back.
func readPost(r *http.Request) (post, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return post{}, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var members struct {
		Payload     json.RawMessage
		PostBackURI string
	}
	if err := json.Unmarshal(body, &members); err != nil {
		return post{}, err
	}
	callback, err := url.Parse(members.PostBackURI)
	if err != nil {
		return post{}, err
	}
	return post{At: time.Now(), Marker: markerOf(members.Payload), Command: commandOf(callback.Path)}, nil
}

// commandOf gives the command that a callback's path names: …/postback/<command>/<token>.
func commandOf(callback string) string {
	return path.Base(path.Dir(strings.TrimSuffix(callback, "/")))
}

// answerTap tells what is answered, before it leaves.
type answerTap struct {
	http.ResponseWriter
	answered func(status int, retryAfter bool)
}

func (a *answerTap) WriteHeader(status int) {
	a.answered(status, a.Header().Get("Retry-After") != "")
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets the emulator flush.
func (a *answerTap) Unwrap() http.ResponseWriter { return a.ResponseWriter }
