package emulator

// EventKind names what happened.
type EventKind string

const (
	// EventPostReceived is a POST of a command that has arrived, before anything is decided about it.
	EventPostReceived EventKind = "postReceived"
	// EventPostAnswered is a POST whose answer has been written; HTTPStatus is zero when a fault took the answer.
	EventPostAnswered EventKind = "postAnswered"
	// EventStatus is a command that has taken on a status.
	EventStatus EventKind = "status"
	// EventScriptDone is a command whose script has come to its end. Its last postback may still be under way.
	EventScriptDone EventKind = "scriptDone"
	// EventPostbackDelivered is a postback that was answered with 2xx.
	EventPostbackDelivered EventKind = "postbackDelivered"
	// EventPostbackRefused is a postback that was not, and will be sent again.
	EventPostbackRefused EventKind = "postbackRefused"
	// EventPostbackFailed is a postback that was given up.
	EventPostbackFailed EventKind = "postbackFailed"
	// EventPostbackLost is a postback that a fault took: it was never sent.
	EventPostbackLost EventKind = "postbackLost"
)

// Event is something that happened in the emulator. It holds no payload and no callback URL, so that it can be logged.
type Event struct {
	Kind EventKind
	// Seq is the place of the POST in the ledger, from 1; it stands in every event of that POST and its command.
	Seq       int
	DeviceID  string
	CommandID string
	// Status is the command's status that the event is about; empty for the two POST events.
	Status string
	// HTTPStatus is what the emulator answered (EventPostAnswered) or what the receiver answered (postback events).
	HTTPStatus int
	// Attempt counts the deliveries of one postback from 1.
	Attempt int
	// Err says why a delivery failed when there was no answer.
	Err error
}
