package authority

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

const controlPrefix = "/emulator/signin/"

// control is the surface for scripts and people beside the protocol; the package comment lists it.
type control struct{ a *Authority }

func newControl(a *Authority) http.Handler {
	c := control{a}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /emulator/signin/codes", c.codes)
	mux.HandleFunc("POST /emulator/signin/codes/{code}/approve", c.approve)
	mux.HandleFunc("POST /emulator/signin/codes/{code}/decline", c.decline)
	mux.HandleFunc("POST /emulator/signin/revoke", c.revoke)
	mux.HandleFunc("POST /emulator/signin/interaction", c.interaction)
	mux.HandleFunc("PUT /emulator/signin/token-life", c.tokenLife)
	mux.HandleFunc("GET /emulator/signin/faults", c.faults)
	mux.HandleFunc("PUT /emulator/signin/faults", c.setFaults)
	mux.HandleFunc("GET /emulator/signin/ledger", c.ledger)
	mux.HandleFunc("GET /emulator/signin/assertion", c.assertion)
	own := wire.OwnPagesOnly(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.opts.OpenControl && !isLocal(r) {
			controlFault(w, http.StatusForbidden, errors.New("the control surface answers callers on this machine only"))
			return
		}
		own.ServeHTTP(w, r)
	})
}

// isLocal says whether the caller is on this machine. The Host must be this machine too, or a web page could get in
// by a DNS name of its own; and a proxy on this machine gives itself away by the headers it adds.
func isLocal(r *http.Request) bool {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return isLoopback(peer) && isLoopback(host) && r.Header.Get("Forwarded") == "" && r.Header.Get("X-Forwarded-For") == ""
}

func isLoopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

func controlFault(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]any{"error": map[string]string{"message": err.Error()}})
}

// controlAnswer writes body, an error, or 204 when both are nil.
func controlAnswer(w http.ResponseWriter, body any, err error) {
	f, isFail := errors.AsType[*wire.Fail](err)
	switch {
	case isFail:
		controlFault(w, f.Status, errors.New(f.Message))
	case errors.Is(err, ErrUnknownCode), errors.Is(err, ErrUnknownAccount):
		controlFault(w, http.StatusNotFound, err)
	case errors.Is(err, ErrNotPending):
		controlFault(w, http.StatusConflict, err)
	case err != nil:
		controlFault(w, http.StatusBadRequest, err)
	case body == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		writeJSON(w, http.StatusOK, body)
	}
}

// controlBody reads a JSON body into v, as wire.ControlBody does.
func controlBody(w http.ResponseWriter, r *http.Request, v any) error {
	return wire.ControlBody(w, r, maxBody, v)
}

// duration is a time.Duration that JSON writes and reads as "200ms" or "1m".
type duration time.Duration

// MarshalText gives the form of time.Duration.String.
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText takes what time.ParseDuration takes.
func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration like 1m", text)
	}
	*d = duration(v)
	return nil
}
