package signin

import "slices"

// Mode names how the bridge signs in.
type Mode string

// The modes.
const (
	// DeviceCode and Browser: a person signs in once with `devicebridge login`, by a
	// code entered on any device, or in a browser on the same machine.
	DeviceCode Mode = "device-code"
	Browser    Mode = "browser"
	// The next four sign in as an application, without a person.
	WorkloadIdentity  Mode = "workload-identity"
	ManagedIdentity   Mode = "managed-identity"
	ClientSecret      Mode = "client-secret"
	ClientCertificate Mode = "client-certificate"
	// AzureCLI takes the tokens of the `az` command, Default whatever azidentity's
	// DefaultAzureCredential finds.
	AzureCLI Mode = "azure-cli"
	Default  Mode = "default"
	// Static is one bearer token, for a gateway or an emulator.
	Static Mode = "static"
)

// Modes gives every mode, in the order in which they are documented.
func Modes() []Mode {
	return []Mode{DeviceCode, Browser, WorkloadIdentity, ManagedIdentity, ClientSecret, ClientCertificate, AzureCLI, Default, Static}
}

// Known reports whether m is a mode.
func (m Mode) Known() bool { return slices.Contains(Modes(), m) }

// Personal reports whether a person signs in with Login, so that there is a
// sign-in to keep.
func (m Mode) Personal() bool { return m == DeviceCode || m == Browser }

// AppOnly reports whether the mode signs in as an application and never on behalf
// of a person. Graph's permissions reference has no application permission for
// device commands, so such a mode can never send one.
func (m Mode) AppOnly() bool {
	return slices.Contains([]Mode{WorkloadIdentity, ManagedIdentity, ClientSecret, ClientCertificate}, m)
}
