// Package batch is Graph's JSON batching, POST {version}/$batch: it takes the requests of a batch apart, has the
// emulator's own handler answer each, and puts the answers together.
package batch
