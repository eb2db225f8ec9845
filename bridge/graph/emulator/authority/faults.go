package authority

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Faults disturb the endpoints of the protocol, not the pages and not the control surface. The zero value has none.
type Faults struct {
	// Delay is the wait before every answer.
	Delay time.Duration
	// Status, when not zero, is answered in place of everything: 429, 500, 502, 503 or 504.
	Status int
	// RetryAfter goes with it, in whole seconds rounded up; zero leaves the header out.
	RetryAfter time.Duration
	// Times is how many requests meet Status; zero means all of them until the faults are changed.
	Times int
}

func (f Faults) validate() error {
	var errs []error
	switch f.Status {
	case 0, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		errs = append(errs, fmt.Errorf("Faults.Status: %d is none of 429, 500, 502, 503 and 504", f.Status))
	}
	if f.Delay < 0 || f.RetryAfter < 0 || f.Times < 0 {
		errs = append(errs, errors.New("option Faults: Delay, RetryAfter and Times must not be negative"))
	}
	return errors.Join(errs...)
}

// SetFaults puts other faults in place of the present ones.
func (a *Authority) SetFaults(f Faults) error {
	if err := f.validate(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = f
	return nil
}

// fault waits, no longer than the client does, and gives the refusal that is to be injected.
func (a *Authority) fault(r *http.Request) error {
	f := a.nextFault()
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	switch f.Status {
	case 0:
		return nil
	case http.StatusTooManyRequests:
		return throttled(f.RetryAfter)
	}
	return transient(f.Status, f.RetryAfter)
}

func (a *Authority) nextFault() Faults {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.faults
	if f.Status != 0 && f.Times > 0 {
		if a.faults.Times--; a.faults.Times == 0 {
			a.faults.Status = 0
		}
	}
	return f
}
