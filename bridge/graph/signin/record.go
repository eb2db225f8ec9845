package signin

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// record is a sign-in, or that there is none. Only sealed it leaves the process.
type record struct {
	// Generation counts who signed in or out; a refresh leaves it. Only a higher one
	// takes the place of another, so that an old record that somebody kept is of no
	// use to them.
	Generation uint64 `json:"generation"`
	// At is when that was, for people.
	At time.Time `json:"at"`
	// SignedOut: whoever was signed in is not any more.
	SignedOut bool `json:"signedOut,omitempty"`

	ClientID  string `json:"clientId,omitempty"`
	Authority string `json:"authority,omitempty"`
	Tenant    string `json:"tenant,omitempty"`
	// Username is shown to people; HomeAccountID tells accounts apart.
	Username      string   `json:"username,omitempty"`
	HomeAccountID string   `json:"homeAccountId,omitempty"`
	Scopes        []string `json:"scopes,omitempty"`
	// Refreshed is when the authority was last asked for a token, TokenExpires when
	// that token ends.
	Refreshed    time.Time `json:"refreshed,omitzero"`
	TokenExpires time.Time `json:"tokenExpires,omitzero"`

	// Cache is MSAL's token cache, opaque to us. It holds the tokens.
	Cache []byte `json:"cache,omitempty"`
	// User is set in its place when the tokens are in the key store of the user who
	// runs the bridge; it holds no secret.
	User *azidentity.AuthenticationRecord `json:"user,omitempty"`
}

func (r record) sealed(k *Key, label string) ([]byte, error) {
	plain, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return k.seal(label, plain)
}

func openRecord(k *Key, label string, text []byte) (record, error) {
	plain, err := k.open(label, text)
	if err != nil {
		return record{}, err
	}
	var r record
	if err := json.Unmarshal(plain, &r); err != nil {
		return record{}, &SealError{"the sign-in record opens, but cannot be read; run `devicebridge login` to write a new one"}
	}
	if !r.SignedOut && r.User == nil && len(r.Cache) == 0 {
		return record{}, errors.New("the sign-in record holds no sign-in; run `devicebridge login`")
	}
	return r, nil
}
