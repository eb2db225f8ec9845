package graph_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"devicebridge/bridge/graph"
)

func TestSendRefreshesTheTokenOnceAfter401(t *testing.T) {
	var seen, bodies, ids []string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		bodies = append(bodies, string(readAll(t, r.Body)))
		ids = append(ids, r.Header.Get("client-request-id"))
		if len(seen) == 1 {
			answer(w, http.StatusUnauthorized, nil)
			return
		}
		answer(w, http.StatusCreated, sample(t, "launchuri-response"))
	}, withCredential(&tokens{}))
	if _, err := client.Send(t.Context(), launch()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(seen, []string{"Bearer token-1", "Bearer token-2"}) {
		t.Errorf("tokens %q", seen)
	}
	if bodies[0] != bodies[1] || bodies[0] == "" || ids[0] == ids[1] {
		t.Errorf("bodies %q, client-request-ids %q", bodies, ids)
	}
}

func TestSendGivesUpAfterTheSecond401(t *testing.T) {
	claims := base64.StdEncoding.EncodeToString([]byte(`{"access_token":{}}`))
	for name, challenge := range map[string]string{
		"no challenge":     "",
		"plain challenge":  `Bearer realm="graph"`,
		"claims challenge": `Bearer realm="", error="insufficient_claims", claims="` + claims + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			var posts atomic.Int32
			credential := &tokens{}
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				posts.Add(1)
				if challenge != "" {
					w.Header().Set("WWW-Authenticate", challenge)
				}
				answer(w, http.StatusUnauthorized, []byte(`{"error":{"code":"InvalidAuthenticationToken","message":"no"}}`))
			}, withCredential(credential))
			_, err := client.Send(t.Context(), launch())
			sendError(t, err, graph.NotTaken)
			if e, ok := errors.AsType[*graph.Error](err); !ok || e.Code != "InvalidAuthenticationToken" {
				t.Errorf("Graph's error is lost: %v", err)
			}
			if posts.Load() != 2 || credential.given.Load() != 2 {
				t.Errorf("%d POSTs, %d tokens", posts.Load(), credential.given.Load())
			}
		})
	}
}

func TestSendWithoutAnotherTokenKeepsGraphsError(t *testing.T) {
	var posts atomic.Int32
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		posts.Add(1)
		answer(w, http.StatusUnauthorized, []byte(`{"error":{"code":"InvalidAuthenticationToken","message":"expired"}}`))
	}, withCredential(&tokens{last: 1}))
	_, err := client.Send(t.Context(), launch())
	sendError(t, err, graph.NotTaken)
	for _, want := range []string{"InvalidAuthenticationToken", "expired", "signed out"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	if posts.Load() != 1 {
		t.Errorf("%d POSTs", posts.Load())
	}
}

// Only the last POST decides: those before it were answered with 401.
func TestSendAfter401IsJudgedByTheSecondPOST(t *testing.T) {
	var posts atomic.Int32
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if posts.Add(1) == 1 {
			answer(w, http.StatusUnauthorized, nil)
			return
		}
		panic(http.ErrAbortHandler)
	})
	_, err := client.Send(t.Context(), launch())
	sendError(t, err, graph.Unknown)
	if posts.Load() != 2 {
		t.Errorf("%d POSTs", posts.Load())
	}
}

func TestReady(t *testing.T) {
	credential := &tokens{}
	var asked atomic.Int32
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != "Bearer token-1" {
			t.Errorf("Send used another token than Ready had in hand")
		}
		answer(w, http.StatusCreated, sample(t, "launchuri-response"))
	}, withCredential(credential))
	for range 3 {
		if err := client.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if asked.Load() != 0 || credential.given.Load() != 1 {
		t.Fatalf("Graph was asked %d times, the credential %d times", asked.Load(), credential.given.Load())
	}
	if _, err := client.Send(t.Context(), launch()); err != nil || credential.given.Load() != 1 {
		t.Errorf("%v, %d tokens", err, credential.given.Load())
	}
	if !slices.Equal(credential.scopes, graph.DefaultScopes()) {
		t.Errorf("scopes %q", credential.scopes)
	}
	none := &tokens{last: 1}
	none.given.Store(1)
	if err := newClient(t, "", withCredential(none)).Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "signed out") {
		t.Errorf("Ready without a token: %v", err)
	}
}

func TestStaticToken(t *testing.T) {
	for _, bad := range []string{"", " ", "a b", "Bearer abc", "abc\n", "a\x00b", "ü"} {
		if _, err := graph.StaticToken(bad); err == nil || bad != "" && bad != " " && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	credential, err := graph.StaticToken(token)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb, credential); text != "static token" {
			t.Errorf("%s gives %q", verb, text)
		}
	}
}
