package authority

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Audience says whose accounts an app signs in. The values are those of signInAudience in an app's manifest.
type Audience string

// The audiences of the identity platform.
const (
	// OneDirectory is for work accounts of App.Tenant only.
	OneDirectory Audience = "AzureADMyOrg"
	// AnyDirectory is for work accounts of every directory.
	AnyDirectory Audience = "AzureADMultipleOrgs"
	// Everybody is for work accounts of every directory and for personal accounts.
	Everybody Audience = "AzureADandPersonalMicrosoftAccount"
	// Personal is for personal accounts only; such an app signs in at /consumers and nowhere else.
	Personal Audience = "PersonalMicrosoftAccount"
)

// App is the registration of a client.
type App struct {
	// ID is the client id, a GUID.
	ID string
	// Name is what pages and errors call it; empty means ID.
	Name string
	// Audience says whose accounts it signs in; empty means OneDirectory.
	Audience Audience
	// Tenant is the directory it is registered in, a GUID. Only Personal may leave it empty.
	Tenant string
	// PublicClient is the registration's "Allow public client flows": without it every request needs a credential.
	PublicClient bool
	// RedirectURIs are compared exactly, but for the port of http://localhost, which is free (RFC 8252, section 7.3).
	RedirectURIs []string
	// Delegated are the delegated permissions in the registration, by name: what the scope .default stands for.
	Delegated []string
	// AdminConsent are the delegated permissions that an administrator of the directory has consented to. Those that
	// need it and are not here are refused.
	AdminConsent []string
	// Roles are the application permissions that it has been granted; app tokens carry them all.
	Roles []string
	// Secrets, Certificates and Federated are its credentials.
	Secrets      []Secret
	Certificates []*x509.Certificate
	Federated    []Federated
}

// Secret is a client secret.
type Secret struct {
	Value string
	// Expires is when it stops working; zero means never.
	Expires time.Time
}

// Federated trusts the tokens that another issuer signs for a workload, such as a Kubernetes service account.
type Federated struct {
	// Issuer and Subject are compared exactly with iss and sub; aud must be api://AzureADTokenExchange.
	Issuer, Subject string
	// Key is the issuer's public key; nil means that this authority is the issuer: Assertion gives its tokens.
	Key crypto.PublicKey
}

// Account is somebody who can sign in, without a password.
type Account struct {
	// Username is unique; for a work account its domain is also a name of the tenant.
	Username string
	// Name is the display name; empty means Username.
	Name string
	// Tenant is the directory of a work account, a GUID; empty makes it a personal Microsoft account.
	Tenant string
}

// PersonalTenant is the tenant of every personal Microsoft account, by Microsoft's page on access token claims.
const PersonalTenant = "9188040d-6c67-4c5b-b112-36a304b66dad"

// Personal says whether this is a personal Microsoft account.
func (a Account) Personal() bool { return a.Tenant == "" }

// TenantID gives the tenant that tokens of the account name.
func (a Account) TenantID() string {
	if a.Personal() {
		return PersonalTenant
	}
	return a.Tenant
}

// ObjectID gives the account's id, always the same for a user name. That of a personal account begins with zeros.
func (a Account) ObjectID() string {
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte(a.TenantID()+"/"+a.Username))
	if a.Personal() {
		clear(id[:8])
	}
	return id.String()
}

func (a Account) display() string {
	if a.Name == "" {
		return a.Username
	}
	return a.Name
}

func (a App) display() string {
	if a.Name == "" {
		return a.ID
	}
	return a.Name
}

// validate says what is wrong with the app; every message begins with name.
func (a App) validate(name string) error {
	var errs []error
	if !isGUID(a.ID) {
		errs = append(errs, fmt.Errorf("%s.ID: %q is not a GUID", name, a.ID))
	}
	switch a.Audience {
	case "", OneDirectory, AnyDirectory, Everybody, Personal:
	default:
		errs = append(errs, fmt.Errorf("%s.Audience: %q is none of signInAudience's values", name, a.Audience))
	}
	if a.Audience != Personal && !isGUID(a.Tenant) || a.Audience == Personal && a.Tenant != "" {
		errs = append(errs, fmt.Errorf("%s.Tenant: %q must be a GUID, and empty with audience %s", name, a.Tenant, Personal))
	}
	for _, p := range append(append([]string{}, a.Delegated...), a.AdminConsent...) {
		if _, known := delegated()[p]; !known {
			errs = append(errs, fmt.Errorf("%s: the delegated permission %q is not known", name, p))
		}
	}
	for i, s := range a.Secrets {
		if s.Value == "" {
			errs = append(errs, fmt.Errorf("%s.Secrets[%d].Value: must not be empty", name, i))
		}
	}
	for i, c := range a.Certificates {
		if c == nil {
			errs = append(errs, fmt.Errorf("%s.Certificates[%d]: must not be nil", name, i))
		}
	}
	for i, f := range a.Federated {
		if f.Subject == "" || f.Issuer == "" {
			errs = append(errs, fmt.Errorf("%s.Federated[%d]: needs Issuer and Subject", name, i))
		}
	}
	return errors.Join(errs...)
}

// isGUID takes the 36-character form only; uuid.Parse alone would also take braces, a URN and bare hex.
func isGUID(s string) bool {
	_, err := uuid.Parse(s)
	return err == nil && len(s) == 36
}
