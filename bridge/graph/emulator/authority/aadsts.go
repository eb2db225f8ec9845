package authority

import (
	"fmt"
	"net/http"
	"time"
)

// refusal is an error of RFC 6749, section 5.2, with the number that the identity platform gives it. The numbers, the
// error and the suberror are those of Microsoft's page on error codes and of answers seen in public; the texts say the
// same in other words.
type refusal struct {
	status   int
	oauth    string
	code     int
	text     string
	suberror string
	retry    time.Duration
}

// Error gives the number and the text, as error_description begins.
func (f *refusal) Error() string { return fmt.Sprintf("AADSTS%d: %s", f.code, f.text) }

func refuse(oauth string, code int, format string, args ...any) *refusal {
	status := http.StatusBadRequest
	if oauth == "invalid_client" {
		status = http.StatusUnauthorized // RFC 6749, section 5.2
	}
	return &refusal{status: status, oauth: oauth, code: code, text: fmt.Sprintf(format, args...)}
}

func (f *refusal) because(suberror string) *refusal {
	f.suberror = suberror
	return f
}

// What is wrong with the request itself.

func missingParameter(name string) error {
	return refuse("invalid_request", 900144, "The request body lacks the required parameter '%s'.", name)
}

func postOnly(method string) error {
	return refuse("invalid_request", 900561, "This endpoint takes POST requests only; it got a %s request.", method)
}

func malformed() error {
	return refuse("invalid_request", 9002313, "The request is malformed or invalid.")
}

func unsupportedGrant(grant string) error {
	return refuse("unsupported_grant_type", 70003, "The app asked for the grant type '%s', which is not supported.", grant)
}

// Tenants, and apps in them.

func noTenantName(name string) error {
	return refuse("invalid_request", 900023, "The tenant '%s' is neither a GUID nor a valid domain name.", name)
}

func unknownTenant(name string) error {
	return refuse("invalid_request", 90002,
		"Tenant '%s' was not found. Check the tenant id, and that you sign in to the right cloud; a tenant without active subscriptions is not found either.", name)
}

func unknownApp(client, directory string) error {
	return refuse("unauthorized_client", 700016,
		"The application '%s' was not found in the directory '%s'. Either the directory's administrator has not installed it and no user has consented to it, or the request went to the wrong tenant.",
		client, directory)
}

func personalOnly(a App) error {
	return refuse("invalid_request", 9002331,
		"Application '%s'(%s) is configured for users of Microsoft accounts only. Please use the /consumers endpoint to serve this request.", a.ID, a.display())
}

func workOnly(a App) error {
	return refuse("invalid_request", 9002332,
		"Application '%s'(%s) is configured for users of Microsoft Entra only. Please do not use the /consumers endpoint to serve this request.", a.ID, a.display())
}

func notMultiTenant(a App, endpoint string) error {
	return refuse("invalid_request", 50194,
		"Application '%s'(%s) is not configured as a multi-tenant application, so it cannot use the /%s endpoint. Use an endpoint of its tenant, or make the application multi-tenant.",
		a.ID, a.display(), endpoint)
}

func grantNeedsTenant() error {
	return refuse("invalid_request", 9001023,
		"The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.")
}

func noTenantGiven() error {
	return refuse("invalid_request", 50059, "Neither the request nor its credentials say which tenant is meant.")
}

// Credentials of apps.

func noCredential() error {
	return refuse("invalid_client", 7000218, "The request body must contain 'client_assertion' or 'client_secret'.")
}

func notPublic() error {
	return refuse("invalid_client", 70002,
		"The client is not supported for this feature: the application must be marked as a mobile one, that is, allow public client flows.")
}

func credentialOfPublic() error {
	return refuse("invalid_client", 700025, "The client is public, so neither 'client_assertion' nor 'client_secret' may be presented.")
}

func wrongSecret(a App) error {
	return refuse("invalid_client", 7000215,
		"Invalid client secret. Send the secret's value, not its id, for a secret that was added to app '%s'.", a.ID)
}

func expiredSecret(a App) error {
	return refuse("invalid_client", 7000222, "The client secrets presented for app '%s' are expired. Add a new one to the app.", a.ID)
}

func badAssertion() error {
	return refuse("invalid_client", 50027, "The JWT is invalid or malformed.")
}

func wrongSignature(reason string) error {
	return refuse("invalid_client", 700027,
		"The client assertion failed the validation of its signature, or its certificate is not registered on the application. [Reason - %s]", reason)
}

func assertionFor(client string) error {
	return refuse("invalid_client", 700021, "The subject of the client assertion is not the 'client_id' %s.", client)
}

func assertionAudience(got string) error {
	return refuse("invalid_client", 700023, "The audience of the client assertion, '%s', is not this token endpoint.", got)
}

func assertionTime() error {
	return refuse("invalid_client", 700024, "The client assertion is not within its valid time range.")
}

func federatedIssuer(issuer string) error {
	return refuse("invalid_client", 700211, "No federated identity record of the app matches the issuer '%s' of the assertion.", issuer)
}

func federatedAudience(audience string) error {
	return refuse("invalid_client", 700212, "No federated identity record of the app matches the audience '%s' of the assertion.", audience)
}

func federatedSubject(subject string) error {
	return refuse("invalid_client", 700213, "No federated identity record of the app matches the subject '%s' of the assertion.", subject)
}

