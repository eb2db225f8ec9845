package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Operation is one of the calls of the Graph side.
type Operation string

// The operations that a forced fault can be meant for.
const (
	OpSend     Operation = "send"     // POST me/devices/{id}/commands
	OpStatus   Operation = "status"   // GET me/devices/{id}/commands/{id}
	OpResponse Operation = "response" // GET me/devices/{id}/commands/{id}/responsePayload
	OpDevices  Operation = "devices"  // GET me/devices
	OpDevice   Operation = "device"   // GET me/devices/{id}
)

func operations() []Operation {
	return []Operation{OpSend, OpStatus, OpResponse, OpDevices, OpDevice}
}

// FaultKind names one way in which a call goes wrong.
type FaultKind string

// The kinds from FaultAnswerLost on make sense for OpSend only. FaultUnauthorized, FaultNotFound, FaultRedirect and
// FaultGarbled can be forced but have no probability.
const (
	// FaultNone forces a call without any fault. The zero value means the same.
	FaultNone FaultKind = "none"
	// FaultThrottle answers 429 with a fractional Retry-After and Graph's throttling error.
	FaultThrottle FaultKind = "throttle"
	// FaultServiceUnavailable answers 503, with Retry-After when Fault.RetryAfter is set.
	FaultServiceUnavailable FaultKind = "serviceUnavailable"
	// FaultServerError answers 500, 502 or 504; a POST may have been taken all the same, see Fault.Taken.
	FaultServerError FaultKind = "serverError"
	// FaultUnauthorized answers 401, as for a token that has just expired.
	FaultUnauthorized FaultKind = "unauthorized"
	// FaultNotFound answers 404, as a service does that has not caught up with its own writes.
	FaultNotFound FaultKind = "notFound"
	// FaultRedirect answers 307 to the same URL: a client that follows it sends its POST twice.
	FaultRedirect FaultKind = "redirect"
	// FaultAnswerLost takes the command and closes the connection before any byte of the answer.
	FaultAnswerLost FaultKind = "answerLost"
	// FaultGarbled takes the command and answers 201 with JSON that ends in the middle.
	FaultGarbled FaultKind = "garbled"
	// FaultPostbackLost takes the command and sends none of its postbacks.
	FaultPostbackLost FaultKind = "postbackLost"
	// FaultPostbackDuplicated sends every postback twice.
	FaultPostbackDuplicated FaultKind = "postbackDuplicated"
	// FaultPostbackReordered sends every postback after the one that should follow it.
	FaultPostbackReordered FaultKind = "postbackReordered"
	// FaultPostbackBeforeAnswer holds the 201 back until the first postback has been delivered, or given up.
	FaultPostbackBeforeAnswer FaultKind = "postbackBeforeAnswer"
)

func faultKinds() []FaultKind {
	return []FaultKind{
		"", FaultNone, FaultThrottle, FaultServiceUnavailable, FaultServerError, FaultUnauthorized, FaultNotFound, FaultRedirect,
		FaultAnswerLost, FaultGarbled,
		FaultPostbackLost, FaultPostbackDuplicated, FaultPostbackReordered, FaultPostbackBeforeAnswer,
	}
}

// Fault is what happens to one call.
type Fault struct {
	// On is the call it is meant for; empty means OpSend.
	On Operation
	// Kind is what happens; empty means nothing but Delay.
	Kind FaultKind
	// RetryAfter is for FaultThrottle, where zero means Faults.RetryAfter, and for FaultServiceUnavailable, where zero means
	// no such header.
	RetryAfter time.Duration
	// Status is for FaultServerError: 500, 502 or 504. Zero means 500.
	Status int
	// Taken is for FaultServerError of a POST: the command was taken and runs, as behind a gateway that gave up.
	Taken bool
	// Delay comes before the answer and after the command was taken, so that a client whose patience ends does not
	// know, and a client that sends again shows it.
	Delay time.Duration
}

