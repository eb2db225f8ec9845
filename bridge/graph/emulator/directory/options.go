package directory

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"devicebridge/bridge/graph/emulator"
)

// Expiry is how an expired delta token is answered. Graph's pages know several ways.
type Expiry string

const (
	// ExpiryGone is 410 with a Location whose $deltatoken is empty: begin anew there. The zero value means this.
	ExpiryGone Expiry = "gone"
	// ExpirySyncStateNotFound is 400 with the code syncStateNotFound.
	ExpirySyncStateNotFound Expiry = "syncStateNotFound"
	// ExpiryResyncRequired is 410 with the code resyncRequired and without a Location.
	ExpiryResyncRequired Expiry = "resyncRequired"
)

// Expiries gives the known ways.
func Expiries() []Expiry { return []Expiry{ExpiryGone, ExpirySyncStateNotFound, ExpiryResyncRequired} }

// ParseExpiry takes the text of an Expiry; empty text means ExpiryGone. An unknown one is an error that lists the known ones.
func ParseExpiry(text string) (Expiry, error) {
	if text == "" {
		return ExpiryGone, nil
	}
	for _, e := range Expiries() {
		if string(e) == text {
			return e, nil
		}
	}
	return "", fmt.Errorf("delta expiry %q is not one of %q", text, Expiries())
}

// Options says what the directory is. The zero value works: DefaultDevices and DefaultObjects under /v1.0, any bearer
// token, no faults.
type Options struct {
	// BasePath is what stands before /devices, "/v1.0" when empty; "/" means nothing.
	BasePath string
	// Devices are there from the start. Nil means DefaultDevices; empty and not nil means none.
	Devices []Entry
	// Objects are the groups, administrative units and users. Nil means DefaultObjects.
	Objects []Object
	// Seed is of what Generate and Change make and of the faults.
	Seed uint64

	// Authorize decides about a bearer token, as for the package emulator: an error that wraps emulator.ErrForbidden gives
	// 403 Authorization_RequestDenied and any other 401. Nil accepts every well-formed token.
	Authorize emulator.Authorize

	// PageSize is the size of a page without $top; zero means 100.
	PageSize int
	// DeltaPageSize is the size of a page of a delta; zero means 100.
	DeltaPageSize int
	// DeltaLifetime is how long a delta token is good; zero means 7 days, as documented for directory objects.
	DeltaLifetime time.Duration
	// DeltaExpiry is how an expired one is answered.
	DeltaExpiry Expiry
	// SoftDelete lets a device that is deleted over Graph be restored; a delta says "changed" of it, else "deleted".
	SoftDelete bool

	// Faults are injected from the start; SetFaults changes them later.
	Faults Faults

	// MaxDevices is how many devices there may be, and how many deleted ones are remembered; zero means 100,000. More
	// are refused with Directory_QuotaExceeded.
	MaxDevices int
	// MaxBody is the largest request body; zero means 4 MiB.
	MaxBody int64
	// OpenControl lets every caller use the control surface. Otherwise it answers only callers on this machine.
	OpenControl bool
}

// withDefaults checks the options, reporting all faults together, and fills in what is zero.
func (o Options) withDefaults() (Options, error) {
	expiry, err := ParseExpiry(string(o.DeltaExpiry))
	if err != nil {
		err = fmt.Errorf("DeltaExpiry: %w", err)
	}
	errs := []error{err, o.Faults.validate()}
	if o.BasePath != "" && !strings.HasPrefix(o.BasePath, "/") {
		errs = append(errs, fmt.Errorf("BasePath: %q must begin with /", o.BasePath))
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"PageSize", int64(o.PageSize)},
		{"DeltaPageSize", int64(o.DeltaPageSize)},
		{"DeltaLifetime", int64(o.DeltaLifetime)},
		{"MaxDevices", int64(o.MaxDevices)},
		{"MaxBody", o.MaxBody},
	} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("%s: must not be negative", n.name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Options{}, err
	}
	if o.Devices == nil {
		o.Devices = DefaultDevices()
	}
	if o.Objects == nil {
		o.Objects = DefaultObjects()
	}
	if o.Authorize == nil {
		o.Authorize = func(string, emulator.Permissions) error { return nil }
	}
	o.DeltaExpiry = expiry
	orElse(&o.BasePath, "/v1.0")
	orElse(&o.PageSize, 100)
	orElse(&o.DeltaPageSize, 100)
	orElse(&o.DeltaLifetime, 7*24*time.Hour)
	orElse(&o.MaxDevices, 100_000)
	orElse(&o.MaxBody, 4<<20)
	return o, nil
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
