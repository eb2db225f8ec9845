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

// guestPermissions is what a client of the embedded server may do without
// credentials: ask, publish to the intake, subscribe, look at streams and have
// consumers of its own on the events. It may not publish events or timers, change
// streams, answer in the bridge's place, or touch the bridge's own consumers.
func guestPermissions(s events.Subjects) *server.Permissions {
	stream := s.EventStream()
	publish := append(s.Requests(),
		"$SRV.>",
		"$JS.API.INFO",
		"$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.*",
		"$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.>",
		"$JS.API.CONSUMER.NAMES.*", "$JS.API.CONSUMER.LIST.*", "$JS.API.CONSUMER.INFO.>",
		"$JS.API.CONSUMER.CREATE."+stream, "$JS.API.CONSUMER.CREATE."+stream+".>",
		"$JS.API.CONSUMER.DURABLE.CREATE."+stream+".*",
		"$JS.API.CONSUMER.DELETE."+stream+".*",
		"$JS.API.CONSUMER.MSG.NEXT."+stream+".*",
		"$JS.ACK."+stream+".>", "$JS.ACK.*.*."+stream+".>", "$JS.FC."+stream+".>",
	)
	ours := stream + "." + dispatchConsumer
	deny := []string{
		"$JS.API.CONSUMER.CREATE." + ours, "$JS.API.CONSUMER.CREATE." + ours + ".>",
		"$JS.API.CONSUMER.DURABLE.CREATE." + ours,
		"$JS.API.CONSUMER.DELETE." + ours,
		"$JS.API.CONSUMER.MSG.NEXT." + ours,
		"$JS.ACK." + ours + ".>", "$JS.ACK.*.*." + ours + ".>",
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: publish, Deny: deny},
		Subscribe: &server.SubjectPermission{Deny: append(s.Reserved(), "$SRV.>", "$JS.>", "$SYS.>")},
		// A guest may serve its own requests to other guests.
		Response: &server.ResponsePermission{MaxMsgs: server.DEFAULT_ALLOW_RESPONSE_MAX_MSGS, Expires: server.DEFAULT_ALLOW_RESPONSE_EXPIRATION},
	}
}
