package authority

// What DefaultApps and DefaultAccounts give.
const (
	// Tenant is the directory of the default apps and accounts; its domain is contoso.example.
	Tenant = "6f0c3a52-1d74-4b8e-9a35-c2e8f7d10b46"
	// DeviceApp is the client id of the default app for device commands.
	DeviceApp = "2b9a7d10-58c4-4f6e-8e21-0c4d7b3a9f55"
	// DirectoryApp is the client id of the default app for the directory.
	DirectoryApp = "d47e0f83-6a2b-4c19-b5d0-93f1a8c62e74"
	// DirectorySecret is the client secret of DirectoryApp.
	DirectorySecret = "emulator-secret"
	// DirectoryIssuer and DirectorySubject are the federated credential of DirectoryApp; Assertion gives its tokens.
	DirectoryIssuer  = "https://kubernetes.example"
	DirectorySubject = "system:serviceaccount:default:devicebridge"
	// PersonalUser and WorkUser are the user names of the default accounts.
	PersonalUser = "jim@outlook.example"
	WorkUser     = "adele@contoso.example"
)

// DefaultApps gives a public client for personal accounts with the permissions for device commands, and a confidential
// one for the directory Tenant with those for its devices.
func DefaultApps() []App {
	return []App{
		{
			ID: DeviceApp, Name: "Device commands", Audience: Personal, PublicClient: true,
			RedirectURIs: []string{"http://localhost"}, Delegated: []string{"Device.Command", "Device.Read"},
		},
		{
			ID: DirectoryApp, Name: "Directory", Audience: OneDirectory, Tenant: Tenant,
			RedirectURIs: []string{"http://localhost"},
			Delegated:    []string{"User.Read", "Device.Read.All"},
			AdminConsent: []string{"Device.Read.All", "Directory.Read.All", "Directory.AccessAsUser.All"},
			Roles:        []string{"Device.Read.All", "Device.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
			Secrets:      []Secret{{Value: DirectorySecret}},
			Federated:    []Federated{{Issuer: DirectoryIssuer, Subject: DirectorySubject}},
		},
	}
}

// DefaultAccounts gives one personal account and one of the directory Tenant.
func DefaultAccounts() []Account {
	return []Account{
		{Username: PersonalUser, Name: "Jim"},
		{Username: WorkUser, Name: "Adele", Tenant: Tenant},
	}
}
