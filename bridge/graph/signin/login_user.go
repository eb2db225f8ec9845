package signin

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

type (
	authenticateFunc = func(context.Context, *policy.TokenRequestOptions) (azidentity.AuthenticationRecord, error)
	tokenFunc        = func(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error)
)

// azidentity gives the two halves of azidentity's credential for the mode, with a
// cache in the user's key store: to sign in, and to get tokens.
func (o LoginOptions) azidentity(c azidentity.Cache, asking *authorityClient) (authenticateFunc, tokenFunc, error) {
	own := !Trusted(o.host())
	if o.Mode == Browser {
		credential, err := azidentity.NewInteractiveBrowserCredential(&azidentity.InteractiveBrowserCredentialOptions{
			ClientOptions: o.optionsWith(asking), DisableInstanceDiscovery: own,
			ClientID: o.ClientID, TenantID: o.tenant(), Cache: c,
		})
		if err != nil {
			return nil, nil, err
		}
		return credential.Authenticate, credential.GetToken, nil
	}
	credential, err := azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
		ClientOptions: o.optionsWith(asking), DisableInstanceDiscovery: own,
		ClientID: o.ClientID, TenantID: o.tenant(), Cache: c,
		UserPrompt: func(_ context.Context, m azidentity.DeviceCodeMessage) error {
			o.Prompt(Prompt{URL: m.VerificationURL, Code: m.UserCode})
			return nil
		},
	})
	if err != nil {
		return nil, nil, err
	}
	return credential.Authenticate, credential.GetToken, nil
}
