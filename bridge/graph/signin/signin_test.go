package signin_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/bridge/graph"
	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/bridge/graph/signin"
	"devicebridge/events"
)

// TestTheHourIsCrossed lets a day pass under a service that sends now and then.
func TestTheHourIsCrossed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, authority.Options{AutoApprove: true})
		s := r.replica()
		defer r.running(s)()
		r.signedIn(s)
		seen := map[string]bool{}
		for range 24 * 6 {
			seen[r.token(s)] = true
			r.recordHides(r.token(s))
			<-time.After(10 * time.Minute)
		}
		if n := len(seen); n < 24 || n > 30 {
			t.Errorf("%d tokens in a day, want one for each 55 minutes", n)
		}
		if l := r.authority.Ledger(); l.DeviceGrants != 1 || l.Refreshes != len(seen)-1 {
			t.Errorf("%d sign-ins and %d refreshes", l.DeviceGrants, l.Refreshes)
		}
		if status := s.Status(); status.State != signin.Usable || status.Account != authority.PersonalUser || status.KeptIn != signin.InNATS ||
			time.Until(status.TokenExpires) < 5*time.Minute {
			t.Errorf("the status is %+v", status)
		}
	})
}

// TestAnIdleServiceDoesNotLoseIt lets more time pass than a refresh token lives unused.
func TestAnIdleServiceDoesNotLoseIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, authority.Options{AutoApprove: true, TokenLife: 6 * time.Hour, RefreshLife: 2 * 24 * time.Hour})
		s := r.replica()
		stop := r.running(s)
		r.signedIn(s)
		<-time.After(5 * 24 * time.Hour)
		r.token(s)
		stop()
		// The control: without Run the sign-in does not live that long.
		<-time.After(3 * 24 * time.Hour)
		if why := r.refusal(r.replica()); !strings.Contains(why, "AADSTS700082") || !strings.Contains(why, "run `devicebridge login`") {
			t.Errorf("after 3 idle days: %s", why)
		}
	})
}

// TestReplicasShareOneSignIn starts a replica that knows nothing, and has four
// refresh at once.
func TestReplicasShareOneSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, authority.Options{AutoApprove: true})
		first := r.replica()
		r.signedIn(first)
		token := r.token(first)
		replicas := []*signin.SignIn{first, r.replica(), r.replica(), r.replica()}
		for _, s := range replicas[1:] {
			if got := r.token(s); got != token {
				t.Error("a new replica does not find the token that is there")
			}
		}
		for range 20 {
			<-time.After(56 * time.Minute)
			var all sync.WaitGroup
			for _, s := range replicas {
				all.Go(func() { r.token(s) })
			}
			all.Wait()
		}
		// Each time one at least refreshed, and perhaps all of them.
		if l := r.authority.Ledger(); l.DeviceGrants != 1 || l.Refreshes < 20 || l.Refreshes > 20*len(replicas) {
			t.Errorf("the ledger is %+v", l)
		}
		r.token(r.replica())
	})
}

// TestTokensOfAMinute has two replicas refresh as often as tokens end, and not
// because the other did.
func TestTokensOfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, authority.Options{AutoApprove: true, TokenLife: time.Minute})
		replicas := []*signin.SignIn{r.replica(), r.replica()}
		for _, s := range replicas {
			defer r.running(s)()
		}
		r.signedIn(replicas[0])
		synctest.Wait() // until the other has taken it up
		for range 30 * 60 {
			for _, s := range replicas {
				r.token(s)
			}
			<-time.After(time.Second)
		}
		if l := r.authority.Ledger(); l.Refreshes < 30 || l.Refreshes > 2*60 {
			t.Errorf("%d refreshes in half an hour", l.Refreshes)
		}
	})
}

// TestASignInIsTakenUpTheMomentItAppears watches what a service is told.
func TestASignInIsTakenUpTheMomentItAppears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, authority.Options{AutoApprove: true})
		var told []signin.Status
		s := r.replica(func(o *signin.Options) { o.OnChange = func(s signin.Status) { told = append(told, s) } })
		defer r.running(s)()
		other := r.replica() // the one that login reaches
		synctest.Wait()
		if len(told) != 1 || told[0].State != signin.SignedOut || told[0].Reason != "nobody is signed in; run `devicebridge login`" {
			t.Fatalf("at first it is told %+v", told)
		}
		if err := s.Usable(); err == nil || !strings.Contains(err.Error(), "run `devicebridge login`") {
			t.Errorf("usable: %v", err)
		}
		begin := time.Now()
		r.signedIn(other)
		synctest.Wait()
		if len(told) != 2 || told[1].State != signin.Usable || told[1].Account != authority.PersonalUser || time.Since(begin) > time.Second {
			t.Fatalf("then, after %s, %+v", time.Since(begin), told[1:])
		}
		r.token(s)
		sealed, err := signin.SealedSignOut(r.key, label, s.Status().Generation)
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Replace(t.Context(), sealed); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(told) != 3 || told[2].State != signin.SignedOut || s.Usable() == nil {
			t.Fatalf("after the sign-out %+v", told[2:])
		}
		if why := r.refusal(s); !strings.Contains(why, "since somebody signed out; run `devicebridge login`") {
			t.Error(why)
		}
	})
}

