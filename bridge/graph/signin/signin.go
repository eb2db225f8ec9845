package signin

import (
	"context"
	"crypto/subtle"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

// SignIn gives tokens and knows how it stands. It is an azcore.TokenCredential and
// safe for concurrent use.
type SignIn struct {
	o      Options
	inner  azcore.TokenCredential
	shared *shared // nil where nobody signs in
	// telling makes calls of OnChange follow one another.
	telling sync.Mutex
	// found is closed when it was first found out how the sign-in stands.
	found     chan struct{}
	findsOnce sync.Once
	// tending is held by who looks after the sign-in: whoever comes meanwhile waits for
	// what that finds out, and does not conclude from half of it.
	tending chan struct{}

	mu     sync.Mutex
	status Status
	told   Status
	// last is the token given last; refused says that Graph did not take it, and
	// rejected when that was heeded last.
	last     string
	refused  bool
	rejected time.Time
	held     held
}

// held is a failure that is not asked about again until a time.
type held struct {
	until time.Time
	err   error
}

const (
	// holdPassing and holdLasting are how long a failure is held, so that many who
	// wait for a token do not ask the authority all at once. What only a person can
	// mend may be mended at the authority too, so it is asked there again now and then.
	holdPassing = 5 * time.Second
	holdLasting = 5 * time.Minute
	// rejectedEvery is how often a token that Graph does not take is replaced before its
	// end: where Graph takes none, each request would have the authority asked for one.
	rejectedEvery = 30 * time.Second
	// replaceFor is how long an answer to login waits to tell what came of it.
	replaceFor = 3 * time.Second
	// tendEvery is how often a sign-in is looked after where nobody asks for a token.
	tendEvery = time.Minute
)

// New gives a sign-in of the mode; it asks nobody for anything yet.
func New(o Options) (*SignIn, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	s := &SignIn{o: o, found: make(chan struct{}), tending: make(chan struct{}, 1)}
	s.status = Status{Mode: o.Mode, State: Starting, ClientID: o.ClientID, Tenant: o.TenantID, Scopes: o.Scopes}
	if !o.Mode.Personal() {
		s.inner, err = newRotating(o)
		return s, err
	}
	s.status.Tenant, s.status.Authority, s.status.Key = o.tenant(), o.host(), o.Key.ID()
	s.shared, err = newShared(o)
	s.inner = s.shared
	return s, err
}

// GetToken implements azcore.TokenCredential. Its error is a *graph.SignInError.
func (s *SignIn) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	// As azcore's bearer policy asks: azidentity keeps such tokens apart from others.
	o.EnableCAE = true
	s.mu.Lock()
	if s.refused && o.Claims == "" {
		// The libraries give what they have while it has not expired. A claim makes
		// them ask the authority; this one asks for nothing in particular.
		o.Claims = `{"access_token":{}}`
	}
	failure := s.held
	s.mu.Unlock()
	if failure.err != nil && time.Now().Before(failure.until) && !s.replaced() {
		return azcore.AccessToken{}, failure.err
	}
	token, err := s.inner.GetToken(ctx, o)
	if err != nil && ctx.Err() != nil {
		return token, ctx.Err() // whoever asked has left; that says nothing of the sign-in
	}
	return token, s.note(ctx, token, err)
}

// replaced reports whether the file of the credential is another than the one that
// was refused.
func (s *SignIn) replaced() bool {
	r, ok := s.inner.(*rotating)
	return ok && r.changed()
}

// note keeps what came of asking for a token.
func (s *SignIn) note(ctx context.Context, token azcore.AccessToken, err error) error {
	status := s.fresh()
	s.mu.Lock()
	if err == nil {
		s.last, s.refused, s.held = token.Token, false, held{}
		status.State = Usable
		if s.o.Mode != Static { // which does not know
			status.TokenExpires = token.ExpiresOn
		}
	} else {
		f := failureOf(err)
		status.State, status.Reason = Unreachable, f.Error()
		pause := holdPassing
		if f.Lasting {
			status.State, pause = Refused, holdLasting
		}
		if f.hold != 0 {
			pause = f.hold
		}
		s.held.until, s.held.err = time.Now().Add(pause), &graph.SignInError{Reason: status.Reason}
		err = s.held.err
	}
	s.mu.Unlock()
	s.settle(ctx, &status)
	return err
}

// fresh gives a status of which only the configuration is filled in, and when the
// token given last ends.
func (s *SignIn) fresh() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		Mode: s.status.Mode, ClientID: s.status.ClientID, Tenant: s.status.Tenant, Authority: s.status.Authority,
		Key: s.status.Key, Scopes: s.o.Scopes, TokenExpires: s.status.TokenExpires,
	}
}

