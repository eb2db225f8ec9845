// Package load puts load on a server and measures what it takes: postbacks over
// HTTP, closed loop or at a constant rate, and commands over NATS with the Graph
// that they are sent to.
//
// It promises that a latency at a constant rate counts from when the request was
// meant to be sent, so that a server that stalls is charged for everybody whom it
// kept waiting; that an answer which is not the expected one is an error and never
// a number; and that the four postbacks of one command go one after the other over
// one connection. It speaks HTTP/1.1 with bytes made beforehand, because the
// generator must not be what is measured; it is no HTTP client for anything else.
package load
