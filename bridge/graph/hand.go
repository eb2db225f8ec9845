package graph

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// hand tells whether a token is in hand, without sending anything.
type hand struct {
	usable usable
	tokens runtime.Pipeline
	within time.Duration
	// seen is when one was seen last, or nil.
	seen *atomic.Pointer[time.Time]
}

// seenFor is how long a token that was seen counts as in hand. A bearer policy renews
// one minutes before its end; where it is lost in between, a POST ends before it
// begins, which is no more than a wait.
const seenFor = time.Second

// newHand looks for tokens in the bearer policy that sends them, so that both have one.
// The credential is asked for one within a time.
func newHand(credential azcore.TokenCredential, bearer policy.Policy, within time.Duration) hand {
	return hand{
		within: within,
		usable: usable{credential},
		tokens: runtime.NewPipeline("", "", runtime.PipelineOptions{PerRetry: []policy.Policy{bearer}}, clientOptions(nowhere{})),
		seen:   new(atomic.Pointer[time.Time]),
	}
}

// holds gives nil where a token is in hand, and asks the credential for one if need be.
func (h hand) holds(ctx context.Context, url string) error {
	if err := h.usable.check(); err != nil {
		return fmt.Errorf("graph: no token: %w", err)
	}
	if seen := h.seen.Load(); seen != nil && time.Since(*seen) < seenFor {
		return nil
	}
	ctx, cancel := withTimeout(ctx, h.within)
	defer cancel()
	req, err := runtime.NewRequest(policy.WithRetryOptions(ctx, noRetries()), http.MethodGet, url)
	if err != nil {
		return fmt.Errorf("graph: no token: %w", err)
	}
	now := time.Now()
	resp, err := h.tokens.Do(req)
	if err != nil {
		return fmt.Errorf("graph: no token: %w", err)
	}
	h.seen.Store(&now)
	return resp.Body.Close()
}

// lost has the next question looked into: Graph did not take the token.
func (h hand) lost() { h.seen.Store(nil) }

// nowhere answers every request itself.
type nowhere struct{}

// Do gives an empty answer.
func (nowhere) Do(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}
