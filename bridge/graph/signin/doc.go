// Package signin gets the tokens that the bridge shows to Graph.
//
// It promises:
//
//   - Every mode of BRIDGE_GRAPH_AUTH is a credential of azidentity, or, where a
//     person signs in and the sign-in is shared by replicas, MSAL Go, the library
//     beneath it. No protocol of the identity platform is spoken by code of its own.
//   - The service never prompts. Login does, in a process of its own, and what it
//     gives is sealed before it leaves that process.
//   - A sign-in is kept as one record, encrypted and authenticated under a key
//     that is never stored beside it. Whatever replica refreshes it stores it with a
//     compare-and-set; who loses takes the winner's.
//   - A record that cannot be opened is an error that says why. It is never taken
//     for no record.
//   - It is refreshed five minutes before a token ends, whether anybody asks for one
//     or not, so that an idle service does not lose it.
//   - What goes wrong is told in words that name the way out, without tokens.
//
// It leaves out where the record is kept: see Store. Protocol facts are those of
// Microsoft's identity platform pages on the device code flow, the authorization
// code flow with PKCE and refresh tokens, and of RFC 8628 and RFC 7636.
package signin
