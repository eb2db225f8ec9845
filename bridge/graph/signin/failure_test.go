package signin_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/bridge/graph/signin"
)

const (
	workApp   = "33333333-3333-4333-8333-333333333333"
	closedApp = "44444444-4444-4444-8444-444444444444"
)

// registrations has, beside the default ones, an application of one directory with
// secrets, and one that allows no public client flow.
func registrations() authority.Options {
	return authority.Options{
		AutoApprove: true,
		Apps: append(authority.DefaultApps(),
			authority.App{ID: workApp, Name: "Work", Tenant: authority.Tenant, PublicClient: true, Delegated: []string{"User.Read"}},
			authority.App{ID: closedApp, Name: "Closed", Audience: authority.Personal},
		),
	}
}

// TestWhyALoginFails has a person sign in where that cannot work, and holds the
// words that they are told.
func TestWhyALoginFails(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*rig, *signin.LoginOptions)
		words  []string
	}{
		"unknown application": {
			func(_ *rig, o *signin.LoginOptions) { o.ClientID = "99999999-9999-4999-8999-999999999999" },
			[]string{"AADSTS700016", "check AZURE_CLIENT_ID and AZURE_TENANT_ID"},
		},
		"unknown tenant": {
			func(_ *rig, o *signin.LoginOptions) { o.TenantID = "nowhere.example" },
			[]string{"AADSTS90002", "there is no such tenant; check AZURE_TENANT_ID"},
		},
		"a personal application elsewhere": {
			func(_ *rig, o *signin.LoginOptions) { o.TenantID = "common" },
			[]string{"AADSTS9002331", "set AZURE_TENANT_ID=consumers"},
		},
		"a work application at consumers": {
			func(_ *rig, o *signin.LoginOptions) { o.ClientID = workApp },
			[]string{"AADSTS9002332", "the application takes work and school accounts only"},
		},
		"one tenant's application everywhere": {
			func(_ *rig, o *signin.LoginOptions) { o.ClientID, o.TenantID = workApp, "organizations" },
			[]string{"AADSTS50194", "the application is of one tenant only: set AZURE_TENANT_ID to it"},
		},
		"no public client": {
			func(_ *rig, o *signin.LoginOptions) { o.ClientID = closedApp },
			[]string{"AADSTS7", "allow public client flows"},
		},
		"unknown permission": {
			func(_ *rig, o *signin.LoginOptions) {
				o.Scopes = []string{"https://graph.microsoft.com/Device.Fly"}
			},
			[]string{"AADSTS70011", "a permission asked for does not exist"},
		},
		"declined": {
			func(r *rig, o *signin.LoginOptions) {
				o.Prompt = func(p signin.Prompt) {
					if err := r.authority.Decline(p.Code); err != nil {
						r.t.Error(err)
					}
				}
			},
			[]string{"authority refused (", "declined", "`devicebridge login` again"},
		},
		"not entered in time": {
			func(_ *rig, o *signin.LoginOptions) { o.Prompt = func(signin.Prompt) {} },
			[]string{"not entered in time; run `devicebridge login` again"},
		},
		"no authority": {
			func(_ *rig, o *signin.LoginOptions) { o.Transport = refusing{errors.New("no route to host")} },
			[]string{"no route to host"},
		},
		"not an authority": {
			func(_ *rig, o *signin.LoginOptions) {
				o.Transport = inProcess{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusNotFound) })}
			},
			[]string{"answered 404 and not as an authority does", "AZURE_AUTHORITY_HOST"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := registrations()
				o.AutoApprove = false
				r := newRig(t, o)
				_, err := r.login(func(o *signin.LoginOptions) { test.change(r, o) })
				failure, ok := errors.AsType[*signin.Failure](err)
				if !ok {
					t.Fatalf("%T %v", err, err)
				}
				for _, words := range test.words {
					if !strings.Contains(failure.Error(), words) {
						t.Errorf("%q does not say %q", failure, words)
					}
				}
				for _, noise := range []string{"Trace ID", "Correlation ID", "http call", "Timestamp", "\n"} {
					if strings.Contains(failure.Error(), noise) {
						t.Errorf("%q says %q", failure, noise)
					}
				}
			})
		})
	}
}

type refusing struct{ err error }

func (r refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, r.err }

// TestWhyASignInEnds takes a sign-in away, holds the words, and that the way out
// which they name leads out.
func TestWhyASignInEnds(t *testing.T) {
	for name, test := range map[string]struct {
		end    func(*rig) error
		words  []string
		passes bool // by itself, once the fault is gone
	}{
		"revoked": {
			func(r *rig) error {
				_, err := r.authority.Revoke(authority.Revocation{Account: authority.PersonalUser, AccessTokens: true})
				return err
			},
			[]string{"AADSTS50173, invalid_grant", "the sign-in was revoked or the password changed; run `devicebridge login`"}, false,
		},
		"a second factor is wanted": {
			func(r *rig) error { return r.authority.RequireInteraction(authority.PersonalUser) },
			[]string{"AADSTS50076", "has to prove itself once more; run `devicebridge login`"}, false,
		},
		"too long idle": {
			func(*rig) error {
				<-time.After(91 * 24 * time.Hour)
				return nil
			},
			[]string{"AADSTS700082", "was not used for too long; run `devicebridge login`"}, false,
		},
		"authority down": {
			func(r *rig) error { return r.authority.SetFaults(authority.Faults{Status: 503}) },
			[]string{"AADSTS90033, temporarily_unavailable", "it is asked again by itself"}, true,
		},
		"authority throttles": {
			func(r *rig) error {
				return r.authority.SetFaults(authority.Faults{Status: 429, RetryAfter: time.Second})
			},
			[]string{"the authority", "it is asked again by itself"}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, registrations())
				s := r.replica()
				r.signedIn(s)
				if err := test.end(r); err != nil {
					t.Fatal(err)
				}
				<-time.After(56 * time.Minute)
				why := r.refusal(s)
				for _, words := range test.words {
					if !strings.Contains(why, words) {
						t.Errorf("%q does not say %q", why, words)
					}
				}
				if usable := s.Usable() == nil; usable != test.passes {
					t.Errorf("usable is %v in state %s", usable, s.Status().State)
				}
				// Whoever asks at once is told the same and the authority nothing.
				before := r.authority.Ledger()
				if again := r.refusal(s); again != why {
					t.Errorf("then %q", again)
				}
				if after := r.authority.Ledger(); after.Refreshes != before.Refreshes || len(after.Refused) != len(before.Refused) {
					t.Error("the authority is asked for each who wants a token")
				}
				if test.passes {
					if err := r.authority.SetFaults(authority.Faults{}); err != nil {
						t.Fatal(err)
					}
					<-time.After(10 * time.Second)
				} else {
					r.signedIn(s)
				}
				r.token(s)
			})
		})
	}
}