// Faults says what goes wrong by chance, and what goes wrong next for certain. The zero value is no fault at all.
//
// The probabilities go from 0 to 1. They are drawn from a PCG generator with Seed, one sequence for each operation
// and one for each command's postbacks: the n-th authorised POST meets the same faults however many reads come
// between and however its postbacks interleave with others. Of several request faults that are drawn together the one
// that stands first below happens.
type Faults struct {
	Seed uint64
	// DelayMin and DelayMax bound the delay of every answer, see Fault.Delay.
	DelayMin, DelayMax time.Duration
	// Throttle is 429 with Retry-After.
	Throttle float64
	// RetryAfter is what Throttle and ServiceUnavailable ask for; zero means 2.128 s, the value in Graph's throttling sample.
	RetryAfter time.Duration
	// ServiceUnavailable is 503 with Retry-After.
	ServiceUnavailable float64
	// ServiceUnavailableBare is 503 without Retry-After.
	ServiceUnavailableBare float64
	// ServerError is 500, 502 or 504, drawn evenly. Of the POSTs that meet 502 or 504, half are taken all the same.
	ServerError float64
	// AnswerLost is FaultAnswerLost.
	AnswerLost float64
	// PostbackBeforeAnswer is FaultPostbackBeforeAnswer.
	PostbackBeforeAnswer float64
	// PostbackLost, PostbackDuplicated and PostbackReordered are drawn for each postback by itself.
	PostbackLost, PostbackDuplicated, PostbackReordered float64
	// Next are the faults of the next calls. Each authorised call takes the first one that is meant for its operation,
	// in place of all that would be drawn for it and for its postbacks.
	Next []Fault
}

// validate reports every field that is out of range, by its name.
func (f Faults) validate() error {
	var errs []error
	for _, p := range []struct {
		name  string
		value float64
	}{
		{"Throttle", f.Throttle},
		{"ServiceUnavailable", f.ServiceUnavailable},
		{"ServiceUnavailableBare", f.ServiceUnavailableBare},
		{"ServerError", f.ServerError},
		{"AnswerLost", f.AnswerLost},
		{"PostbackBeforeAnswer", f.PostbackBeforeAnswer},
		{"PostbackLost", f.PostbackLost},
		{"PostbackDuplicated", f.PostbackDuplicated},
		{"PostbackReordered", f.PostbackReordered},
	} {
		// Written so that NaN is refused too.
		if !(p.value >= 0 && p.value <= 1) {
			errs = append(errs, fmt.Errorf("field Faults.%s: %v is not between 0 and 1", p.name, p.value))
		}
	}
	if f.DelayMin < 0 || f.DelayMax < 0 {
		errs = append(errs, errors.New("Faults.DelayMin, Faults.DelayMax: must not be negative"))
	}
	if f.DelayMin > f.DelayMax {
		errs = append(errs, fmt.Errorf("Faults.DelayMin: %v is above DelayMax, %v", f.DelayMin, f.DelayMax))
	}
	if f.RetryAfter < 0 {
		errs = append(errs, errors.New("Faults.RetryAfter: must not be negative"))
	}
	for i, n := range f.Next {
		errs = append(errs, n.validate(fmt.Sprintf("Faults.Next[%d]", i)))
	}
	return errors.Join(errs...)
}

func (f Fault) validate(name string) error {
	send := f.On == "" || f.On == OpSend
	switch {
	case f.On != "" && !slices.Contains(operations(), f.On):
		return fmt.Errorf("%s.On: %q is not one of %q", name, f.On, operations())
	case !slices.Contains(faultKinds(), f.Kind):
		return fmt.Errorf("%s.Kind: %q is not one of %q", name, f.Kind, faultKinds()[1:])
	case !send && slices.Index(faultKinds(), f.Kind) >= slices.Index(faultKinds(), FaultAnswerLost):
		return fmt.Errorf("%s.Kind: %q is for %q only", name, f.Kind, OpSend)
	case f.RetryAfter < 0 || f.Delay < 0:
		return fmt.Errorf("%s: RetryAfter and Delay must not be negative", name)
	case f.Kind == FaultServerError:
		return f.validateServerError(name, send)
	case f.Status != 0 || f.Taken:
		return fmt.Errorf("%s: Status and Taken are for %q only", name, FaultServerError)
	}
	return nil
}

func (f Fault) validateServerError(name string, send bool) error {
	switch {
	case f.Status != 0 && !slices.Contains(serverErrors(), f.Status):
		return fmt.Errorf("%s.Status: %d is not one of %d", name, f.Status, serverErrors())
	case f.Taken && !send:
		return fmt.Errorf("%s.Taken: is for %q only", name, OpSend)
	}
	return nil
}

func serverErrors() []int {
	return []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout}
}
