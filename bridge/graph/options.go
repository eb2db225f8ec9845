package graph

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"golang.org/x/net/http/httpguts"

	"devicebridge/bridge/redact"
)

const (
	// DefaultBaseURL is Graph's beta endpoint, the only one that ever had device
	// commands.
	DefaultBaseURL = "https://graph.microsoft.com/beta"

	defaultPostTimeout = 30 * time.Second
	defaultGetTimeout  = 15 * time.Second
	defaultUserAgent   = "devicebridge"
)

// Options says where Graph is and who asks. Only Credential has no default.
type Options struct {
	// BaseURL is the URL in front of "/me/devices"; empty means DefaultBaseURL.
	// It takes https, and plain http to a loopback host only.
	BaseURL string
	// Credential gives the bearer tokens. Required.
	Credential azcore.TokenCredential
	// Scopes are asked of Credential; nil means DefaultScopes. They do not follow
	// BaseURL: a gateway in front of Graph takes Graph's tokens, and one that
	// wants an audience of its own is told here.
	Scopes []string
	// Transport sends the requests; nil means NewTransport's. Send calls a failure
	// NotTaken only if Transport reports to net/http/httptrace, as *http.Transport
	// and its wrappers do. After a 503 an *http.Transport is left for a copy of it,
	// and with that for new connections; any other has to see to that itself.
	Transport http.RoundTripper
	// RootCAs are trusted to sign Graph's certificate, for a private gateway; nil
	// means the system's. It is for the default Transport.
	RootCAs *x509.CertPool
	// PostTimeout bounds Send, its second POST after a 401 included; 0 means 30 s.
	PostTimeout time.Duration
	// GetTimeout bounds each page or object that is read, its retries included,
	// and in Ready the wait for a token and a trial; 0 means 15 s.
	GetTimeout time.Duration
	// CircuitFailures in a row open the circuit; 0 means 5. No answer is one, and so
	// is a 5xx other than a 503 with Retry-After. Every other answer ends the row;
	// a caller who goes away does neither.
	CircuitFailures int
	// CircuitOpenFor is how long Graph is left alone before one GET is let through,
	// which closes the circuit or opens it for as long again; 0 means 10 s.
	CircuitOpenFor time.Duration
	// OnCircuit is told when the circuit opens, opens anew and closes. It must
	// return soon and not call the client; nil is told nothing.
	OnCircuit func(CircuitState)
	// Observe is told of every HTTP request; nil is told nothing.
	Observe func(Exchange)
	// Trace is told of every HTTP request before it is sent and gives its context;
	// end is told what came of it. Nil traces nothing.
	Trace func(context.Context, Outgoing) (_ context.Context, end func(Incoming))
	// Secrets keeps what has to be taken out of everything that comes from outside;
	// the client adds its bearer tokens. To be shared with who else hears of them, such
	// as the postback endpoint; nil is one of the client's own.
	Secrets *redact.Keeper
	// UserAgent is sent with every request; empty means "devicebridge".
	UserAgent string
	// Log gets one line per request: a warning where it failed in a way that is not
	// part of the ordinary, with its client-request-id and Graph's request-id, else
	// one for debugging. nil discards.
	Log *slog.Logger
}

// DefaultScopes gives the two delegated permissions of Graph's device command
// pages: to send commands, and to list devices.
func DefaultScopes() []string {
	return []string{"https://graph.microsoft.com/Device.Command", "https://graph.microsoft.com/Device.Read"}
}

// complete gives the options with every default filled in and the parsed base
// URL, or all faults joined, each naming its option.
func (o Options) complete() (Options, *url.URL, error) {
	var faults []error
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	base, err := parseBaseURL(o.BaseURL)
	if err != nil {
		faults = append(faults, fmt.Errorf("graph: BaseURL: %w", err))
	}
	if o.Credential == nil {
		faults = append(faults, errors.New("graph: Credential: required"))
	}
	if o.Scopes == nil {
		o.Scopes = DefaultScopes()
	}
	if len(o.Scopes) == 0 {
		faults = append(faults, errors.New("graph: Scopes: empty; give at least one, or nil for the default"))
	}
	if o.UserAgent == "" {
		o.UserAgent = defaultUserAgent
	}
	if !httpguts.ValidHeaderFieldValue(o.UserAgent) {
		faults = append(faults, errors.New("graph: UserAgent: not a valid header value"))
	}
	if o.PostTimeout, err = timeout(o.PostTimeout, defaultPostTimeout); err != nil {
		faults = append(faults, fmt.Errorf("graph: PostTimeout: %w", err))
	}
	if o.GetTimeout, err = timeout(o.GetTimeout, defaultGetTimeout); err != nil {
		faults = append(faults, fmt.Errorf("graph: GetTimeout: %w", err))
	}
	if o.CircuitOpenFor, err = timeout(o.CircuitOpenFor, defaultCircuitOpenFor); err != nil {
		faults = append(faults, fmt.Errorf("graph: CircuitOpenFor: %w", err))
	}
	if o.CircuitFailures < 0 {
		faults = append(faults, fmt.Errorf("graph: CircuitFailures: %d is negative", o.CircuitFailures))
	}
	if o.Transport != nil && o.RootCAs != nil {
		faults = append(faults, errors.New("graph: RootCAs: not for a Transport that is given; set them there"))
	}
	return o.fill(), base, errors.Join(faults...)
}

// fill puts defaults in the places that cannot be wrong.
func (o Options) fill() Options {
	if o.CircuitFailures == 0 {
		o.CircuitFailures = defaultCircuitFailures
	}
	if o.Transport == nil {
		o.Transport = NewTransport(TransportOptions{RootCAs: o.RootCAs})
	}
	if o.Secrets == nil {
		o.Secrets = new(redact.Keeper)
	}
	if o.OnCircuit == nil {
		o.OnCircuit = func(CircuitState) {}
	}
	if o.Observe == nil {
		o.Observe = func(Exchange) {}
	}
	if o.Trace == nil {
		o.Trace = func(ctx context.Context, _ Outgoing) (context.Context, func(Incoming)) { return ctx, func(Incoming) {} }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func timeout(given, fallback time.Duration) (time.Duration, error) {
	switch {
	case given < 0:
		return 0, fmt.Errorf("%s is negative", given)
	case given == 0:
		return fallback, nil
	default:
		return given, nil
	}
}

// parseBaseURL never quotes the URL in an error: it may hold a password.
func parseBaseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	switch {
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("give scheme, host and path, such as " + DefaultBaseURL)
	case u.User != nil:
		return nil, errors.New("user and password do not belong into it")
	case strings.ContainsAny(raw, "?#"):
		return nil, errors.New("a query or a fragment does not belong into it")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
	case u.Scheme == "http":
		return nil, errors.New("plain http is for loopback hosts only; use https")
	default:
		return nil, errors.New("the scheme is neither https nor http")
	}
	return u, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
