package emulator_test

import (
	"devicebridge/bridge/graph/emulator"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestBearer(t *testing.T) {
	authorize := func(token string, _ emulator.Permissions) error {
		switch token {
		case "good":
			return nil
		case "work-account":
			return fmt.Errorf("work accounts are not supported: %w", emulator.ErrForbidden)
		}
		return errors.New("expired")
	}
	tests := []struct {
		name, header string
		options      emulator.Options
		status       int
		message      string
	}{
		{"missing", "", emulator.Options{}, 401, "Access token is empty"},
		{"scheme alone", "Bearer", emulator.Options{}, 401, "Access token is empty"},
		{"basic", "Basic dTpw", emulator.Options{}, 401, "Bearer {token}"},
		{"no scheme", "Eaeou", emulator.Options{}, 401, "Bearer {token}"},
		{"two tokens", "Bearer a b", emulator.Options{}, 401, "not well formed"},
		{"control characters", "Bearer a\tb", emulator.Options{}, 401, "not well formed"},
		{"only padding", "Bearer ==", emulator.Options{}, 401, "not well formed"},
		{"any", "Bearer Eaeou....", emulator.Options{}, 200, ""},
		{"scheme in lower case", "bearer Eaeou==", emulator.Options{}, 200, ""},
		{"wrong", "Bearer wrong", emulator.Options{Token: "right"}, 401, "refused"},
		{"right", "Bearer right", emulator.Options{Token: "right"}, 200, ""},
		{"authority says yes", "Bearer good", emulator.Options{Authorize: authorize}, 200, ""},
		{"authority says no", "Bearer old", emulator.Options{Authorize: authorize}, 401, "expired"},
		{"authority says not for this", "Bearer work-account", emulator.Options{Authorize: authorize}, 403, "work accounts"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := start(t, tt.options)
			a, err := g.request(http.MethodGet, "/beta/me/devices", "", map[string]string{"Authorization": tt.header})
			if err != nil {
				t.Fatal(err)
			}
			challenge := a.header.Get("WWW-Authenticate")
			switch tt.status {
			case http.StatusOK:
				if a.status != http.StatusOK {
					t.Fatalf("%d %s", a.status, a.raw)
				}
			case http.StatusForbidden:
				mustRefuse(t, a, tt.status, "accessDenied", tt.message)
			default:
				mustRefuse(t, a, tt.status, "InvalidAuthenticationToken", tt.message)
				if !strings.HasPrefix(challenge, "Bearer ") {
					t.Errorf("WWW-Authenticate %q", challenge)
				}
			}
		})
	}
}

// A POST without a good token is in the ledger, so that a test can count it.
func TestUnauthorisedPostIsInTheLedger(t *testing.T) {
	g := start(t, emulator.Options{Token: "right"})
	a := g.do(http.MethodPost, commands(tablet), launch)
	mustRefuse(t, a, 401, "InvalidAuthenticationToken", "refused")
	got := g.Commands()
	if len(got) != 1 || got[0].Taken || got[0].HTTPStatus != 401 || string(got[0].Body) != launch || got[0].DeviceID != tablet {
		t.Fatalf("%+v", got)
	}
}
