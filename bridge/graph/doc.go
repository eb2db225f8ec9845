// Package graph is the client of Microsoft Graph's device command API: send a
// command, get its status, get its response payload, list the account's devices.
// Directory is the client of another API, that of the devices registered in an
// organization's directory.
//
// It promises that a command is POSTed once: outside every automatic retry
// (azcore's policy, net/http's replay on a broken connection, redirects), with
// the one exception of an answer 401, after which a fresh token is asked for and
// the command is POSTed a second and last time. Send says of every failure
// whether the command surely was not taken, may have been taken, or was refused.
//
// Directory asks only below the base URL's /devices, wherever a next link or a
// key points, and repeats no change but after 401.
//
// It leaves out everything that needs memory: waiting for Retry-After, circuit
// breaking, polling, and what becomes of a command. Of the credentials it makes
// only the static token; any azcore.TokenCredential can be given instead.
//
// Facts about the protocol are those of Graph's pages send-device-command,
// get-device-command-status and user-list-devices, of the pages on the resource
// device of v1.0 and on advanced queries, its page on errors, and its guidance on
// throttling.
package graph
