package emulator

import (
	"errors"
	"net/http"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// ErrForbidden is wrapped by an Options.Authorize error to answer 403 accessDenied in place of 401: the token is good,
// but not for this (a work account, or a scope that is missing). The directory has the same one.
var ErrForbidden = wire.ErrForbidden

// authorise checks the bearer token the way Graph does.
func authorise(h http.Header, check func(token string) error) error {
	token, err := wire.Bearer(h)
	if err != nil {
		return err
	}
	err = check(token)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrForbidden):
		return &wire.Fail{Status: http.StatusForbidden, Code: "accessDenied", Message: "Access denied: " + err.Error() + "."}
	}
	return wire.Unauthorised("The access token was refused: "+err.Error()+".", "invalid_token")
}
