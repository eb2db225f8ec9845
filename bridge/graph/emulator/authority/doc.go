// Package authority is an emulator of the Microsoft identity platform, version 2.0, for tests, demonstrations and
// development. Nobody has a password, and no request leaves this process.
//
// # What it promises
//
// The real azidentity and the real MSAL sign in against it, given its URL as the authority's host, a transport that
// trusts its certificate, and the switch that skips the discovery of the instance (DisableInstanceDiscovery, in MSAL
// WithInstanceDiscovery(false)). It must be served over TLS: both libraries take nothing else.
//
//	GET  /{tenant}/v2.0/.well-known/openid-configuration   OpenID Connect Discovery 1.0
//	GET  /{tenant}/discovery/v2.0/keys                     the key set, RFC 7517
//	POST /{tenant}/oauth2/v2.0/devicecode                  RFC 8628
//	GET  /{tenant}/oauth2/v2.0/authorize                   RFC 6749 with RFC 7636; query, fragment, form_post
//	POST /{tenant}/oauth2/v2.0/token                       device code, authorization code, refresh token, client credentials
//	GET  /devicelogin                                      the page on which a person enters the code
//	GET  /error?code={number}                              the page that error_uri of a refusal leads to
//
// {tenant} is consumers, organizations, common, or a directory by its GUID or domain. Whose accounts an app signs in,
// and where, follows App.Audience; who may sign in to what is decided when a person approves.
//
// Whoever reaches the pages can approve: keep them on a machine or a network of your own.
//
// Refresh tokens are replaced at every use and stay valid themselves, live 90 days unused, and fall with their sign-in
// when it is revoked. Apps prove who they are by a secret, a JWT signed with a certificate, or the JWT of an issuer
// that they trust. The answer's scope repeats the scopes as they were asked for, but for offline_access; client_info,
// from which MSAL takes the account's id, comes when it is asked for.
//
// A refusal has the shape and the AADSTS number that a developer meets there, see Microsoft's page on error codes; the
// text says the same in other words. Check tells an API what a token says, and Grant.Permits reads Graph's tables of
// permissions.
//
// # Assumptions
//
// Microsoft's pages give no number to slow_down and to a declined device code; this package answers them with those of
// the pending code (70016) and of the declined consent (65004). A code that was approved is answered at whatever pace it
// is polled. Access tokens of personal accounts are opaque, all others are JWTs. A host that the authority itself is
// asked under counts as Graph's, so that scopes may be derived from the URL of an emulated Graph beside it.
//
// # Control surface
//
// Paths under /emulator/signin/ are the emulator's own. They answer callers whose address and whose Host header are
// loopback, and which no proxy forwarded, unless Options.OpenControl is set, and take no changes from a page of another
// origin in a browser. A body is JSON with Content-Type application/json, and no body counts as {}; changes answer 204.
// Durations are written like "1m".
//
//	GET  /emulator/signin/codes                   the device codes that wait: {"value": [{"userCode", "client", "app", "scopes", "expires"}]}
//	POST /emulator/signin/codes/{code}/approve    {"account": "jim@outlook.example"}
//	POST /emulator/signin/codes/{code}/decline    no body
//	POST /emulator/signin/revoke                  {"account" or "refreshToken", "accessTokens"}: {"revoked": refresh tokens}
//	POST /emulator/signin/interaction             {"account"}: its refresh tokens get AADSTS50076 until a new sign-in
//	PUT  /emulator/signin/token-life              {"tokenLife": "1m"}, for access tokens from now on
//	GET  /emulator/signin/faults                  the faults as they stand
//	PUT  /emulator/signin/faults                  {"delay", "status", "retryAfter", "times"}, the fields of Faults
//	GET  /emulator/signin/ledger                  the counts of Ledger; "refused" by AADSTS number
//	GET  /emulator/signin/assertion?client={id}   a workload's token for a federated credential of the app
//
// # What it leaves out
//
// Passwords and their grant, on-behalf-of, the implicit flow, B2C, claims challenges and continuous access evaluation,
// sign-out, user info, the version 1.0 endpoints, instance discovery. Every app is installed in every directory that its
// audience allows. State is in memory only, bounded by Options.MaxEntries, and gone after a restart: then everybody
// signs in anew. It logs nothing.
package authority
