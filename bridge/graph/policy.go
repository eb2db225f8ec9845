package graph

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/uuid"
	"golang.org/x/net/http/httpguts"

	"devicebridge/bridge/redact"
)

// call is what the policies know and learn of one call through the pipeline.
type call struct {
	operation string
	header    http.Header // of the request, beside what every request has
	body      []byte      // of the request; nil without
	secrets   []string    // of the body, beside the bearer token
	exchanges int         // HTTP requests handed to the transport
	last      *attempt
}

func callOf(req *policy.Request) *call {
	var current *call
	if !req.OperationValue(&current) {
		current = &call{}
		req.SetOperationValue(current)
	}
	return current
}

// exchange is one HTTP request and its answer: it asks the circuit, gives the
// request an id and a body of its own, watches what the transport does with it,
// and tells of it.
type exchange struct {
	userAgent string
	circuit   *circuit
	hand      hand
	secrets   *redact.Keeper
	observe   func(Exchange)
	trace     func(context.Context, Outgoing) (context.Context, func(Incoming))
	log       *slog.Logger
}

// Do implements policy.Policy.
func (p exchange) Do(req *policy.Request) (*http.Response, error) {
	ctx := req.Raw().Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	authorization := req.Raw().Header.Get("Authorization")
	if !httpguts.ValidHeaderFieldValue(authorization) {
		return nil, errors.New("the credential gave a token that cannot stand in a header")
	}
	done, err := p.circuit.allow(req.Raw().Method)
	if err != nil {
		return nil, err
	}
	current := callOf(req)
	a := &attempt{clientRequestID: uuid.NewString(), token: strings.TrimPrefix(authorization, "Bearer ")}
	current.last = a
	current.exchanges++
	// Deferred, so that a transport that panics does not keep the circuit waiting.
	defer func() { done(judge(a)) }()
	ctx, traced := p.traceExchange(ctx, req.Raw(), current)
	defer traced()

	once := req.Clone(httptrace.WithClientTrace(ctx, a.trace()))
	raw := once.Raw()
	// azcore sets GetBody, and with it net/http would send the request again on
	// another connection. The reader is new each time because the transport may
	// still read the old one after an early answer.
	raw.GetBody = nil
	if current.body != nil {
		raw.Body = io.NopCloser(bytes.NewReader(current.body))
	}
	raw.Header.Set("client-request-id", a.clientRequestID)
	raw.Header.Set("User-Agent", p.userAgent)

	start := time.Now()
	a.resp, a.err = once.Next()
	a.clean(p.secrets, slices.Concat(current.secrets, secretsOf(ctx)))
	if a.resp != nil {
		spellRetryAfter(a.resp.Header, time.Now())
		spellChallenge(a.resp.Header)
		if a.resp.StatusCode == http.StatusUnauthorized {
			p.hand.lost()
		}
	}
	a.ended = ctx.Err() != nil
	a.left = a.ended && !isOurs(context.Cause(ctx))
	p.report(req, current, time.Since(start))
	return a.resp, a.err
}

// spellRetryAfter adds the wait in the one spelling that azcore reads whatever
// Graph's is: azcore takes neither fractions of a second nor the clock of the
// server for a date. It is spread a little.
func spellRetryAfter(header http.Header, now time.Time) {
	if wait, ok := parseRetryAfter(header, now); ok && wait > 0 {
		ms := (spread(wait) + time.Millisecond - 1) / time.Millisecond
		header.Set("retry-after-ms", strconv.FormatInt(int64(ms), 10))
	}
}
