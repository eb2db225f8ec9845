package bus

import (
	"github.com/nats-io/nats-server/v2/server"

	"devicebridge/events"
)

// The names of the bridge's own durable consumers.
const (
	dispatchConsumer = "dispatch"
	intakeConsumer   = "intake"
	timersConsumer   = "timers"
)

// guestRequests lists where a client of the embedded server may publish without
// credentials: it may ask, publish to the intake, look at streams, and read the
// streams of events and of the inventory through consumers of its own.
func guestRequests(s events.Subjects) []string {
	list := append(s.Requests(),
		"$SRV.>",
		"$JS.API.INFO",
		"$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.*",
		"$JS.API.CONSUMER.NAMES.*", "$JS.API.CONSUMER.LIST.*", "$JS.API.CONSUMER.INFO.*.*",
	)
	list = append(list, gated(s)...)
	for _, stream := range guestStreams(s) {
		list = append(list,
			"$JS.API.STREAM.MSG.GET."+stream, "$JS.API.DIRECT.GET."+stream, "$JS.API.DIRECT.GET."+stream+".>",
			"$JS.API.CONSUMER.DELETE."+stream+".*",
			"$JS.API.CONSUMER.MSG.NEXT."+stream+".*",
			// Only the form that this server gives to its messages. A filter for the
			// newer one, $JS.ACK.*.*.<stream>.>, would also match acknowledgements of
			// other streams in this one.
			"$JS.ACK."+stream+".>",
			// Push consumers with flow control.
			"$JS.FC."+stream+".>",
		)
	}
	return list
}

// guestStreams are the streams on which guests may have consumers.
func guestStreams(s events.Subjects) []string { return []string{s.EventStream(), s.InventoryStream()} }

// guestPermissions is what such a client may do inside the guests' account. It
// may not touch the bridge's own consumer, answer in the bridge's place, or
// publish anything else, such as an event.
func guestPermissions(s events.Subjects) *server.Permissions {
	ours := s.EventStream() + "." + dispatchConsumer
	deny := []string{
		"$JS.API.CONSUMER.CREATE." + ours, "$JS.API.CONSUMER.CREATE." + ours + ".>",
		"$JS.API.CONSUMER.DURABLE.CREATE." + ours,
		"$JS.API.CONSUMER.DELETE." + ours,
		"$JS.API.CONSUMER.MSG.NEXT." + ours,
		"$JS.ACK." + ours + ".>",
	}
	return &server.Permissions{
		// The server itself answers, to each who it is.
		Publish:   &server.SubjectPermission{Allow: append(guestRequests(s), "$SYS.REQ.USER.INFO"), Deny: deny},
		Subscribe: &server.SubjectPermission{Deny: append(s.Reserved(), "$SRV.>", "$JS.>", "$SYS.>")},
	}
}
