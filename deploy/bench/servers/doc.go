// Package servers are the servers that the bridge is held against, each run as a
// process of its own by the benchmark: three floors of what an answer to a postback
// costs at least, a peer that somebody would write with Watermill, with its NATS
// server inside or beside it, and a bare forwarder from NATS to Graph.
//
// None of them is of use for anything else. What each leaves out of the bridge's
// work is said where it is made.
package servers
