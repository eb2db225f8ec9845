// Package tracing follows a command by OpenTelemetry, from the caller's request to
// the event of its end. It promises:
//
//   - What is done for a command is in one trace, that of the request: its context
//     is kept in the record, because Graph carries none to the postback.
//   - A step that a message, a timer or a postback begins has the record's context
//     as its parent, also when that span has ended long ago, so that the trace stays
//     one and the caller's decision to sample holds; and a link to the span that made
//     the message. OpenTelemetry's conventions for messaging ask for the link, and
//     leave the parent open where a step is about one message.
//   - What is done in the trace of somebody else (a cancel, a repeated request, a
//     traceparent on a postback) is joined with the command's trace by a link.
//   - The traceparent of an event is the span that stored it.
//   - A span tells ids, states and codes. It holds no payload, token or URL with an
//     id in it, and no text of an error.
//
// A nil *Tracer does nothing and leaves every header as it is. The package knows
// OpenTelemetry's API only; who sets up the SDK decides where spans go.
package tracing
