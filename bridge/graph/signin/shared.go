package signin

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/events"
)

// stateKey is the key of the record in the store.
const stateKey = "signin"

// storeTimeout bounds one step with the store.
const storeTimeout = 10 * time.Second

// keeper gets a token with a record and, where that changed it, gives the new one.
type keeper interface {
	token(ctx context.Context, r record, o policy.TokenRequestOptions) (azcore.AccessToken, *record, error)
}

// shared is the credential of a person, whose sign-in all replicas share. What
// each knows of it is a copy of the record in the store.
type shared struct {
	o      Options
	cached *cached
	// left: the record in the store says that nobody is signed in, as glance saw it.
	left atomic.Bool
	// turn is a lock that who waits for it may leave. It guards what follows.
	turn chan struct{}

	loaded   bool
	revision uint64
	record   record
	keeper   keeper
	// broken says why the record is of no use; nil when it is.
	broken *Failure
	state  State // with broken
	// unsaved: the record is newer than the one in the store.
	unsaved bool
	// given is the last token, for given's scopes, so that the record is not taken
	// apart for each who asks.
	given given
}

// given is a token, what it was asked for, and when.
type given struct {
	token  azcore.AccessToken
	scopes []string
	at     time.Time
}

func (g given) serves(o policy.TokenRequestOptions) bool {
	now := time.Now()
	return o.Claims == "" && slices.Equal(g.scopes, o.Scopes) && now.Before(renewal(g.at, g.token.ExpiresOn)) &&
		(g.token.RefreshOn.IsZero() || now.Before(g.token.RefreshOn))
}

// refreshBefore is how long before a token ends another is asked for; MSAL has the
// same.
const refreshBefore = 5 * time.Minute

// renewal is when to ask for another token: five minutes before the end, as MSAL
// does, and of one that lives for minutes only, after three quarters of its life.
func renewal(from, end time.Time) time.Time {
	life := end.Sub(from)
	// Counted from its beginning, whose monotonic reading stays: a clock that is set
	// meanwhile makes no token older or younger.
	return from.Add(life - min(refreshBefore, life/4))
}

func newShared(o Options) (*shared, error) {
	c, err := newCached(o.Application)
	if err != nil {
		return nil, err
	}
	return &shared{o: o, cached: c, turn: make(chan struct{}, 1)}, nil
}

// GetToken gives a token of the present sign-in. Its error wraps a *Failure.
func (s *shared) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if err := s.lock(ctx); err != nil {
		return azcore.AccessToken{}, err
	}
	defer s.unlock()
	if !s.loaded {
		if err := s.load(ctx); err != nil {
			return azcore.AccessToken{}, err
		}
	}
	token, err := s.token(ctx, o)
	if err == nil || !failureOf(err).Lasting {
		return token, err
	}
	// Somebody may have signed in meanwhile, or another replica have a newer one.
	before := s.revision
	if s.load(ctx) == nil && s.revision != before {
		return s.token(ctx, o)
	}
	return token, err
}

func (s *shared) token(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if s.broken != nil {
		return azcore.AccessToken{}, s.broken
	}
	if s.given.serves(o) && !s.unsaved {
		return s.given.token, nil
	}
	token, changed, err := s.keeper.token(ctx, s.record, o)
	if err != nil {
		return azcore.AccessToken{}, failureOf(err)
	}
	s.given = given{token, o.Scopes, time.Now()}
	if changed != nil {
		s.record, s.unsaved = *changed, true
	}
	if s.unsaved {
		s.save(ctx)
	}
	return token, nil
}

// save stores the record. Where another replica was first, its record counts: a
// refresh does not make the refresh tokens of others invalid. Where the store does
// not answer the record is kept and offered again with the next token.
func (s *shared) save(ctx context.Context) {
	text, err := s.record.sealed(s.o.Key, s.o.Label)
	if err == nil {
		var revision uint64
		revision, err = s.put(ctx, text)
		if err == nil {
			s.revision, s.unsaved = revision, false
			return
		}
	}
	if errors.Is(err, events.ErrLost) {
		s.unsaved = false
		err = s.load(ctx)
	}
	if err != nil {
		s.o.Log.Debug("the refreshed sign-in is not stored yet", "error", err)
	}
}

func (s *shared) put(ctx context.Context, text []byte) (uint64, error) {
	// Whoever asked for the token may leave; the new refresh token must not go with
	// them.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	return s.o.Store.PutState(ctx, stateKey, text, s.revision)
}

// load reads the record from the store, if it is another than the one known. An
// error says that the store could not be asked; what is wrong with the record
// itself is in broken.
func (s *shared) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	text, revision, err := s.o.Store.State(ctx, stateKey)
	if err != nil {
		return &Failure{Message: "the sign-in record cannot be read from NATS: " + oneLine(err.Error()), Advice: "it is tried again by itself"}
	}
	if s.loaded && revision == s.revision {
		return nil
	}
	if revision == 0 && s.loaded && s.broken == nil {
		// The bucket is gone and was made anew. Who is signed in here still is.
		s.revision, s.unsaved = 0, true
		return nil
	}
	s.loaded, s.revision, s.unsaved = true, revision, false
	s.use(text)
	return nil
}

