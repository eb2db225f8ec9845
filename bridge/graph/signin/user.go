package signin

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// stored gets tokens from azidentity's cache in the user's key store.
type stored struct{ credential azcore.TokenCredential }

func newStored(a Application, r azidentity.AuthenticationRecord) (*stored, error) {
	c, err := userStore()
	if err != nil {
		return nil, &Failure{
			Message: "the sign-in was put into a key store that is not this process's: " + err.Error(),
			Advice:  "run `devicebridge login --store nats`", Lasting: true,
		}
	}
	credential, err := azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
		ClientOptions: a.clientOptions(), DisableInstanceDiscovery: !Trusted(a.host()),
		ClientID: a.ClientID, TenantID: a.tenant(), Cache: c, AuthenticationRecord: r,
		DisableAutomaticAuthentication: true, // a service has nobody to ask
	})
	if err != nil {
		return nil, err
	}
	return &stored{credential: credential}, nil
}

func (s *stored) token(ctx context.Context, r record, o policy.TokenRequestOptions) (azcore.AccessToken, *record, error) {
	token, err := s.credential.GetToken(ctx, o)
	if err != nil || token.ExpiresOn.Equal(r.TokenExpires) {
		return token, nil, err
	}
	r.Refreshed, r.TokenExpires = time.Now().UTC(), token.ExpiresOn.UTC()
	return token, &r, nil
}
