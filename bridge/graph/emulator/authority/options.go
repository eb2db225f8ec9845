package authority

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Options says what the authority is. The zero value works: DefaultApps, DefaultAccounts, tokens of an hour, nobody
// approves on their own.
type Options struct {
	// Apps are the registered clients; nil means DefaultApps.
	Apps []App
	// Accounts are who can sign in; nil means DefaultAccounts. Of several that fit, auto-approval takes the first.
	Accounts []Account

	// AutoApprove approves every device code and every authorization request at once, if an account fits.
	AutoApprove bool

	// TokenLife is how long access tokens live; zero means an hour. SetTokenLife changes it.
	TokenLife time.Duration
	// RefreshLife is how long a refresh token lives unused; zero means 90 days.
	RefreshLife time.Duration
	// DeviceCodeLife is how long a device code can be redeemed; zero means 15 minutes.
	DeviceCodeLife time.Duration
	// CodeLife is how long an authorization code can be redeemed; zero means 10 minutes.
	CodeLife time.Duration
	// Interval is the least time between two polls with a device code; zero means 5 s, a negative value none.
	Interval time.Duration

	// Faults are injected from the start; SetFaults changes them.
	Faults Faults
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// MaxEntries is how many codes and tokens of each kind are remembered, the oldest forgotten first; zero means 10,000.
	MaxEntries int
	// OpenControl lets every caller use the control surface. Otherwise it answers only callers on this machine.
	OpenControl bool
}

// withDefaults checks the options, reporting all faults together, and fills in what is zero.
func (o Options) withDefaults() (Options, error) {
	if o.Apps == nil {
		o.Apps = DefaultApps()
	}
	if o.Accounts == nil {
		o.Accounts = DefaultAccounts()
	}
	errs := []error{o.Faults.validate(), validateApps(o.Apps), validateAccounts(o.Accounts)}
	for _, n := range []struct {
		name string
		bad  bool
	}{
		{"TokenLife", o.TokenLife < 0}, {"RefreshLife", o.RefreshLife < 0}, {"DeviceCodeLife", o.DeviceCodeLife < 0},
		{"CodeLife", o.CodeLife < 0}, {"MaxEntries", o.MaxEntries < 0},
	} {
		if n.bad {
			errs = append(errs, fmt.Errorf("%s: must not be negative", n.name))
		}
	}
	orElse(&o.TokenLife, time.Hour)
	orElse(&o.RefreshLife, 90*24*time.Hour)
	orElse(&o.DeviceCodeLife, 15*time.Minute)
	orElse(&o.CodeLife, 10*time.Minute)
	orElse(&o.Interval, 5*time.Second)
	orElse(&o.MaxEntries, 10_000)
	if o.Now == nil {
		o.Now = time.Now
	}
	errs = append(errs, checkTokenLife(o.TokenLife))
	return o, errors.Join(errs...)
}

// checkTokenLife asks for at least a second, the unit of expires_in.
func checkTokenLife(d time.Duration) error {
	if d < time.Second {
		return fmt.Errorf("TokenLife: %s is less than a second", d)
	}
	return nil
}

func validateApps(apps []App) error {
	var errs []error
	seen := map[string]bool{}
	for i, a := range apps {
		name := fmt.Sprintf("Apps[%d]", i)
		errs = append(errs, a.validate(name))
		if id := strings.ToLower(a.ID); seen[id] {
			errs = append(errs, fmt.Errorf("%s.ID: %q is already taken", name, a.ID))
		} else {
			seen[id] = true
		}
	}
	return errors.Join(errs...)
}

func validateAccounts(accounts []Account) error {
	var errs []error
	seen := map[string]bool{}
	for i, a := range accounts {
		name := fmt.Sprintf("Accounts[%d]", i)
		if user, domain, ok := strings.Cut(a.Username, "@"); !ok || user == "" || domain == "" {
			errs = append(errs, fmt.Errorf("%s.Username: %q must have the form name@domain", name, a.Username))
		}
		if a.Tenant != "" && (!isGUID(a.Tenant) || strings.EqualFold(a.Tenant, PersonalTenant)) {
			errs = append(errs, fmt.Errorf("%s.Tenant: %q must be the GUID of a directory, or empty", name, a.Tenant))
		}
		if id := strings.ToLower(a.Username); seen[id] {
			errs = append(errs, fmt.Errorf("%s.Username: %q is already taken", name, a.Username))
		} else {
			seen[id] = true
		}
	}
	return errors.Join(errs...)
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
