// Package directory is an emulator of the device resource of Microsoft Graph v1.0, for tests, demonstrations and
// development: a handler to mount beside the package emulator, see its Options.Directory, or alone.
//
// # What it promises
//
// A client written against Graph's pages on the resource type "device", on advanced queries of directory objects, on
// paging and on delta queries works against it:
//
//	GET    {base}/devices                                     200, with the query options below
//	GET    {base}/devices/$count                              200, text/plain
//	POST   {base}/devices                                     201
//	GET    {base}/devices/{id}                                200, $select and $expand
//	PATCH  {base}/devices/{id}                                204
//	DELETE {base}/devices/{id}                                204
//	GET    {base}/devices/delta                               200, also microsoft.graph.delta()
//	GET    {base}/devices/{id}/memberOf, transitiveMemberOf,
//	       registeredOwners, registeredUsers                  200, each also with a cast such as /microsoft.graph.group, and with /$count
//	POST   {base}/devices/{id}/registeredOwners/$ref          204, and registeredUsers
//	DELETE {base}/devices/{id}/registeredOwners/{id}/$ref     204, and registeredUsers
//	POST   {base}/devices/{id}/checkMemberObjects             200, at most 20 ids
//	POST   {base}/devices/{id}/getMemberObjects               200
//	POST   {base}/$batch                                      200, as in the package emulator
//
// {base} is /v1.0, see Options.BasePath. devices(deviceId='{deviceId}') stands for devices/{id} everywhere.
//
// $select, $filter, $search, $orderby, $top, $count and $expand do what the pages say; which property takes which
// operator is one table, deviceSchema. What the pages call an advanced query needs the header ConsistencyLevel and
// $count=true, on every page. Next links are absolute, with an opaque $skiptoken; @odata.count is on the first page.
//
// A delta gives all devices in pages and then a link; the link gives what has changed since: new devices whole, others
// with their id and what changed, deleted ones with @removed. $select, $filter=id eq … or … and $deltatoken=latest work
// as documented. A change while the pages of a round are read comes in that round or in the next, never in none.
//
// A call needs one of the permissions in the table of operations, which Options.Authorize is asked for. Errors have the
// codes of Graph's directory, such as Request_ResourceNotFound, Request_UnsupportedQuery and Directory_QuotaExceeded.
//
// # Stricter than Graph
//
//   - an unknown $ option, a $count=true without ConsistencyLevel and a misspelt property are refused, where Graph may
//     ignore them;
//   - $search needs $count=true, as the page of the resource has it (another page does not ask for it), and $orderby
//     always makes an advanced query, as the table of sorting has it;
//   - a member that is unknown is kept, since the type is open, unless it is a known one in another casing; a read-only
//     one, one of the wrong type, and one that is there twice are refused;
//   - an operator that the page of the resource does not list for a property is refused, also where a general rule of
//     other pages would allow it (in, wherever eq is);
//   - 405 with Allow, 406, 413, 415 as in the package emulator.
//
// # Assumptions
//
// Nothing documents the code of a 410 (Gone here), the scope and the information of throttling beyond their form, most
// costs in x-ms-resource-unit, or whether a delta tells of relations (it does not here).
//
// # Control surface
//
// Paths under /emulator/directory/ are the emulator's own. They take no bearer token and answer callers on this machine,
// unless Options.OpenControl is set, and take no changes from a page of another origin in a browser. A body is JSON with
// Content-Type application/json, and no body counts as {}; changes answer 204. Each is also a method of Directory.
//
//	PUT    /emulator/directory/devices/{id}           {"device": {...}, "memberOf", "registeredOwners", "registeredUsers"}
//	PATCH  /emulator/directory/devices/{id}           members, read-only ones too
//	DELETE /emulator/directory/devices/{id}           ?permanent=true for good, else so that it can be restored
//	POST   /emulator/directory/devices/{id}/restore
//	POST   /emulator/directory/generate               {"count": 5000} gives {"ids"}; the same seed, the same devices
//	POST   /emulator/directory/change                 {"count": 10} gives {"ids"} of what was changed
//	POST   /emulator/directory/delta/expire           every delta token given so far
//	GET    /emulator/directory/requests               how often each operation was asked for
//	GET    /emulator/directory/faults                 the faults as they stand
//	PUT    /emulator/directory/faults                 {"chance": {"throttle": 0.1}, "retryAfter", "next": [{"on", "kind", ...}]}
//
// # What it leaves out
//
// State is in memory only, bounded by Options.MaxDevices, and gone after a restart, with all tokens. Groups and users
// cannot be asked for by themselves, and stay as they were made. There are no open extensions, no deletedItems,
// no ETags and no rate limit of its own.
package directory
