package signin_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/bridge/graph/signin"
	"devicebridge/events"
)

const label = "devicebridge.v1"

func commandScopes() []string {
	return []string{"https://graph.microsoft.com/Device.Command", "https://graph.microsoft.com/Device.Read"}
}

// store is a Store in memory. fail, if set, is what its next calls give.
type store struct {
	mu       sync.Mutex
	value    []byte
	revision uint64
	fail     error
	changed  chan struct{}
}

func newStore() *store { return &store{changed: make(chan struct{})} }

func (s *store) State(context.Context, string) ([]byte, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value, s.revision, s.fail
}

func (s *store) PutState(_ context.Context, _ string, value []byte, expected uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return 0, s.fail
	}
	if expected != s.revision {
		return 0, events.ErrLost
	}
	s.set(value)
	return s.revision, nil
}

func (s *store) set(value []byte) {
	s.value, s.revision = value, s.revision+1
	close(s.changed)
	s.changed = make(chan struct{})
}

// put writes past the compare-and-set, as an operator's hand would.
func (s *store) put(value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(value)
}

func (s *store) broken(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *store) FollowState(ctx context.Context, _ string, every time.Duration, changed func(context.Context)) error {
	for {
		s.mu.Lock()
		news := s.changed
		s.mu.Unlock()
		changed(ctx)
		timer := time.NewTimer(every)
		select {
		case <-news:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// rig is an emulated authority, a store and who uses them.
type rig struct {
	t         *testing.T
	authority *authority.Authority
	app       signin.Application
	store     *store
	key       *signin.Key
	mode      signin.Mode
	scopes    []string
}

// inProcess reaches an authority without a network, for a bubble of
// testing/synctest.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.Host, in.RemoteAddr = r.URL.RequestURI(), r.URL.Host, "127.0.0.1:40000"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, in)
	return w.Result(), nil
}

// newRig has an authority in this process. Its codes are approved at once.
func newRig(t *testing.T, o authority.Options) *rig {
	t.Helper()
	if o.Interval == 0 {
		o.Interval = -1
	}
	a, err := authority.New(o)
	if err != nil {
		t.Fatal(err)
	}
	key, err := signin.ParseKey(signin.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return &rig{
		t: t, authority: a, store: newStore(), key: key, mode: signin.DeviceCode, scopes: commandScopes(),
		app: signin.Application{ClientID: authority.DeviceApp, Authority: "https://login.example", Transport: inProcess{a}},
	}
}

// replica gives a sign-in as one process of the bridge has it.
func (r *rig) replica(change ...func(*signin.Options)) *signin.SignIn {
	r.t.Helper()
	o := signin.Options{Application: r.app, Mode: r.mode, Scopes: r.scopes, Store: r.store, Key: r.key, Label: label}
	for _, c := range change {
		c(&o)
	}
	s, err := signin.New(o)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// running runs s until the test ends, or stop.
func (r *rig) running(s *signin.SignIn) (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	}
}

func (r *rig) login(change ...func(*signin.LoginOptions)) (signin.Session, error) {
	o := signin.LoginOptions{Application: r.app, Mode: signin.DeviceCode, Scopes: r.scopes, Prompt: func(signin.Prompt) {}}
	for _, c := range change {
		c(&o)
	}
	return signin.Login(r.t.Context(), o)
}

// signedIn has somebody sign in for s.
func (r *rig) signedIn(s *signin.SignIn) {
	r.t.Helper()
	session, err := r.login()
	if err != nil {
		r.t.Fatal(err)
	}
	sealed, err := session.Sealed(r.key, label, s.Status().Generation)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := s.Replace(r.t.Context(), sealed); err != nil {
		r.t.Fatal(err)
	}
}

// token asks s for a token and holds it against the authority.
func (r *rig) token(s *signin.SignIn) string {
	r.t.Helper()
	got, err := s.GetToken(r.t.Context(), policy.TokenRequestOptions{Scopes: r.scopes})
	if err != nil {
		r.t.Fatal(err)
	}
	if grant, err := r.authority.Check(got.Token); err != nil || grant.Account != authority.PersonalUser {
		r.t.Fatalf("the token is %+v, %v", grant, err)
	}
	return got.Token
}

// refusal asks s for a token and gives why there is none.
func (r *rig) refusal(s *signin.SignIn) string {
	r.t.Helper()
	got, err := s.GetToken(r.t.Context(), policy.TokenRequestOptions{Scopes: r.scopes})
	if err == nil {
		r.t.Fatalf("a token of %d characters is given", len(got.Token))
	}
	return err.Error()
}

// recordHides holds what is stored against a text that must not be readable in it.
func (r *rig) recordHides(secret string) {
	r.t.Helper()
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	if secret == "" || len(r.store.value) == 0 || bytes.Contains(r.store.value, []byte(secret)) {
		r.t.Errorf("%q is readable in %q", secret, r.store.value)
	}
}
