package emulator

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
)

// controlPrefix is the emulator's own namespace, which no Graph path begins with.
const controlPrefix = "/emulator/"

// control is the surface for scripts and people beside the Graph side; the package comment lists it. It asks for no
// token, so by default it answers callers on this machine only.
type control struct {
	e *Emulator
}

func newControl(e *Emulator) http.Handler {
	c := control{e: e}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /emulator/commands", c.commands)
	mux.HandleFunc("POST /emulator/commands/{id}/status", c.drive)
	mux.HandleFunc("GET /emulator/devices", c.devices)
	mux.HandleFunc("PUT /emulator/devices/{id}/script", c.script)
	mux.HandleFunc("PUT /emulator/devices/{id}/response", c.response)
	mux.HandleFunc("GET /emulator/faults", c.faults)
	mux.HandleFunc("PUT /emulator/faults", c.setFaults)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !e.opts.OpenControl && !isLocal(r) {
			controlAnswer(w, nil, &fail{
				status: http.StatusForbidden, code: "accessDenied", message: "The control surface answers callers on this machine only.",
			})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isLocal says whether the caller is on this machine. The Host must be this machine too, or a web page could get in
// by a DNS name of its own; and a proxy on this machine, which makes every caller look local, gives itself away by
// the headers it adds.
func isLocal(r *http.Request) bool {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	proxied := r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != ""
	return isLoopback(peer) && isLoopback(host) && !proxied
}

// controlAnswer writes body, an error, or 204 when both are nil.
func controlAnswer(w http.ResponseWriter, body any, err error) {
	status := http.StatusOK
	if err != nil {
		status, body = controlError(err)
	}
	if body == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	b, err := encode(body)
	if err != nil {
		http.Error(w, "The answer cannot be written as JSON.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) //nolint:gosec // JSON with its content type, never HTML
}

// controlError gives Graph's plain error object, without the inner part.
func controlError(err error) (int, any) {
	f, ok := errors.AsType[*fail](err)
	switch {
	case ok:
	case errors.Is(err, ErrUnknownDevice), errors.Is(err, ErrUnknownCommand):
		f = notFound("%v", err)
	case errors.Is(err, ErrClosed), errors.Is(err, ErrBusy):
		f = &fail{status: http.StatusConflict, code: "conflict", message: err.Error()}
	default:
		f = badRequest("%v", err)
	}
	return f.status, map[string]any{"error": map[string]string{"code": f.code, "message": f.message}}
}

// controlBody reads a JSON body into v and refuses members that v does not have. Asking for the content type makes a
// browser ask first before it sends such a request from a foreign page.
func (c control) controlBody(w http.ResponseWriter, r *http.Request, v any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return unsupported("The Content-Type must be application/json.")
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, c.e.opts.MaxBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if _, end := dec.Token(); end != io.EOF {
			err = errors.New("there is more than one JSON value")
		}
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return bodyTooLarge(c.e.opts.MaxBody)
	}
	if err != nil {
		return badRequest("The request body: %v.", err)
	}
	return nil
}

// maxControlPage is the most POSTs in one answer of the ledger.
const maxControlPage = 1000

func (c control) commands(w http.ResponseWriter, r *http.Request) {
	after, err := number(r, "after", 0)
	if err != nil {
		controlAnswer(w, nil, err)
		return
	}
	limit, err := number(r, "limit", maxControlPage)
	if err != nil {
		controlAnswer(w, nil, err)
		return
	}
	c.e.mu.Lock()
	list := c.e.store.after(after, min(limit, maxControlPage))
	total := c.e.store.last
	c.e.mu.Unlock()
	value := make([]receivedJSON, len(list))
	for i, rec := range list {
		value[i] = newReceivedJSON(rec)
	}
	controlAnswer(w, map[string]any{"total": total, "value": value}, nil)
}

func number(r *http.Request, name string, zero int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return zero, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, badRequest("The query option '%s' must be a number from 0 up.", name)
	}
	return n, nil
}

func (c control) drive(w http.ResponseWriter, r *http.Request) {
	var body stepJSON
	err := c.controlBody(w, r, &body)
	if err == nil {
		err = c.e.Drive(r.PathValue("id"), body.step())
	}
	controlAnswer(w, nil, err)
}

func (c control) devices(w http.ResponseWriter, _ *http.Request) {
	c.e.mu.Lock()
	value := make([]deviceJSON, len(c.e.devices))
	for i, d := range c.e.devices {
		value[i] = newDeviceJSON(d)
	}
	c.e.mu.Unlock()
	controlAnswer(w, map[string]any{"value": value}, nil)
}

func (c control) script(w http.ResponseWriter, r *http.Request) {
	var body []stepJSON
	err := c.controlBody(w, r, &body)
	if err == nil {
		err = c.e.SetScript(r.PathValue("id"), steps(body))
	}
	controlAnswer(w, nil, err)
}

func (c control) response(w http.ResponseWriter, r *http.Request) {
	var body map[string]json.RawMessage
	err := c.controlBody(w, r, &body)
	if err == nil {
		err = c.e.SetResponse(r.PathValue("id"), anyKeys(body))
	}
	controlAnswer(w, nil, err)
}

func (c control) faults(w http.ResponseWriter, _ *http.Request) {
	controlAnswer(w, newFaultsJSON(c.e.dice.current()), nil)
}

func (c control) setFaults(w http.ResponseWriter, r *http.Request) {
	var body faultsJSON
	err := c.controlBody(w, r, &body)
	if err == nil {
		err = c.e.SetFaults(body.faults())
	}
	controlAnswer(w, nil, err)
}
