package webhook

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// lingerTime is how long the rest of a refused body is thrown away.
const lingerTime = time.Second

// usualBody is for how much of a body there is room before it is read, in bytes.
const usualBody = 16 << 10

// encoded reports whether the body came compressed. A decompressed body has no
// known length, so it is refused instead.
func encoded(h http.Header) bool {
	for _, value := range h.Values("Content-Encoding") {
		if value = strings.TrimSpace(value); value != "" && !strings.EqualFold(value, "identity") {
			return true
		}
	}
	return false
}

// readBody reads at most limit bytes until the deadline. w is the writer of
// net/http itself, which closes the connection of an oversized request. The
// Result is "" when the body arrived whole.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, deadline time.Time) ([]byte, Result) {
	// Only a writer that has no connection under it, as in a test, refuses this.
	_ = http.NewResponseController(w).SetReadDeadline(deadline)
	var body bytes.Buffer
	body.Grow(int(min(max(r.ContentLength, 0), usualBody)) + bytes.MinRead)
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return body.Bytes(), ""
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, ResultTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, ResultTimedOut
	}
	return nil, ResultCutOff
}

// linger sends the answer to a refused request and then throws away what its
// sender still sends, until it ends or lingerTime is over. Closing a connection
// with bytes unread resets it, and the sender might never see the answer (RFC
// 9112, section 9.6); net/http sees to that only where the sender did not ask to
// close the connection itself, as many proxies do.
func linger(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	if r.Body == http.NoBody || control.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return // no body, or no connection under the writer
	}
	_ = control.Flush()
	_, _ = io.Copy(io.Discard, r.Body)
}
