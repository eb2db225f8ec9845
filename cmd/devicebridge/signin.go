package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/bridge/decode"
	"devicebridge/bridge/graph/signin"
	"devicebridge/events"
)

// newSignIn gives the bridge's sign-in. changed is told of every change and must
// not block.
func newSignIn(c config, b *bus.Bus, transport http.RoundTripper, log *slog.Logger, changed func(signin.Status)) (*signin.SignIn, error) {
	o := signin.Options{
		Application: c.Azure.application(transport), Mode: c.GraphAuth, Token: c.GraphToken, TokenFile: c.graphTokenFile, Scopes: c.scopes(),
		Store: b, Label: c.subjects.Prefix(), Log: log,
		OnChange: func(s signin.Status) {
			logSignIn(log, s)
			changed(s)
		},
	}
	if c.GraphAuth.Personal() {
		key, err := signInKey(c.SignInKey, c.DataDir, true)
		if err != nil {
			return nil, err
		}
		o.Key = key
	}
	s, err := signin.New(o)
	if err != nil {
		return nil, usageError{fmt.Errorf("BRIDGE_GRAPH_AUTH=%s: %w", c.GraphAuth, err)}
	}
	return s, nil
}

// logSignIn tells of a change once: while nobody is signed in commands wait, and
// one line says what to do about all of them.
func logSignIn(log *slog.Logger, s signin.Status) {
	if s.State == signin.Usable {
		about := []any{"mode", s.Mode, "account", s.Account, "tenant", s.Tenant, "client_id", s.ClientID, "scopes", cmp.Or(strings.Join(s.Granted, " "), strings.Join(s.Scopes, " "))}
		if !s.TokenExpires.IsZero() { // it is not known of every token
			about = append(about, "until", s.TokenExpires)
		}
		log.Info("signed in", about...)
		return
	}
	if s.Serves(time.Now()) {
		log.Warn("no new token for Graph: the present one is used until it ends", "mode", s.Mode, "state", s.State, "reason", s.Reason, "until", s.TokenExpires)
		return
	}
	log.Warn("no token for Graph: nothing is asked of it, and commands wait, unclaimed, until there is one", "mode", s.Mode, "state", s.State, "reason", s.Reason)
}

// signInPatience is how long an answer waits for the first look at the sign-in.
const signInPatience = 3 * time.Second

// signInEndpoints are what `devicebridge login`, `logout` and `whoami` ask. waits tells
// what keeps commands from being sent.
func signInEndpoints(s *signin.SignIn, waits func() []events.Wait) []bridge.Endpoint {
	return []bridge.Endpoint{
		{
			Name: "signin.get", Request: "empty-request", Reply: "signin-reply",
			Description: "tell how the bridge signs in to Graph, who is signed in, and why nothing is sent if that is so",
			Handle: func(ctx context.Context, _ map[string][]string, data []byte) (any, error) {
				if _, err := decode.Strict[struct{}](data); err != nil {
					return nil, err
				}
				// Right after the start nobody knows yet, and would be told so.
				soon, cancel := context.WithTimeout(ctx, signInPatience)
				defer cancel()
				s.Found(soon)
				return events.SignInReply{SignIn: signInView(s.Status()), Waits: waits()}, nil
			},
		},
		{
			Name: "signin.replace", Request: "signin-request", Reply: "signin-reply",
			Description: "put a sealed sign-in, or sign-out, in the place of the present one; `devicebridge login` and `logout` ask it",
			Handle: func(ctx context.Context, _ map[string][]string, data []byte) (any, error) {
				r, err := decode.Strict[events.SignInRequest](data)
				if err != nil {
					return nil, err
				}
				if len(r.Sealed) == 0 {
					return nil, events.Invalid("sealed", "is missing; `devicebridge login` makes it")
				}
				if err := s.Replace(ctx, r.Sealed); err != nil {
					return nil, err
				}
				return events.SignInReply{SignIn: signInView(s.Status()), Waits: waits()}, nil
			},
		},
	}
}

func signInView(s signin.Status) events.SignIn {
	return events.SignIn{
		Mode: string(s.Mode), State: string(s.State), Reason: s.Reason, Account: s.Account,
		ClientID: s.ClientID, Tenant: s.Tenant, Authority: s.Authority, Scopes: s.Scopes, Granted: s.Granted, Key: s.Key, KeptIn: s.KeptIn,
		Generation: s.Generation, SignedInAt: utc(s.SignedIn), RefreshedAt: utc(s.Refreshed), TokenExpiresAt: utc(s.TokenExpires),
	}
}

func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}
