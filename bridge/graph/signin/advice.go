package signin

// advices gives the way out by the number of Microsoft's error code, as its
// reference of authentication error codes explains them.
func advices() map[int]string {
	const (
		public   = "in the application's registration, under Authentication, allow public client flows"
		renew    = "make a new secret in the application's registration, under Certificates & secrets, and set AZURE_CLIENT_SECRET to its value, not its id"
		personal = "set AZURE_TENANT_ID=consumers, or leave it out: the application takes personal Microsoft accounts only"
	)
	return map[int]string{
		// The account and its sign-in.
		50020:   "this kind of account is not let in there: sign in with another, or set AZURE_TENANT_ID to the account's own (consumers for personal accounts)",
		50034:   "no such account in this tenant; check AZURE_TENANT_ID, and " + loginAdvice + " again",
		50057:   "the account is disabled; ask who manages it",
		50059:   "set AZURE_TENANT_ID: the authority cannot tell the tenant from the request",
		50076:   "the account has to prove itself once more; " + loginAdvice,
		50078:   "the account has to prove itself once more; " + loginAdvice,
		50079:   "the account has to set up a second factor; " + loginAdvice,
		50173:   "the sign-in was revoked or the password changed; " + loginAdvice,
		53003:   "a conditional access policy of the tenant forbids it; ask who manages the tenant",
		90094:   "an administrator of the tenant has to consent to these permissions first",
		65001:   "nobody has consented to these permissions; " + loginAdvice + " and consent, or have an administrator do so",
		65004:   "consent was declined; " + loginAdvice + " again and accept",
		70000:   "the sign-in is not valid any more; " + loginAdvice,
		70008:   "the sign-in has expired; " + loginAdvice,
		70043:   "the sign-in has expired by a policy; " + loginAdvice,
		700082:  "the sign-in has expired because it was not used for too long; " + loginAdvice,
		700084:  "the sign-in has expired; " + loginAdvice,
		54005:   "the code was used already; " + loginAdvice + " again",
		70018:   "the code is not the one that was shown; " + loginAdvice + " again",
		70019:   "the code was not entered in time; " + loginAdvice + " again",
		9002313: "the request was malformed; check AZURE_CLIENT_ID and AZURE_TENANT_ID",

		// The application and where it is asked for.
		50194:   "the application is of one tenant only: set AZURE_TENANT_ID to it",
		50011:   "add http://localhost as a redirect URI of the platform \"Mobile and desktop applications\" to the application's registration",
		70001:   "the authority does not know the application here; check AZURE_CLIENT_ID and AZURE_TENANT_ID",
		70002:   public,
		70011:   "a permission asked for does not exist; check BRIDGE_GRAPH_URL, AZURE_AUTHORITY_HOST and BRIDGE_GRAPH_SCOPES",
		90002:   "there is no such tenant; check AZURE_TENANT_ID",
		900023:  "AZURE_TENANT_ID is neither a tenant's id nor its domain name",
		90133:   "the device code flow is not offered for this tenant name; set AZURE_TENANT_ID=consumers or the tenant's own name",
		500011:  "the tenant has no such resource; check BRIDGE_GRAPH_URL and AZURE_AUTHORITY_HOST",
		500112:  "the redirect URI is another than the one asked with; " + loginAdvice + " again",
		500113:  "the application has no redirect URI; add http://localhost to its registration",
		700016:  "the authority does not know the application here; check AZURE_CLIENT_ID and AZURE_TENANT_ID",
		7000218: public,
		9002331: personal,
		9002332: "set AZURE_TENANT_ID to the tenant or to organizations: the application takes work and school accounts only",
		9002346: personal,

		// Secrets, certificates and federated tokens.
		7000215: renew,
		7000222: "the secret has expired: " + renew,
		700023:  "the assertion is for another audience; check AZURE_AUTHORITY_HOST and AZURE_TENANT_ID",
		700025:  "the application is a public client and takes no secret; use device-code or browser, or make it a confidential one",
		700024:  "the assertion is not valid now; check this machine's clock and the certificate or token file",
		700027:  "the certificate is not one of the application's; upload it to its registration, and check AZURE_CLIENT_CERTIFICATE_PATH",
		700211:  "no federated credential of the application fits the issuer of the token in AZURE_FEDERATED_TOKEN_FILE",
		700212:  "no federated credential of the application fits the audience of the token in AZURE_FEDERATED_TOKEN_FILE",
		700213:  "no federated credential of the application fits the subject of the token in AZURE_FEDERATED_TOKEN_FILE",
		7000112: "the application is disabled in this tenant",
		7000229: "the application has no service principal in this tenant; check AZURE_TENANT_ID",
	}
}
