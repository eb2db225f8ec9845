package emulator

import (
	"errors"
	"net/http"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// authorise checks the bearer token the way Graph does.
func authorise(h http.Header, check Authorize, anyOf Permissions) error {
	token, err := wire.Bearer(h)
	if err != nil {
		return err
	}
	err = check(token, anyOf)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrForbidden):
		return &wire.Fail{Status: http.StatusForbidden, Code: "accessDenied", Message: "Access denied: " + err.Error() + "."}
	}
	return wire.Unauthorised("The access token was refused: "+err.Error()+".", "invalid_token")
}
