package emulator

import "errors"

// ErrForbidden is wrapped by an error of Authorize to answer 403 in place of 401: the token is good, but not for this
// (a work account, or a permission that is missing).
var ErrForbidden = errors.New("not permitted")

// Authorize decides whether a bearer token may do what one of the permissions allows. Its error text reaches the client
// and must not hold the token; an error that wraps ErrForbidden gives 403 and any other gives 401.
// For a batch it is asked without any permission first, where both no error and ErrForbidden say that the token is good.
type Authorize func(token string, anyOf Permissions) error

// Permissions is what a call needs, as the permissions tables on Graph's pages have it: one of Work of a token that a
// work account delegated, one of Personal of one that a personal Microsoft account delegated, one of Application of an
// app token. An empty list means that Graph does not support such tokens there.
type Permissions struct {
	Work, Personal, Application []string
}

// permissions gives what Graph's pages of the device commands say: personal accounts only. The page that lists the
// devices asks for Device.Read, and Device.Command does not include it; the pages of commands ask for Device.Command.
func (op Operation) permissions() Permissions {
	switch op {
	case OpDevices, OpDevice:
		return Permissions{Personal: []string{"Device.Read"}}
	default:
		return Permissions{Personal: []string{"Device.Command"}}
	}
}