// settle makes a status the present one, nil for what it is already, with what the
// record says now, and tells of it if it is news.
func (s *SignIn) settle(ctx context.Context, next *Status) {
	s.telling.Lock()
	defer s.telling.Unlock()
	status := s.Status()
	if next != nil {
		status = *next
	}
	if s.shared != nil {
		s.shared.fill(ctx, &status)
	}
	if status.State.blocks() {
		status.TokenExpires = time.Time{} // no token is shown to Graph any more
	}
	s.mu.Lock()
	s.status = status
	news := status.news(s.told)
	s.told = status
	s.mu.Unlock()
	s.findsOnce.Do(func() { close(s.found) })
	if news {
		s.o.OnChange(status)
	}
}

// Found waits until it was first found out how the sign-in stands, or ctx ends.
func (s *SignIn) Found(ctx context.Context) {
	select {
	case <-s.found:
	case <-ctx.Done():
	}
}

// Status says how the sign-in stands.
func (s *SignIn) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Usable gives nil unless it is known that nothing can be sent until somebody
// signs in or mends something; then it gives a *graph.SignInError. It holds also
// while a token that was given before could still be shown.
func (s *SignIn) Usable() error {
	if status := s.Status(); status.State.blocks() {
		return &graph.SignInError{Reason: status.Reason}
	}
	if s.shared != nil && s.shared.left.Load() {
		return &graph.SignInError{Reason: signedOutWords}
	}
	return nil
}

// Rejected says that Graph did not take a token although it has not expired: the
// next GetToken gives another. Where the present one has just taken the place of
// one that was not taken either, Graph takes none: then none is given for a while,
// so that commands wait instead of being claimed and deferred again and again.
func (s *SignIn) Rejected(ctx context.Context, token string) {
	s.mu.Lock()
	known, now := subtle.ConstantTimeCompare([]byte(token), []byte(s.last)) == 1, time.Now()
	again := known && !s.refused && now.Sub(s.rejected) < rejectedEvery
	if known && !s.refused && !again {
		s.refused, s.rejected = true, now
	}
	s.mu.Unlock()
	if again {
		_ = s.note(ctx, azcore.AccessToken{}, &Failure{Message: "Graph takes no token of this sign-in, not even a fresh one (401)", Advice: "check that " +
			"BRIDGE_GRAPH_URL and AZURE_AUTHORITY_HOST are of one cloud, and the application's permissions", Lasting: true, hold: rejectedEvery})
	}
}

// Replace puts a sealed sign-in, or sign-out, in the place of the present one.
// Errors are *events.Error: CodeInvalid when it was not sealed with the same key
// or is for another application, CodeConflict when the present one is newer.
func (s *SignIn) Replace(ctx context.Context, sealed []byte) error {
	if s.shared == nil {
		return events.Refusal(events.CodeConflict, "", "this bridge signs in by "+string(s.o.Mode)+", in which nobody signs in")
	}
	if err := s.shared.replace(ctx, sealed); err != nil {
		return err
	}
	// Stored it is; what comes of it may take as long as the authority does.
	soon, cancel := context.WithTimeout(ctx, replaceFor)
	defer cancel()
	s.tend(soon)
	return nil
}

// Run looks after the sign-in until ctx ends: it takes up a new one the moment it
// appears, and refreshes tokens before they end although nobody may ask for one.
func (s *SignIn) Run(ctx context.Context) error {
	if s.shared != nil {
		return s.o.Store.FollowState(ctx, stateKey, tendEvery, s.tend)
	}
	for {
		s.tend(ctx)
		timer := time.NewTimer(tendEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// tend sees whether the record is another now, and whether there is a token; the
// status tells what came of it.
func (s *SignIn) tend(ctx context.Context) {
	if s.shared != nil {
		s.shared.glance(ctx)
	}
	select {
	case s.tending <- struct{}{}:
		defer func() { <-s.tending }()
	case <-ctx.Done():
		return
	}
	if s.shared != nil {
		changed, err := s.shared.look(ctx)
		if err != nil {
			if ctx.Err() == nil {
				_ = s.note(ctx, azcore.AccessToken{}, err)
			}
			return
		}
		if changed || s.Status().State == Unreachable {
			s.release()
		}
		if !s.shared.due(ctx, s.Status()) {
			s.settle(ctx, nil) // another replica may have refreshed
			return
		}
	}
	_, _ = s.GetToken(ctx, policy.TokenRequestOptions{Scopes: s.o.Scopes})
}

// release forgets a failure that was of another record.
func (s *SignIn) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = held{}
}
