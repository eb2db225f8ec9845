package signin

import (
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"devicebridge/bridge/graph"
)

// newCredential makes azidentity's credential of a mode in which nobody has to
// sign in.
func newCredential(o Options) (azcore.TokenCredential, error) {
	options := o.clientOptions()
	// Where the operator names an authority of their own there is nothing to look
	// up at Microsoft's.
	own := !Trusted(o.host())
	switch o.Mode {
	case ClientSecret:
		return azidentity.NewClientSecretCredential(o.TenantID, o.ClientID, o.ClientSecret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: own})
	case ClientCertificate:
		return newCertificate(o)
	case WorkloadIdentity:
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: own,
			ClientID: o.ClientID, TenantID: o.TenantID, TokenFilePath: o.FederatedTokenFile,
		})
	case ManagedIdentity:
		// Its endpoint is on the machine: neither an authority nor its transport.
		managed := &azidentity.ManagedIdentityCredentialOptions{}
		if o.ClientID != "" {
			managed.ID = azidentity.ClientID(o.ClientID)
		}
		return azidentity.NewManagedIdentityCredential(managed)
	case AzureCLI:
		return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: o.TenantID})
	case Default:
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: own, TenantID: o.TenantID,
		})
	case Static:
		return graph.StaticToken(o.Token)
	default:
		return nil, fmt.Errorf("sign-in: %q has no credential of its own", o.Mode)
	}
}
