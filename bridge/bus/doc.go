// Package bus is the bridge's side of NATS: the connection, the embedded server,
// the streams, the compare-and-set append, the reads, the consumers, the timers,
// the object store and the micro service. It is the only package that imports NATS.
//
// Its promises:
//
//   - Append gives a sequence only when the event is proven to be stored as the
//     next one of its command: acknowledged, or seen in a read from the stream's
//     leader under the nonce of this append.
//   - Latest is answered by the stream's leader. What it does not find is not
//     there.
//   - CommitInventory stores events of the inventory feed and the cursor that they
//     were made up to together, and only where the cursor is still the one that they
//     were made from.
//   - A consumer's handler sees each message at least once, and the message is
//     acknowledged only when the handler says it is done.
//   - A timer, once Arm returned without error, fires at least once at or shortly
//     after its time, whatever is killed in between; it may fire twice. The one
//     way to lose it is the timer stream's size limit, where the oldest gives way,
//     so timers are hints that the bridge's sweep sets anew.
//   - A payload that PutPayload gave a place for is stored whole and stays for the
//     streams' age limit; what is read back is that payload or an error.
//   - While Watch runs, what is wrong with NATS is told once, and mended where that
//     is safe.
//   - Nothing is buffered in memory and called stored.
//
// It decides nothing about commands: see package bridge.
package bus