// use takes what the store has as the record.
func (s *shared) use(text []byte) {
	before, kept := s.record, s.given
	// The generation outlives the record: an older one does not come after it.
	s.record, s.keeper, s.broken, s.given = record{Generation: before.Generation}, nil, nil, given{}
	if len(text) == 0 {
		s.breakDown(SignedOut, &Failure{Message: "nobody is signed in", Advice: loginAdvice, Lasting: true})
		return
	}
	r, err := openRecord(s.o.Key, s.o.Label, text)
	if err != nil {
		s.breakDown(Unreadable, failureOf(err))
		return
	}
	if r.Generation < before.Generation {
		s.breakDown(Unreadable, &Failure{
			Message: "the sign-in record is an older one, put back in the place of a newer",
			Advice:  "find out who can write to the bucket, then " + loginAdvice + "; where it is meant, as after a restore, start the bridge anew", Lasting: true,
		})
		return
	}
	s.record = r
	if r.Generation == before.Generation && r.HomeAccountID == before.HomeAccountID {
		s.given = kept // another replica refreshed; that ends no token
	}
	switch {
	case r.SignedOut:
		s.breakDown(SignedOut, &Failure{Message: "nobody is signed in since somebody signed out", Advice: loginAdvice, Lasting: true})
	case r.ClientID != s.o.ClientID || r.Authority != s.o.host():
		s.breakDown(Refused, &Failure{
			Message: "the sign-in is one to application " + r.ClientID + " at " + r.Authority + ", and the bridge is set to " + s.o.ClientID + " at " + s.o.host(),
			Advice:  "check AZURE_CLIENT_ID and AZURE_AUTHORITY_HOST, or " + loginAdvice, Lasting: true,
		})
	case r.User != nil:
		kept, err := newStored(s.o.Application, *r.User)
		if err != nil {
			s.breakDown(Refused, failureOf(err))
			return
		}
		s.keeper = kept
	default:
		s.keeper = s.cached
	}
}

func (s *shared) breakDown(state State, f *Failure) { s.state, s.broken = state, f }

// signedOutWords say that nobody is signed in any more.
const signedOutWords = "nobody is signed in since somebody signed out; " + loginAdvice

// glance looks whether somebody has signed out, without waiting for a request to
// the authority that may be under way: that must not put the sign-out off.
func (s *shared) glance(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	text, _, err := s.o.Store.State(ctx, stateKey)
	if err != nil {
		return // look tells
	}
	r, err := openRecord(s.o.Key, s.o.Label, text)
	s.left.Store(err == nil && r.SignedOut)
}

// look reads the record anew and reports whether it is another one now.
func (s *shared) look(ctx context.Context) (changed bool, err error) {
	if err := s.lock(ctx); err != nil {
		return false, err
	}
	defer s.unlock()
	before, loaded := s.revision, s.loaded
	err = s.load(ctx)
	return s.revision != before || s.loaded != loaded, err
}

// due reports whether it is time to see if there is a token: the present one nears
// its end, or nobody has asked since somebody signed in. known is what was found
// out last.
func (s *shared) due(ctx context.Context, known Status) bool {
	if s.lock(ctx) != nil {
		return false
	}
	defer s.unlock()
	r := s.record
	return s.broken != nil || known.State != Usable || known.Generation != r.Generation || s.unsaved ||
		!time.Now().Before(renewal(r.Refreshed, r.TokenExpires))
}

// fill puts what is known of the person into a status.
func (s *shared) fill(ctx context.Context, status *Status) {
	if s.lock(ctx) != nil {
		return
	}
	defer s.unlock()
	r := s.record
	status.Generation = r.Generation
	if s.broken != nil {
		status.State, status.Reason = s.state, s.broken.Error()
	}
	if r.SignedOut {
		return
	}
	status.Account, status.SignedIn, status.Refreshed, status.TokenExpires = r.Username, r.At, r.Refreshed, r.TokenExpires
	if status.KeptIn = ""; r.User != nil {
		status.KeptIn = InUserStore
	} else if r.ClientID != "" {
		status.KeptIn = InNATS
	}
	status.Granted = r.Scopes
}

func (s *shared) lock(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *shared) unlock() { <-s.turn }

// replace puts a record that somebody else sealed in the place of the present one.
func (s *shared) replace(ctx context.Context, text []byte) error {
	next, err := openRecord(s.o.Key, s.o.Label, text)
	if err != nil {
		return events.Invalid("sealed", "does not open under the sign-in key and the subject prefix of this bridge")
	}
	if !next.SignedOut && (next.ClientID != s.o.ClientID || next.Authority != s.o.host()) {
		return events.Invalid("sealed", "is a sign-in to application "+next.ClientID+" at "+next.Authority+
			"; this bridge is application "+s.o.ClientID+" at "+s.o.host())
	}
	for range replaceTries {
		present, revision, err := s.o.Store.State(ctx, stateKey)
		if err != nil {
			return err
		}
		if r, err := openRecord(s.o.Key, s.o.Label, present); err == nil && next.Generation <= r.Generation {
			return events.Refusal(events.CodeConflict, "sealed", "is not newer than the present sign-in: somebody signed in or out meanwhile; run the command again")
		}
		if _, err = s.o.Store.PutState(ctx, stateKey, text, revision); !errors.Is(err, events.ErrLost) {
			return err
		}
	}
	return events.Unavailable("the sign-in record changes all the time; try again")
}

// replaceTries bounds the races that replace may lose against refreshes.
const replaceTries = 16
