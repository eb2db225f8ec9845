package graph

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"golang.org/x/time/rate"
)

// The retries of a GET: few and short, since whoever polls comes again anyway.
const (
	maxRetries    = 2
	retryDelay    = 500 * time.Millisecond
	maxRetryDelay = 5 * time.Second
	// backoffSpread is the most by which azcore lengthens its own delays, and
	// waitSpread the most by which a Retry-After is lengthened here, so that those
	// that were turned away together do not come again together.
	backoffSpread = 1.3
	waitSpread    = 1.1
	// All GETs of a client share a budget of retries: so many at once, and one
	// every so often. Beyond it the first answer stands.
	budgetAtOnce = 10
	budgetEvery  = time.Second
)

func newBudget() *rate.Limiter { return rate.NewLimiter(rate.Every(budgetEvery), budgetAtOnce) }

// noRetries are the options of a request that is sent once. They have to be in
// the context: options that a caller left there would win over a pipeline's.
func noRetries() policy.RetryOptions { return policy.RetryOptions{MaxRetries: -1} }

// retries gives the options of one GET under ctx. It is asked again after a
// transport failure and after Graph's 429, 503 and 504, unless the wait is longer
// than maxRetryDelay or than the time that is left, the budget is spent, or the
// circuit has opened: then the caller gets the answer and the wait with it, in
// Error.RetryAfter, in the place of a deadline that has passed.
func (c *Client) retries(ctx context.Context) policy.RetryOptions {
	tried := 0
	return policy.RetryOptions{
		MaxRetries:    maxRetries,
		RetryDelay:    retryDelay,
		MaxRetryDelay: maxRetryDelay,
		ShouldRetry: func(resp *http.Response, err error) bool {
			if tried++; tried > maxRetries || err == nil && !worthRetrying(resp.StatusCode) {
				return false
			}
			asked := askedToWait(resp)
			wait := longestWait(asked, tried)
			if deadline, ok := ctx.Deadline(); asked > maxRetryDelay || ok && time.Until(deadline) <= wait {
				return false
			}
			return c.circuit.closed() && c.budget.Allow()
		},
	}
}

func worthRetrying(status int) bool {
	return slices.Contains([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, status)
}

// askedToWait gives how long an answer asks to wait; 0 where it does not.
func askedToWait(resp *http.Response) time.Duration {
	if resp == nil {
		return 0
	}
	wait, _ := parseRetryAfter(resp.Header, time.Now())
	return wait
}

// longestWait gives the longest that azcore may wait before the retry after the
// given number of tries: for what was asked for, or else its own growing delay.
func longestWait(asked time.Duration, tried int) time.Duration {
	if asked > 0 {
		return stretch(asked, waitSpread)
	}
	return min(stretch(time.Duration(1<<tried-1)*retryDelay, backoffSpread), maxRetryDelay)
}

func stretch(d time.Duration, factor float64) time.Duration {
	return time.Duration(float64(d) * factor)
}

// spread lengthens a wait by up to a tenth, but not beyond what azcore waits.
func spread(wait time.Duration) time.Duration {
	longer := stretch(wait, 1+rand.Float64()*(waitSpread-1)) //nolint:gosec // not a secret
	return max(wait, min(longer, maxRetryDelay))
}
