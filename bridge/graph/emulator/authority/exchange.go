package authority

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// exchange is one request to an endpoint of the protocol.
type exchange struct {
	r     *http.Request
	realm realm
	form  url.Values
	// graph says whether a host is Graph's: the public clouds', or this one, when Graph is emulated beside the authority.
	graph func(host string) bool
}

// base is the URL of the authority. It is always https, which azidentity and MSAL insist on: where TLS ends before this
// process, the host is still the one that the client sees.
func (x *exchange) base() string { return "https://" + x.r.Host }

// maxBody bounds a request body; client assertions with a certificate are the largest.
const maxBody = 64 << 10

// answer makes an endpoint out of f, whose first result is written as JSON.
func (a *Authority) answer(f func(*exchange) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := a.ask(w, r, f)
		if err != nil {
			a.writeRefusal(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, body)
	})
}

func (a *Authority) ask(w http.ResponseWriter, r *http.Request, f func(*exchange) (any, error)) (any, error) {
	if err := a.fault(r); err != nil {
		return nil, err
	}
	x, err := a.exchange(w, r)
	if err != nil {
		return nil, err
	}
	return f(x)
}

func (a *Authority) exchange(w http.ResponseWriter, r *http.Request) (*exchange, error) {
	place, err := realmOf(r.PathValue("tenant"), a.domains)
	if f, ok := errors.AsType[*refusal](err); ok && r.Method == http.MethodGet {
		f.oauth = "invalid_tenant" // what the discovery document's place answers
	}
	if err != nil {
		return nil, err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, malformed()
	}
	return &exchange{r: r, realm: place, form: r.PostForm, graph: isGraph(r.Host)}, nil
}

// isGraph knows Graph's hosts in the public and the national clouds, and own.
func isGraph(own string) func(string) bool {
	return func(host string) bool {
		switch strings.ToLower(host) {
		case "graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn", strings.ToLower(own):
			return true
		}
		return false
	}
}

// posted asks for a POST with the parameters.
func (x *exchange) posted(names ...string) error {
	if x.r.Method != http.MethodPost {
		return postOnly(x.r.Method)
	}
	for _, name := range names {
		if x.form.Get(name) == "" {
			return missingParameter(name)
		}
	}
	return nil
}

func (a *Authority) writeRefusal(w http.ResponseWriter, r *http.Request, err error) {
	f, ok := errors.AsType[*refusal](err)
	if !ok {
		// Nothing but a refusal comes out of a handler; another error can only be a fault of the emulator.
		f = &refusal{status: http.StatusInternalServerError, oauth: "server_error", code: 90033, text: err.Error()}
	}
	a.count(func(l *Ledger) { l.Refused[f.code]++ })
	if f.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.retry.Seconds()))))
	}
	writeJSON(w, f.status, newErrorJSON(f, r, a.opts.Now()))
}

// errorPath is the page that error_uri leads to: on this authority, which gave the refusal.
const errorPath = "/error"

// errorJSON is the error object of Microsoft's page on the device and code flows.
type errorJSON struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri"`
	Suberror      string `json:"suberror,omitempty"`
}

func newErrorJSON(f *refusal, r *http.Request, now time.Time) errorJSON {
	e := errorJSON{
		Error: f.oauth, Codes: []int{f.code}, Suberror: f.suberror,
		Timestamp: now.UTC().Format("2006-01-02 15:04:05Z"), TraceID: uuid.NewString(), CorrelationID: r.Header.Get("Client-Request-Id"),
		URI: "https://" + r.Host + errorPath + "?code=" + strconv.Itoa(f.code),
	}
	if !isGUID(e.CorrelationID) {
		e.CorrelationID = uuid.NewString()
	}
	e.Description = f.Error() + " Trace ID: " + e.TraceID + " Correlation ID: " + e.CorrelationID + " Timestamp: " + e.Timestamp
	return e
}

// writeJSON forbids caches to keep what is in it (RFC 6749, section 5.1).
func writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "The answer cannot be written as JSON.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b)
}