// TestARecordThatDoesNotOpen is an error, and never a new sign-in.
func TestARecordThatDoesNotOpen(t *testing.T) {
	another, err := signin.ParseKey(signin.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*rig)
		words  []string
	}{
		"another key": {func(r *rig) { r.key = another }, []string{"is sealed with key ", ", and BRIDGE_SIGNIN_KEY is key " + another.ID()}},
		"tampered": {func(r *rig) {
			value := strings.Replace(string(r.store.value), `"sealed":"`, `"sealed":"AAAA`, 1)
			r.store.put([]byte(value))
		}, []string{"was tampered with"}},
		"no record":     {func(r *rig) { r.store.put([]byte("hello")) }, []string{"is damaged"}},
		"newer version": {func(r *rig) { r.store.put([]byte(`{"version":2,"key":"00000000","sealed":"AAAA"}`)) }, []string{"has version 2", "reads version 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, authority.Options{AutoApprove: true})
			r.signedIn(r.replica())
			test.change(r)
			before, value := r.authority.Ledger(), string(r.store.value)
			s := r.replica()
			why := r.refusal(s)
			for _, words := range append(test.words, "devicebridge login") {
				if !strings.Contains(why, words) {
					t.Errorf("%q does not say %q", why, words)
				}
			}
			if s.Status().State != signin.Unreadable {
				t.Errorf("the state is %s", s.Status().State)
			}
			if after := r.authority.Ledger(); after.Refreshes != before.Refreshes || after.DeviceCodes != before.DeviceCodes {
				t.Error("the authority was asked all the same")
			}
			if string(r.store.value) != value {
				t.Error("the record was overwritten")
			}
			// The way out that it names leads out.
			r.signedIn(s)
			r.token(s)
		})
	}
	t.Run("of another bridge", func(t *testing.T) {
		r := newRig(t, authority.Options{AutoApprove: true})
		r.signedIn(r.replica())
		s := r.replica(func(o *signin.Options) { o.Label = "another.prefix" })
		if why := r.refusal(s); !strings.Contains(why, "belongs to another subject prefix") {
			t.Error(why)
		}
	})
	t.Run("of another application", func(t *testing.T) {
		r := newRig(t, authority.Options{AutoApprove: true})
		r.signedIn(r.replica())
		r.app.ClientID = authority.DirectoryApp
		if why := r.refusal(r.replica()); !strings.Contains(why, "check AZURE_CLIENT_ID") {
			t.Error(why)
		}
	})
}

// TestAnOlderRecordSignsNobodyIn puts the record of before a sign-out back into the
// store, past the bridge: at once, and after the present one was removed.
func TestAnOlderRecordSignsNobodyIn(t *testing.T) {
	for name, between := range map[string]func(*rig){
		"in its place":    func(*rig) {},
		"after a removal": func(r *rig) { r.store.put(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, authority.Options{AutoApprove: true})
				s := r.replica()
				defer r.running(s)()
				r.signedIn(s)
				older := r.store.value
				out, err := signin.SealedSignOut(r.key, label, s.Status().Generation)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Replace(t.Context(), out); err != nil {
					t.Fatal(err)
				}
				between(r)
				synctest.Wait()
				for range 2 { // the second finds what it did the first time
					r.store.put(older)
					synctest.Wait()
					if why := r.refusal(s); !strings.Contains(why, "is an older one") || !strings.Contains(why, "devicebridge login") {
						t.Fatalf("told: %s", why)
					}
					if state := s.Status().State; state != signin.Unreadable {
						t.Errorf("the state is %s", state)
					}
				}
				r.signedIn(s)
				r.token(s)
			})
		})
	}
}

