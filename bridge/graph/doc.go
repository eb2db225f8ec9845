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
// Toward Graph it keeps Graph's manners: an id of its own for every request, few
// and spread retries of a GET out of one budget, no sleep beyond the caller's
// deadline, new connections after a 503. Where Graph fails several times in a row
// a circuit opens for all requests, and one GET at a time finds out whether it
// answers again; a command never does.
//
// It leaves out everything that is about more than one request: pausing while
// Graph throttles, polling, and what becomes of a command. Of the credentials it
// makes only the static token; any azcore.TokenCredential can be given instead.
//
// Facts about the protocol are those of Graph's pages send-device-command,
// get-device-command-status and user-list-devices, of those on the resource device
// of v1.0 and on advanced queries, its pages on errors and best practices, and its
// guidance on throttling.
package graph
