package webhook

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// storeRetryAfter is what a sender is told to wait when its postback could not be
// stored: long enough for a NATS leader election.
const storeRetryAfter = 5 * time.Second

// problemType is the content type of an RFC 9457 problem document.
const problemType = "application/problem+json"

// strictTransport tells a browser or a careful client to come over TLS only, for two
// years. It says nothing of other names under the host's.
const strictTransport = "max-age=63072000"

// outcome is how one request ended and what its answer and its log line need.
type outcome struct {
	result Result
	// detail goes to the sender and must say nothing of the token or the record.
	detail       string
	retryAfter   time.Duration
	observations int
	// read says that the body was read to its end.
	read bool
	// err and stack are for the log alone.
	err   error
	stack string
}

// problem is an RFC 9457 problem document. It has no instance: that would be the
// callback URL.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// answer writes the response.
func (s *Server) answer(w http.ResponseWriter, o outcome) {
	h, status := w.Header(), o.result.Status()
	if s.options.TLS != nil {
		h.Set("Strict-Transport-Security", strictTransport)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	if o.result == ResultAccepted {
		w.WriteHeader(status)
		return
	}
	h.Set("Content-Type", problemType)
	switch o.result {
	case ResultMethodNotAllowed:
		h.Set("Allow", http.MethodPost)
	case ResultUnsupportedEncoding:
		h.Set("Accept-Encoding", "identity") // RFC 9110, section 15.5.16
	case ResultUnavailable:
		h.Set("Retry-After", seconds(storeRetryAfter))
	case ResultRateLimited, ResultAddressLimited:
		h.Set("Retry-After", seconds(o.retryAfter))
	default:
	}
	body, _ := json.Marshal(problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: o.detail})
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a sender that is gone needs no answer
}

// seconds rounds up to whole seconds, which is all that Retry-After can say.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}
