package emulator

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Options says what the emulator is. The zero value works: the documents' casing under /beta, DefaultDevices, any
// bearer token, no faults.
type Options struct {
	// BasePath is what stands before /me/devices, "/beta" when empty; "/" means nothing. Wrap the emulator in
	// http.StripPrefix to mount it deeper; its nextLinks keep the whole path.
	BasePath string
	// Profile is the casing and wrapping of answers and postbacks; empty means Documents.
	Profile Profile
	// Devices are the account's devices, in order. Nil means DefaultDevices; empty and not nil means none, which is
	// what Graph's page says of the service since it was retired.
	Devices []Device

	// Directory answers every path that is neither below BasePath nor the emulator's own nor v1.0/me, and what is below
	// /emulator/directory/: see the package directory. Nil answers them 404.
	Directory http.Handler

	// Token, when not empty, is the only bearer token that is accepted. Empty accepts every well-formed one.
	Token string
	// Authorize decides about a bearer token in place of Token; nil with no Token lets every one do everything.
	Authorize Authorize

	// PageSize is the most devices in one page; zero means 100. A smaller $top wins.
	PageSize int
	// StepDelay is the wait before each step of a script that names none; zero means 200 ms, a negative value none.
	StepDelay time.Duration

	// InlineResponse puts the response payload into the postback that says completed. Graph documents neither.
	InlineResponse bool
	// PostbackRetries is how often a postback that was not taken is sent again; zero means 3, a negative value never.
	PostbackRetries int
	// PostbackBackoff is the wait before the first of those, and doubles each time; zero means 500 ms. A Retry-After
	// in the receiver's answer is used in its place. No wait is longer than a minute.
	PostbackBackoff time.Duration
	// PostbackTimeout bounds one delivery from dialling to the end of the answer; zero means 10 s.
	PostbackTimeout time.Duration
	// PostbackConcurrency is how many postbacks are under way at once, over all commands; zero means 32.
	PostbackConcurrency int
	// PostbackTransport carries the postbacks. Nil means a transport of the emulator's own, which uses no proxy.
	PostbackTransport http.RoundTripper
	// AllowPlainPostback takes a postBackUri with http to any host, for a private network between two containers.
	// Otherwise http is for loopback only.
	AllowPlainPostback bool

	// Faults are injected from the start; SetFaults changes them later.
	Faults Faults

	// MaxCommands is how many POSTs are remembered, with their commands; zero means 100,000. Then the oldest is
	// forgotten, and its script stopped if it is still running.
	MaxCommands int
	// MaxBytes is how many bytes of request bodies are remembered; zero means 256 MiB.
	MaxBytes int64
	// MaxBody is the largest request body; zero means 4 MiB.
	MaxBody int64

	// OpenControl lets every caller use the control surface. Otherwise it answers only callers on this machine.
	OpenControl bool

	// OnEvent is told of everything that happens. It is called from the goroutine in which it happens, so possibly
	// from several at once; it must not block and must not call Close or Shutdown.
	OnEvent func(Event)
}

// withDefaults checks the options, reporting all faults together, and fills in what is zero.
func (o Options) withDefaults() (Options, error) {
	profile, err := ParseProfile(string(o.Profile))
	if err != nil {
		err = fmt.Errorf("Profile: %w", err)
	}
	errs := []error{err, o.checkNumbers(), o.Faults.validate()}
	if o.Token != "" && o.Authorize != nil {
		errs = append(errs, errors.New("option Authorize: must be nil when Token is set"))
	}
	if o.BasePath != "" && !strings.HasPrefix(o.BasePath, "/") || strings.HasPrefix(o.BasePath+"/", controlPrefix) {
		errs = append(errs, fmt.Errorf("BasePath: %q must begin with / and leave %s free", o.BasePath, controlPrefix))
	}
	if o.Devices == nil {
		o.Devices = DefaultDevices()
	}
	seen := map[string]bool{}
	for i, d := range o.Devices {
		name := fmt.Sprintf("Devices[%d]", i)
		errs = append(errs, d.validate(name))
		if seen[d.ID] {
			errs = append(errs, fmt.Errorf("%s.ID: %q is already taken", name, d.ID))
		}
		seen[d.ID] = true
	}
	if err := errors.Join(errs...); err != nil {
		return Options{}, err
	}
	o.Profile = profile
	if o.BasePath == "" {
		o.BasePath = "/beta"
	}
	if o.Authorize == nil {
		o.Authorize = tokenCheck(o.Token)
	}
	if o.OnEvent == nil {
		o.OnEvent = func(Event) {}
	}
	o.fillNumbers()
	return o, nil
}

func (o *Options) checkNumbers() error {
	var errs []error
	for name, negative := range map[string]bool{
		"PageSize":            o.PageSize < 0,
		"PostbackBackoff":     o.PostbackBackoff < 0,
		"PostbackTimeout":     o.PostbackTimeout < 0,
		"PostbackConcurrency": o.PostbackConcurrency < 0,
		"MaxCommands":         o.MaxCommands < 0,
		"MaxBytes":            o.MaxBytes < 0,
		"MaxBody":             o.MaxBody < 0,
	} {
		if negative {
			errs = append(errs, fmt.Errorf("%s: must not be negative", name))
		}
	}
	return errors.Join(errs...)
}

func (o *Options) fillNumbers() {
	orElse(&o.PageSize, 100)
	orElse(&o.StepDelay, 200*time.Millisecond)
	orElse(&o.PostbackRetries, 3)
	orElse(&o.PostbackBackoff, 500*time.Millisecond)
	orElse(&o.PostbackTimeout, 10*time.Second)
	orElse(&o.PostbackConcurrency, 32)
	orElse(&o.MaxCommands, 100_000)
	orElse(&o.MaxBytes, 256<<20)
	orElse(&o.MaxBody, 4<<20)
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// tokenCheck accepts want only, or everything when want is empty.
func tokenCheck(want string) Authorize {
	return func(token string, _ Permissions) error {
		if want != "" && subtle.ConstantTimeCompare([]byte(token), []byte(want)) == 0 {
			return errors.New("not the token that this emulator was given")
		}
		return nil
	}
}
