package graph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"golang.org/x/time/rate"

	"devicebridge/bridge/roundtrip"
)

// Client asks Graph about one account's devices and commands. It may be used by
// many goroutines at once.
type Client struct {
	base        *url.URL
	root        string // base as text, without a trailing slash
	pipeline    runtime.Pipeline
	hand        hand
	transport   http.RoundTripper
	circuit     *circuit
	budget      *rate.Limiter
	postTimeout time.Duration
	getTimeout  time.Duration
	log         *slog.Logger
}

// New makes a client and sends nothing. Its error joins the faults of all
// options, each naming the option.
func New(options Options) (*Client, error) {
	o, base, err := options.complete()
	if err != nil {
		return nil, err
	}
	transport, circuit := renewed(o.Transport), newCircuit(o)
	bearer := runtime.NewBearerTokenPolicy(o.Credential, o.Scopes, &policy.BearerTokenOptions{
		// parseBaseURL lets http through for loopback hosts only, and every later
		// URL has the same origin.
		InsecureAllowCredentialWithHTTP: base.Scheme == "http",
	})
	hand := newHand(o.Credential, bearer, o.GetTimeout)
	return &Client{
		base: base,
		root: strings.TrimRight(base.String(), "/"),
		pipeline: runtime.NewPipeline("", "", runtime.PipelineOptions{
			PerRetry: []policy.Policy{usable{o.Credential}, reauthorize{o.Credential}, bearer, exchange{userAgent: o.UserAgent, circuit: circuit, hand: hand, secrets: o.Secrets, observe: o.Observe, trace: o.Trace, log: o.Log}},
		}, clientOptions(oneRoundTrip{roundtrip.Bound(transport)})),
		hand:        hand,
		transport:   transport,
		circuit:     circuit,
		budget:      newBudget(),
		postTimeout: o.PostTimeout,
		getTimeout:  o.GetTimeout,
		log:         o.Log,
	}, nil
}

func clientOptions(transport policy.Transporter) *policy.ClientOptions {
	return &policy.ClientOptions{
		Telemetry: policy.TelemetryOptions{Disabled: true}, // we send a User-Agent of our own
		Transport: transport,
		Retry:     noRetries(), // each call says otherwise in its context
	}
}

// Ready gives nil when a send could begin now: a token is in hand, asking the
// credential for one if need be, and the circuit is closed. Where it is open and
// Graph is to be tried again, this sends the one GET that finds out; who asks
// meanwhile is told that it is open. It is meant to be asked before a command is
// claimed. The error wraps a *CircuitOpenError where the circuit is the reason.
func (c *Client) Ready(ctx context.Context) error {
	if err := c.hand.holds(ctx, c.root); err != nil || c.circuit.closed() {
		return err
	}
	target, err := c.url()
	if err != nil {
		return err
	}
	ctx, cancel := withTimeout(ctx, c.getTimeout)
	defer cancel()
	// What comes of it the circuit has seen.
	_ = c.do(policy.WithRetryOptions(ctx, noRetries()), http.MethodGet, target, &call{operation: opTrial})
	if !c.circuit.closed() {
		return fmt.Errorf("graph: %w", c.circuit.refusal())
	}
	return nil
}

// Circuit says whether Graph is being left alone.
func (c *Client) Circuit() CircuitState { return *c.circuit.state.Load() }

// CloseIdleConnections closes the connections that no request uses, where the
// transport can do that.
func (c *Client) CloseIdleConnections() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// url gives the URL of a resource under me/devices. Each id is one segment,
// whatever is in it; no spelling of "." or ".." stays one in every server, so
// these two are refused, as is an empty id.
func (c *Client) url(segments ...string) (string, error) {
	target := c.root + "/me/devices"
	for _, s := range segments {
		if s == "" || s == "." || s == ".." {
			return "", fmt.Errorf("%q is not an id", s)
		}
		target += "/" + url.PathEscape(s)
	}
	return target, nil
}

// do runs one call through the pipeline. Its answer is in current.last, with the
// body read and closed.
func (c *Client) do(ctx context.Context, method, target string, current *call) error {
	req, err := runtime.NewRequest(ctx, method, target)
	if err != nil {
		return errors.New("the URL cannot be requested")
	}
	req.Raw().Header.Set("Accept", "application/json")
	maps.Copy(req.Raw().Header, current.header)
	if current.body != nil {
		body := streaming.NopCloser(bytes.NewReader(current.body))
		if err := req.SetBody(body, "application/json; charset=utf-8"); err != nil {
			return err
		}
	}
	req.SetOperationValue(current)
	_, err = c.pipeline.Do(req) //nolint:bodyclose // azcore has read the body into memory
	return err
}
