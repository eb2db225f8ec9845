// Package bridge is the policy: what happens to a request, to a command, to what
// Graph says. It promises the laws that a user relies on:
//
//   - A receipt is given only for what the stream has stored.
//   - A command is sent only by who is proven to have claimed it, once per claim,
//     and again only when Graph surely did not take it.
//   - A postback and a poll go through the same pure fold, and what is not
//     published is decided on a read from the stream's leader made after the
//     input came in.
//   - Any replica can do any step of any command from its record alone.
//
// What an operator allows is said by Options.Policy, as by package policy. The
// bridge knows NATS, HTTP and the environment only through the small interfaces
// in ports.go.
package bridge
