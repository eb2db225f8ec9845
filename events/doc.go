// Package events is the vocabulary of the bridge: the command record, its
// states and kinds, the subjects and stream names, the command id, the
// CloudEvents codec, the error codes, the liberal reading of what Graph says
// about a command, and the directory's device with the requests about it.
//
// It promises that
//
//   - this is the only place where a subject, a filter or a stream name is
//     spelled, and no device id, request id or command id can add a token or
//     a wildcard to one;
//   - the id of an event, "<command>.<n>", is stable: the same event read
//     twice, live or from the stream, carries the same id;
//   - Decode(Encode(record)) gives the record back, and a record that a newer
//     version wrote keeps what this one does not know of it; so does a device
//     of the directory, and there null, absent and empty stay apart.
//
// It does no I/O, knows no transport and decides nothing: which event follows
// which is the business of bridge/command.
package events
