// Package webhook is the HTTP endpoint that takes Graph's postbacks, and the
// capability URLs that name it.
//
// It promises: a request is answered 202 only after the [Sink] said that what it
// told is durable; a fault of the token is found before a byte of the body is
// asked for and before the Sink is called; every fault of the token, a good
// token without a record and an unknown path get one and the same 404; whatever
// the sender does after its body arrived, the attempt to store it is made; no
// token, path or body reaches a log.
//
// It leaves out: what a status means (the Sink folds it), where a certificate comes
// from (Options.TLS), metrics (Options.Observe reports to whoever counts), and what Graph never
// documented: a signature of the sender, a validation handshake and retries.
// The only thing that authenticates a postback is that its sender knows the URL,
// so the URL names one command, one purpose and an end.
//
// Requests that break HTTP itself (two lengths, no host, an oversized header, an
// unknown transfer coding or expectation) are refused by net/http before a handler
// sees them, so they have no log line of their own and no Result. [Server.Serve] makes
// those refusals problem documents too, with one exception: net/http's HTTP/2 answers
// an oversized header with a 431 in HTML, and breaches of HTTP/2 by ending the stream.
package webhook
