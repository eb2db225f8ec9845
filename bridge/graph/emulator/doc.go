// Package emulator is an emulator of the device commands of Microsoft Graph (Project Rome), for tests, demonstrations
// and development. Graph's own service is deprecated and stopped returning data on 30 September 2020.
//
// # What it promises
//
// A client written against Graph's pages "List user devices", "Send device command" and "Get device command status"
// works against it. The samples on those pages are accepted as printed and answered in the shape that is printed:
//
//	GET  {base}/me/devices                                        200, $select, $filter, paged by $top and @odata.nextLink
//	GET  {base}/me/devices/{id}                                   200, $select
//	POST {base}/me/devices/{id}/commands                          201, status "requesting", type null
//	GET  {base}/me/devices/{id}/commands/{id}                     200, payload null
//	GET  {base}/me/devices/{id}/commands/{id}/responsePayload     200; 404 until the command is completed, and for LaunchUri
//	POST {base}/$batch, /v1.0/$batch                              200; each request of the batch answered by itself
//
// {base} is /beta, see Options.BasePath. "command" stands for "commands", and fixed segments are read in any casing,
// because the pages and the metadata use both. /v1.0/me/devices answers 400, as the service did.
//
// $select and $filter are those of the directory's devices, although the page does not name them: id is always answered,
// every property takes eq, ne, ge, le, in, startsWith and endsWith, in any casing like the rest of a request.
//
// $batch is Graph's JSON batching, for the calls above and those of Options.Directory: at most 20 requests with unique
// ids, each with a URL relative to the version, answered one after the other, 424 for one that depends on one that failed.
// A request has the token and the client-request-id of the batch, unless it brings its own. A batch that is malformed, or
// in which a request depends on one that does not stand before it, is 400 as a whole.
//
// After the 201 a command goes through the script of its device, one Step after the other. Each of DefaultDevices has
// another script, and together they show every documented status. Every status is posted to the command's postBackUri,
// in order, one after the other; different commands' postbacks run side by side, see Options.PostbackConcurrency.
//
// Every answer carries request-id, client-request-id, Date and x-ms-ags-diagnostic, and every refusal Graph's error
// object with a message that names what is wrong; the challenge of a 401 names the authority on the host that was asked,
// where package authority answers when it is mounted there. Profile switches between the casings that have been documented.
//
// # Stricter than Graph
//
// What the pages do not allow is refused, where Graph may have let it pass, because that finds bugs in clients:
//
//   - 401 without exactly one well-formed bearer token; with Options.Authorize also for one that is unknown, expired or
//     revoked, and 403 accessDenied for one without the permission: Device.Read to list and read devices,
//     Device.Command to send a command and to read its status and payload, both of personal accounts only;
//   - 400 for a client-request-id that is no GUID, an unknown $ option, a body that is no JSON object, a member that is
//     unknown, read-only, of the wrong JSON type or there twice (also in two casings), a type other than LaunchUri and
//     AppService, a payload that is no object, LaunchUri without an absolute payload.uri, AppService without
//     appServiceName or packageFamilyName, a postBackUri that is neither https nor http on loopback;
//   - 404 for an unknown path, device or command, 405 with Allow, 406, 413, 415.
//
// The ledger (Commands) tells every POST apart by whether it was taken, whatever the client was told.
//
// # Assumptions
//
// Graph documents of postbacks only that the URI receives "subsequent notifications of updates". Method (POST), content
// type (JSON), body (the command as its status would be answered), order, and the retries after an answer other than
// 2xx (none after 404 and 410, Retry-After honoured, redirects not followed) are assumptions of this package. So are the
// error codes, which Graph documents in general but not for these calls, and the body of a 424. Graph advises a batch to
// be either in sequence or in parallel throughout and may refuse a mixture, which is taken here.
//
// # Faults
//
// Faults injects delay, 429 with a fractional Retry-After, 503 with and without it, other 5xx, answers lost after the
// command was taken, and postbacks that are lost, duplicated, reordered or early: by chance from a seed, or for certain
// by Faults.Next. In a batch a fault is of the one request, but an answer that is lost takes the whole batch's answer with
// it, and the requests behind it are not looked at. Postbacks of a command in a batch may overtake the batch's answer.
//
// # Control surface
//
// Paths under /emulator/ are the emulator's own and not Graph's. They take no bearer token; they answer callers whose
// address and whose Host header are loopback, and which no proxy forwarded, unless Options.OpenControl is set, and take
// no changes from a page of another origin in a browser. A body is JSON with Content-Type application/json, and no body
// counts as {} or null, so that a PUT of the faults without one ends them; changes answer 204. Durations are written
// like "200ms".
//
//	GET  /emulator/commands?after={seq}&limit={n}   the ledger, oldest first, at most 1,000: {"total", "value": [...]}
//	POST /emulator/commands/{id}/status             drive a command by hand: {"status", "error", "custom"}
//	GET  /emulator/devices                          the devices with their scripts and responses
//	PUT  /emulator/devices/{id}/script              [{"status", "after", "error", "custom"}]; [] = by hand, null = default
//	PUT  /emulator/devices/{id}/response            the app's answer to AppService commands; null = Graph's example
//	GET  /emulator/faults                           the faults as they stand
//	PUT  /emulator/faults                           {"seed", "throttle", ..., "next": [{"on", "kind", ...}]}, the fields of Faults
//
// Scripts and responses apply to commands that are taken from then on.
//
// # What it leaves out
//
// It signs nobody in itself. Package authority beside it does, and Options.Authorize is where it plugs in; without it
// every token has every permission. State is in memory only, bounded by Options.MaxCommands and MaxBytes, and gone after
// a restart. The devices are those of one account, whoever signs in. The metadata-only PATCH and DELETE of commands
// and change notifications are not there; the directory's /devices are the package directory's, which
// Options.Directory mounts. It has no rate limit of its own. It logs nothing: see Options.OnEvent.
package emulator