func TestReplaceTakesOnlyWhatIsNewer(t *testing.T) {
	r := newRig(t, authority.Options{AutoApprove: true})
	s := r.replica()
	session, err := r.login()
	if err != nil {
		t.Fatal(err)
	}
	old, err := session.Sealed(r.key, label, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.signedIn(s)
	r.signedIn(s)
	if err := s.Replace(t.Context(), old); !events.HasCode(err, events.CodeConflict) {
		t.Errorf("an old sign-in: %v", err)
	}
	another, err := signin.ParseKey(signin.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	forged, err := session.Sealed(another, label, 10)
	if err != nil {
		t.Fatal(err)
	}
	for name, sealed := range map[string][]byte{"another key": forged, "nonsense": []byte("x"), "empty": nil} {
		if err := s.Replace(t.Context(), sealed); !events.HasCode(err, events.CodeInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.token(s)
	if got := s.Status().Generation; got != 2 {
		t.Errorf("generation %d", got)
	}
}

// TestTheStoreMayBeAway gives tokens all the same, and stores the sign-in later.
func TestTheStoreMayBeAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, authority.Options{AutoApprove: true})
		s := r.replica()
		r.signedIn(s)
		r.store.broken(events.Unavailable("NATS is away"))
		<-time.After(56 * time.Minute)
		token, revision := r.token(s), r.store.revision
		if fresh := r.replica(); !strings.Contains(r.refusal(fresh), "cannot be read from NATS") || fresh.Status().State != signin.Unreachable || fresh.Usable() != nil {
			t.Errorf("a replica that never saw it is %+v", fresh.Status())
		}
		r.store.broken(nil)
		r.token(s)
		if r.store.revision == revision {
			t.Fatal("the refreshed sign-in was not stored")
		}
		if got := r.token(r.replica()); got != token {
			t.Error("what was stored is another")
		}
	})
}

// TestABucketMadeAnew is filled again by who is signed in.
func TestABucketMadeAnew(t *testing.T) {
	r := newRig(t, authority.Options{AutoApprove: true})
	s := r.replica()
	r.signedIn(s)
	r.store.mu.Lock()
	r.store.value, r.store.revision = nil, 0
	filled := r.store.changed
	r.store.mu.Unlock()
	defer r.running(s)()
	<-filled
	r.token(r.replica())
}

// TestARejectedTokenIsReplaced asks for another where Graph takes back the one
// that has not expired.
func TestARejectedTokenIsReplaced(t *testing.T) {
	r := newRig(t, authority.Options{AutoApprove: true})
	s := r.replica()
	r.signedIn(s)
	first := r.token(s)
	if again := r.token(s); again != first {
		t.Error("a good token is not kept")
	}
	s.Rejected(t.Context(), "some other token")
	if again := r.token(s); again != first {
		t.Error("a rejected token that was never given costs a refresh")
	}
	s.Rejected(t.Context(), first)
	second := r.token(s)
	if second == first {
		t.Error("the rejected token is given again")
	}
	if again := r.token(s); again != second {
		t.Error("one rejection costs two refreshes")
	}
}

func TestWhoLeavesSaysNothingOfTheSignIn(t *testing.T) {
	r := newRig(t, authority.Options{AutoApprove: true})
	s := r.replica()
	r.signedIn(s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = s.GetToken(ctx, policy.TokenRequestOptions{Scopes: r.scopes})
	if s.Status().State != signin.Usable {
		t.Errorf("the state is %+v", s.Status())
	}
	var none *graph.SignInError
	if err := s.Usable(); errors.As(err, &none) {
		t.Error(err)
	}
}

// TestAGraphThatTakesNoToken has every token rejected, ten times a second for five
// minutes: neither is the authority asked each time, nor is a token given that is
// known to be of no use.
func TestAGraphThatTakesNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, authority.Options{AutoApprove: true})
		s := r.replica()
		defer r.running(s)()
		r.signedIn(s)
		given := 0
		for range 3000 {
			got, err := s.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: r.scopes})
			if err == nil {
				given++
				s.Rejected(t.Context(), got.Token)
			} else if !strings.Contains(err.Error(), "Graph takes no token of this sign-in, not even a fresh one (401); check that BRIDGE_GRAPH_URL") ||
				s.Usable() == nil {
				t.Fatalf("%v, usable %v", err, s.Usable())
			}
			<-time.After(100 * time.Millisecond)
		}
		if asked := r.authority.Ledger().Refreshes; asked > 11 || given > 22 {
			t.Errorf("in five minutes the authority was asked %d times, and %d tokens were given", asked, given)
		}
	})
}
