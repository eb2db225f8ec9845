//go:build darwin && !cgo

package signin

import (
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// userStore is not to be had: the keychain is reached through cgo only.
func userStore() (azidentity.Cache, error) {
	return azidentity.Cache{}, errors.New("the key store of this user cannot be used: this binary was built without cgo")
}
