//go:build !darwin || cgo

package signin

import (
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity/cache"
)

// userStore opens the token cache that azidentity keeps in the key store of the
// user who runs this: the keychain of macOS, DPAPI on Windows, the kernel's keyring
// on Linux, which containers usually forbid and which is empty after a restart of
// the machine.
func userStore() (azidentity.Cache, error) {
	c, err := cache.New(&cache.Options{Name: "devicebridge"})
	if err != nil {
		return c, fmt.Errorf("the key store of this user cannot be used: %w", err)
	}
	return c, nil
}
