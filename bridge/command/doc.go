// Package command is the life of a command as pure functions: which event
// follows from a record and an input. It does no I/O, reads no clock and holds
// nothing between calls.
//
// Its promises, each held by a test:
//
//  1. Apply never changes its argument, and Apply of an input to what it gave
//     for that input gives nothing: a repeat publishes nothing.
//  2. The sequence numbers of the events it gives continue the record's without
//     a gap, whatever the order and repetition of the inputs.
//  3. A terminal state stays. Only timedOut gives way to a terminal status from
//     Graph, and each but erased to an erasure; nothing follows on that.
//  4. Every cell of state x input is decided by the one table in table.go; what
//     it does not list changes nothing. LIFECYCLE.md is drawn from it.
//  5. However many inputs come, a command publishes a bounded number of events.
//
// It leaves out who may ask, when to send and how to store: see package bridge.
package command
