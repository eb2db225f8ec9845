package emulator_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"devicebridge/bridge/graph/emulator"
)

// Every call asks for the permission of its page, of a personal account and of nobody else.
func TestPermissions(t *testing.T) {
	var asked []emulator.Permissions
	g := start(t, emulator.Options{Authorize: func(_ string, anyOf emulator.Permissions) error {
		asked = append(asked, anyOf)
		return fmt.Errorf("%w: not today", emulator.ErrForbidden)
	}})
	for _, tt := range []struct{ method, path, want string }{
		{http.MethodGet, "/beta/me/devices", "Device.Read"},
		{http.MethodGet, "/beta/me/devices/" + tablet, "Device.Read"},
		{http.MethodPost, commands(tablet), "Device.Command"},
		{http.MethodGet, commands(tablet) + "/x", "Device.Command"},
		{http.MethodGet, commands(tablet) + "/x/responsePayload", "Device.Command"},
	} {
		asked = nil
		mustRefuse(t, g.do(tt.method, tt.path, launch), http.StatusForbidden, "accessDenied", "not today")
		if len(asked) != 1 || !slices.Equal(asked[0].Personal, []string{tt.want}) || asked[0].Work != nil || asked[0].Application != nil {
			t.Errorf("%s %s asks for %+v", tt.method, tt.path, asked)
		}
	}
	if list := g.Commands(); len(list) != 1 || list[0].Taken || list[0].HTTPStatus != http.StatusForbidden {
		t.Errorf("%+v", list)
	}
}

// Another error than ErrForbidden is about the token itself.
func TestTokenIsRefused(t *testing.T) {
	g := start(t, emulator.Options{Authorize: func(string, emulator.Permissions) error { return errors.New("the token is expired") }})
	a := g.get("/beta/me/devices")
	mustRefuse(t, a, http.StatusUnauthorized, "InvalidAuthenticationToken", "the token is expired")
	if got := a.header.Get("WWW-Authenticate"); got == "" {
		t.Error("no WWW-Authenticate")
	}
}
