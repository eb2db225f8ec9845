// Package crash names the points at which the proof kills the bridge.
//
// In a normal build At is empty and Without is false: the compiler removes both,
// and nothing is left of this package. Built with the tag "crash", the process
// named by the environment kills itself with SIGKILL at a point, and one law can
// be switched off, so that the proof can be seen to fail.
package crash

// Point is a place between two steps that must survive each other's loss.
type Point string

// The points, in the order of a command's life.
const (
	// SendStored: a requested command is stored, its receipt not yet given.
	SendStored Point = "send.stored"
	// IntakeTaken: a queued request is about to be stored.
	IntakeTaken Point = "intake.taken"
	// IntakeStored: it is stored, or refused, and still in the queue.
	IntakeStored Point = "intake.stored"

	// DispatchArmed: the timer of a claim stands, the claim does not.
	DispatchArmed Point = "dispatch.armed"
	// DispatchClaimed: the claim is stored, nothing is sent.
	DispatchClaimed Point = "dispatch.claimed"
	// DispatchPosted: Graph answered, the answer is not stored.
	DispatchPosted Point = "dispatch.posted"
	// DispatchSettled: the answer is stored, the delivery not acknowledged.
	DispatchSettled Point = "dispatch.settled"

	// FoldRead: a postback has come and its command was read.
	FoldRead Point = "fold.read"
	// FoldPart: the first of two events of one input is stored.
	FoldPart Point = "fold.part"
	// FoldStored: what follows from a postback is stored, it is not answered.
	FoldStored Point = "fold.stored"

	// TimerFired: a due timer was delivered and nothing done.
	TimerFired Point = "timers.fired"
	// TimerArmed: a timer was set, what it is for is not checked again.
	TimerArmed Point = "timers.armed"
	// TimerAsked: Graph answered a poll, nothing of it is stored.
	TimerAsked Point = "timers.asked"
	// TimerWorked: all that was due is done, the timer not acknowledged.
	TimerWorked Point = "timers.worked"

	// PayloadStored: a large payload is an object, its event is not stored.
	PayloadStored Point = "payload.stored"

	// EraseMarked: an erasure is stored as the last event, nothing is erased.
	EraseMarked Point = "erase.marked"
	// ErasePart: a message of several is erased.
	ErasePart Point = "erase.part"

	// StopBegun: the stop was asked for, everything still runs.
	StopBegun Point = "stop.begun"
	// StopWorked: what was under way is finished, NATS is still connected.
	StopWorked Point = "stop.worked"
	// StopDrained: NATS is drained, the embedded server still runs.
	StopDrained Point = "stop.drained"
)

// Points lists every point.
func Points() []Point {
	return []Point{
		SendStored, IntakeTaken, IntakeStored,
		DispatchArmed, DispatchClaimed, DispatchPosted, DispatchSettled,
		FoldRead, FoldPart, FoldStored,
		TimerFired, TimerArmed, TimerAsked, TimerWorked,
		PayloadStored,
		EraseMarked, ErasePart,
		StopBegun, StopWorked, StopDrained,
	}
}

// Law is a rule of the bridge that the proof can switch off.
type Law string

// The laws that can be switched off.
const (
	// ClaimFirst: nothing is sent before its claim is stored.
	ClaimFirst Law = "claim"
	// NonceProof: an append counts as won only if it is proven to be this one.
	NonceProof Law = "nonce"
)
