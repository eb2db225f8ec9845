package directory

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// FaultKind names one way in which a call goes wrong.
type FaultKind string

// The kinds of faults. Those from FaultExpired on are for OpDelta alone.
const (
	// FaultNone forces a call without any fault. The zero value means the same.
	FaultNone FaultKind = "none"
	// FaultThrottle answers 429 with a fractional Retry-After and the headers of identity's throttling.
	FaultThrottle FaultKind = "throttle"
	// FaultServiceUnavailable answers 503, with Retry-After when Fault.RetryAfter is set.
	FaultServiceUnavailable FaultKind = "serviceUnavailable"
	// FaultServerError answers 500 before anything was done.
	FaultServerError FaultKind = "serverError"
	// FaultUnauthorized answers 401, as for a token that has just expired.
	FaultUnauthorized FaultKind = "unauthorized"
	// FaultNotFound answers 404, as a replica does that has not caught up with a write.
	FaultNotFound FaultKind = "notFound"
	// FaultAnswerLost does what was asked and closes the connection before any byte of the answer.
	FaultAnswerLost FaultKind = "answerLost"
	// FaultExpired answers as if the delta token had expired, by Options.DeltaExpiry.
	FaultExpired FaultKind = "expired"
	// FaultDuplicate puts the first item of a page at its end once more.
	FaultDuplicate FaultKind = "duplicate"
	// FaultReplay gives links that lead to the same items once more: the documents allow replays.
	FaultReplay FaultKind = "replay"
	// FaultEmptyPage gives a page without items and a next link.
	FaultEmptyPage FaultKind = "emptyPage"
)

func faultKinds() []FaultKind {
	return []FaultKind{
		FaultNone, FaultThrottle, FaultServiceUnavailable, FaultServerError, FaultUnauthorized, FaultNotFound, FaultAnswerLost,
		FaultExpired, FaultDuplicate, FaultReplay, FaultEmptyPage,
	}
}

func deltaOnly(k FaultKind) bool {
	return slices.Index(faultKinds(), k) >= slices.Index(faultKinds(), FaultExpired)
}

// Fault is what happens to one call.
type Fault struct {
	// On is the call it is meant for; empty means any for which the kind makes sense.
	On Operation
	// Kind is what happens; empty means nothing but Delay.
	Kind FaultKind
	// RetryAfter is for FaultThrottle, where zero means Graph's sample, 2.128 s, and for FaultServiceUnavailable, where
	// zero means no such header.
	RetryAfter time.Duration
	// Delay comes before the answer, after what was asked has been done.
	Delay time.Duration
}

// Faults says what goes wrong by chance, and what goes wrong next for certain. The zero value is no fault at all.
type Faults struct {
	// Chance is the probability of each kind, from 0 to 1; of several that are drawn together the first in the order of
	// the constants happens. Each operation has a sequence of its own, from Options.Seed.
	Chance map[FaultKind]float64
	// RetryAfter is what throttling and unavailability by chance ask for; zero means 2.128 s.
	RetryAfter time.Duration
	// Next are the faults of the next authorised calls. Each takes the first that is meant for it, in place of what would be drawn.
	Next []Fault
}

func (f Faults) validate() error {
	var errs []error
	for kind, chance := range f.Chance {
		if !slices.Contains(faultKinds(), kind) {
			errs = append(errs, fmt.Errorf("Faults.Chance: %q is not one of %q", kind, faultKinds()))
		}
		if !(chance >= 0 && chance <= 1) { // so that NaN is refused too
			errs = append(errs, fmt.Errorf("Faults.Chance[%s]: %v is not between 0 and 1", kind, chance))
		}
	}
	if f.RetryAfter < 0 {
		errs = append(errs, errors.New("Faults.RetryAfter: must not be negative"))
	}
	for i, n := range f.Next {
		name := fmt.Sprintf("Faults.Next[%d]", i)
		switch {
		case n.On != "" && !slices.Contains(Operations(), n.On):
			errs = append(errs, fmt.Errorf("%s.On: %q is not one of %q", name, n.On, Operations()))
		case n.Kind != "" && !slices.Contains(faultKinds(), n.Kind):
			errs = append(errs, fmt.Errorf("%s.Kind: %q is not one of %q", name, n.Kind, faultKinds()))
		case n.On != "" && n.On != OpDelta && deltaOnly(n.Kind):
			errs = append(errs, fmt.Errorf("%s.Kind: %q is for %q only", name, n.Kind, OpDelta))
		case n.RetryAfter < 0 || n.Delay < 0:
			errs = append(errs, fmt.Errorf("%s: RetryAfter and Delay must not be negative", name))
		}
	}
	return errors.Join(errs...)
}
