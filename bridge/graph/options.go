package graph

import (
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
	// Transport sends the requests; nil means one of the client's own, with
	// time-outs, TLS 1.2 at least and the proxy of the environment. Send calls a
	// failure NotTaken only if Transport reports to net/http/httptrace, as
	// *http.Transport and its wrappers do.
	Transport http.RoundTripper
	// PostTimeout bounds Send, its second POST after a 401 included; 0 means 30 s.
	PostTimeout time.Duration
	// GetTimeout bounds each page or object that is read, its retries included,
	// and the wait for a token in Ready; 0 means 15 s.
	GetTimeout time.Duration
	// UserAgent is sent with every request; empty means "devicebridge".
	UserAgent string
	// Log gets one debug line per request; nil discards.
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
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, base, errors.Join(faults...)
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