// Scopes and consent.

func badScope(scope string) error {
	return refuse("invalid_scope", 70011, "The value of the parameter 'scope' is not valid. The scope %s is not valid.", scope)
}

func twoResources() error {
	return refuse("invalid_scope", 28000, "The value of the parameter 'scope' is not valid: it asks for more than one resource.")
}

func notDefault(scope string) error {
	return refuse("invalid_scope", 1002012,
		"The scope %s is not valid. Client credential flows take one scope: the resource's application id URI with /.default behind it.", scope)
}

func unknownResource(resource, directory string) error {
	return refuse("invalid_resource", 500011, "The resource '%s' was not found in the tenant '%s'.", resource, directory)
}

func consentRequired(a App) error {
	return refuse("invalid_grant", 65001,
		"Neither the user nor an administrator has consented to the application '%s' named '%s'. Send an interactive authorization request for this user and resource.",
		a.ID, a.display()).because("consent_required")
}

func adminConsentRequired(a App, scope string) error {
	return refuse("consent_required", 90094, "The application '%s' asks for %s, which only an administrator can grant.", a.display(), scope)
}

// Accounts.

func foreignAccount(u Account, directory, client string) error {
	provider := "live.com"
	if !u.Personal() {
		provider = "https://sts.windows.net/" + u.Tenant + "/"
	}
	return refuse("invalid_grant", 50020,
		"The account '%s' of identity provider '%s' is not in the tenant '%s' and cannot use the application '%s' there. Sign in with another account, or have it added to the tenant as a guest.",
		u.Username, provider, directory, client)
}

func noSuchAccount(u, directory string) error {
	return refuse("invalid_grant", 50034, "The account '%s' does not exist in the directory '%s'; it must be added there first.", u, directory)
}

func needsInteraction(resource string) error {
	return refuse("invalid_grant", 50076,
		"The administrator changed the configuration, or you moved to a new place, so multi-factor authentication is needed to use '%s'.", resource).because("basic_action")
}

func notSignedIn() error {
	return refuse("login_required", 50058, "A silent sign-in was asked for, and no user is signed in.")
}

func declined() error {
	return refuse("access_denied", 65004, "The user declined to consent to the app.")
}

// Codes and tokens.

func wrongRedirect(uri, client string) error {
	return refuse("invalid_request", 50011, "The redirect URI '%s' is not one of those configured for the application '%s'.", uri, client)
}

func otherRedirect() error {
	return refuse("invalid_grant", 500112, "The redirect URI is not the one that the authorization code was asked for with.")
}

func wrongVerifier() error {
	return refuse("invalid_grant", 501481, "The code_verifier does not match the code_challenge of the authorization request.")
}

func unknownCode() error {
	return refuse("invalid_grant", 70000, "The value of the parameter 'code' is not valid.")
}

func redeemed() error {
	return refuse("invalid_grant", 54005, "The authorization code was already redeemed. Use a new code, or the refresh token you have.")
}

func expiredGrant() error {
	return refuse("invalid_grant", 70008,
		"The authorization code or refresh token has expired by inactivity. Send a new interactive authorization request for this user and resource.")
}

func unknownRefresh() error {
	return refuse("invalid_grant", 9002313, "The request is malformed or invalid: nobody gave out this refresh token.")
}

func foreignRefresh() error {
	return refuse("invalid_grant", 70000, "The grant is invalid: the refresh token was given to another client.")
}

func expiredRefresh(issued time.Time, life time.Duration) error {
	return refuse("invalid_grant", 700082, "The refresh token has expired by inactivity. It was issued on %s and was not used for %s.",
		issued.UTC().Format(time.RFC3339), life)
}

func revoked() error {
	return refuse("invalid_grant", 50173,
		"The grant has been revoked, and the user has to sign in again. The password may have been changed or reset.").because("bad_token")
}

// The device code flow: RFC 8628, section 3.5, and Microsoft's page on it, which renames access_denied to
// authorization_declined and adds bad_verification_code.

func pending() error {
	return refuse("authorization_pending", 70016, "The device flow's authorization is pending. Continue to poll.")
}

// tooFast has no number of its own in Microsoft's pages.
func tooFast(interval time.Duration) error {
	return refuse("slow_down", 70016, "The device flow's authorization is pending, and polled too often: leave %s between two polls.", interval)
}

func deviceDeclined() error {
	return refuse("authorization_declined", 65004, "The user declined the authorization.")
}

func expiredDeviceCode() error {
	return refuse("expired_token", 70020, "The value of the parameter 'device_code' is not valid: the code has expired.")
}

func badDeviceCode() error {
	return refuse("bad_verification_code", 70018, "The device code is not known.")
}

func badUserCode() error {
	return refuse("bad_verification_code", 70018, "There is no such code. Check it for a slip of the keyboard.")
}

func expiredUserCode() error {
	return refuse("expired_token", 70019, "The code has expired. Start the sign-in anew on the device.")
}

// Faults.

func throttled(retry time.Duration) error {
	f := refuse("temporarily_unavailable", 90055, "There are too many requests; the tenant is throttled.")
	f.status, f.retry = http.StatusTooManyRequests, retry
	return f
}

func transient(status int, retry time.Duration) error {
	f := refuse("temporarily_unavailable", 90033, "A transient error has occurred. Please try again.")
	f.status, f.retry = status, retry
	return f
}
