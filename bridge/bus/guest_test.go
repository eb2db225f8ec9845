package bus_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"devicebridge/events"
)

// The streams of the default prefix, as a guest spells them in API subjects.
const (
	eventStream  = "DEVICEBRIDGE_V1_EVENTS"
	intakeStream = "DEVICEBRIDGE_V1_INTAKE"
	timerStream  = "DEVICEBRIDGE_V1_TIMERS"

	inventoryStream = "DEVICEBRIDGE_V1_INVENTORY"

	responseBucket = "DEVICEBRIDGE_V1_RESPONSES"
	responseStream = "OBJ_" + responseBucket
)

func TestGuestPublishes(t *testing.T) {
	_, server := start(t)
	tests := map[bool][]string{
		true: {
			"devicebridge.v1.commands.send", "devicebridge.v1.commands.get", "devicebridge.v1.commands.list", "devicebridge.v1.commands.cancel",
			"devicebridge.v1.callbacks.create", "devicebridge.v1.devices.list", "devicebridge.v1.directory.devices.memberOf.list", "devicebridge.v1.intake.send",
			"$SRV.PING", "$SRV.INFO", "$SRV.INFO.devicebridge", "$SRV.STATS.devicebridge.id",
			"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST",
			"$JS.API.STREAM.INFO." + eventStream, "$JS.API.STREAM.INFO." + intakeStream, "$JS.API.STREAM.INFO." + responseStream,
			"$JS.API.STREAM.MSG.GET." + eventStream, "$JS.API.DIRECT.GET." + eventStream, "$JS.API.DIRECT.GET." + eventStream + ".a.b",
			"$JS.API.CONSUMER.NAMES." + eventStream, "$JS.API.CONSUMER.LIST." + timerStream, "$JS.API.CONSUMER.INFO." + intakeStream + ".intake",
			"$JS.API.CONSUMER.CREATE." + eventStream + ".mine", "$JS.API.CONSUMER.CREATE." + eventStream + ".mine.devicebridge.v1.events.>",
			"$JS.API.CONSUMER.DURABLE.CREATE." + eventStream + ".mine", "$JS.API.CONSUMER.DELETE." + eventStream + ".mine",
			"$JS.API.CONSUMER.MSG.NEXT." + eventStream + ".mine", "$JS.ACK." + eventStream + ".mine.1.1.1.1.0", "$JS.FC." + eventStream + ".mine.1", "$JS.FC." + inventoryStream + ".mine.1",
			"$JS.API.STREAM.INFO." + inventoryStream, "$JS.API.STREAM.MSG.GET." + inventoryStream, "$JS.API.DIRECT.GET." + inventoryStream + ".a.b",
			"$JS.API.CONSUMER.CREATE." + inventoryStream + ".mine.devicebridge.v1.inventory.>",
			"$JS.API.CONSUMER.DURABLE.CREATE." + inventoryStream + ".mine", "$JS.API.CONSUMER.DELETE." + inventoryStream + ".mine",
			"$JS.API.CONSUMER.MSG.NEXT." + inventoryStream + ".mine", "$JS.ACK." + inventoryStream + ".mine.1.1.1.1.0",
		},
		false: {
			"devicebridge.v1.append.a.b.accepted", "devicebridge.v1.append.x", "devicebridge.v1.events.a.b.accepted",
			"devicebridge.v1.append.inventory.device.a.created", "devicebridge.v1.append.inventory.cursor", "devicebridge.v1.inventory.a.created",
			"$JS.API.STREAM.UPDATE." + inventoryStream, "$JS.API.STREAM.DELETE." + inventoryStream, "$JS.API.STREAM.PURGE." + inventoryStream,
			"$JS.API.STREAM.MSG.DELETE." + inventoryStream, "$JS.API.STREAM.CREATE." + inventoryStream, "$JS.API.CONSUMER.CREATE." + inventoryStream,
			"devicebridge.v1.timers.at.a", "devicebridge.v1.timers.due.a", "devicebridge.v1.intake.other", "devicebridge.v1.other",
			"other.v1.append.a.b.accepted", "_INBOX.abc", "anything", "$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.BRIDGE.CONNZ",
			"$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.UPDATE." + eventStream, "$JS.API.STREAM.DELETE." + eventStream,
			"$JS.API.STREAM.PURGE." + eventStream, "$JS.API.STREAM.MSG.DELETE." + eventStream, "$JS.API.STREAM.SNAPSHOT." + eventStream,
			"$JS.API.STREAM.RESTORE." + eventStream, "$JS.API.STREAM.LEADER.STEPDOWN." + eventStream, "$JS.API.STREAM.PEER.REMOVE." + eventStream,
			"$JS.API.META.LEADER.STEPDOWN", "$JS.API.SERVER.REMOVE", "$JS.API.ACCOUNT.PURGE.BRIDGE",
			"$JS.API.STREAM.MSG.GET." + intakeStream, "$JS.API.STREAM.MSG.GET." + timerStream,
			"$JS.API.DIRECT.GET." + intakeStream, "$JS.API.DIRECT.GET." + intakeStream + ".devicebridge.v1.intake.send",
			"$O." + responseBucket + ".C.id", "$O." + responseBucket + ".M.bmFtZQ==", "$O." + responseBucket, "$O.OTHER.M.bmFtZQ==",
			"$JS.API.STREAM.UPDATE." + responseStream, "$JS.API.STREAM.DELETE." + responseStream, "$JS.API.STREAM.PURGE." + responseStream,
			"$JS.API.STREAM.MSG.DELETE." + responseStream, "$JS.API.STREAM.RESTORE." + responseStream, "$JS.API.STREAM.SNAPSHOT." + responseStream,
			"$JS.API.STREAM.MSG.GET." + responseStream, "$JS.API.DIRECT.GET." + responseStream, "$JS.API.DIRECT.GET." + responseStream + ".$O.x",
			"$JS.API.CONSUMER.CREATE." + responseStream, "$JS.API.CONSUMER.CREATE." + responseStream + ".mine",
			"$JS.API.CONSUMER.DURABLE.CREATE." + responseStream + ".mine", "$JS.API.STREAM.CREATE." + responseStream,
			// The name stands in the body of the oldest form.
			"$JS.API.CONSUMER.CREATE." + eventStream,
			"$JS.API.CONSUMER.CREATE." + eventStream + ".dispatch", "$JS.API.CONSUMER.CREATE." + eventStream + ".dispatch.devicebridge.v1.events.>",
			"$JS.API.CONSUMER.DURABLE.CREATE." + eventStream + ".dispatch", "$JS.API.CONSUMER.DELETE." + eventStream + ".dispatch",
			"$JS.API.CONSUMER.MSG.NEXT." + eventStream + ".dispatch", "$JS.API.CONSUMER.PAUSE." + eventStream + ".dispatch",
			"$JS.API.CONSUMER.RESET." + eventStream + ".dispatch", "$JS.API.CONSUMER.UNPIN." + eventStream + ".dispatch",
			"$JS.API.CONSUMER.LEADER.STEPDOWN." + eventStream + ".dispatch",
			"$JS.API.CONSUMER.CREATE." + intakeStream + ".mine", "$JS.API.CONSUMER.DURABLE.CREATE." + intakeStream + ".mine",
			"$JS.API.CONSUMER.DELETE." + intakeStream + ".intake", "$JS.API.CONSUMER.MSG.NEXT." + intakeStream + ".intake",
			"$JS.API.CONSUMER.CREATE." + timerStream + ".mine", "$JS.API.CONSUMER.MSG.NEXT." + timerStream + ".timers",
			"$JS.ACK." + eventStream + ".dispatch.1.1.1.1.0", "$JS.ACK." + intakeStream + ".intake.1.1.1.1.0", "$JS.ACK." + timerStream + ".timers.1.1.1.1.0",
			// Read as the older form, this one acknowledges the intake's first message.
			"$JS.ACK." + intakeStream + ".intake." + eventStream + ".1.1.1.0",
			"$JS.ACK._.hash." + eventStream + ".dispatch.1.1.1.1.0",
			"$JS.FC." + intakeStream + ".intake.1", "$JS.FC." + timerStream + ".timers.1",
			// Where the server leads the making of consumers.
			"$JS.GUESTS.CONSUMER.CREATE." + intakeStream + ".mine", "$JS.GUESTS.CONSUMER.CREATE." + eventStream + ".dispatch", "$JS.PULL.CONSUMER.CREATE." + eventStream + ".mine",
		},
	}
	for allowed, subjects := range tests {
		for _, subject := range subjects {
			nc, _ := client(t, server.URL())
			if err := nc.Publish(subject, nil); err != nil {
				t.Fatal(err)
			}
			wantAllowed(t, nc, "publish to "+subject, allowed)
		}
	}
}

func TestGuestSubscribes(t *testing.T) {
	_, server := start(t)
	tests := map[bool][]string{
		true: {
			"devicebridge.v1.events.>", "devicebridge.v1.events.*.*.completed", "devicebridge.v1.events.a.b.accepted", "_INBOX.>", "anything.>", ">",
			"devicebridge.v1.inventory.>", "devicebridge.v1.inventory.*.created",
		},
		false: {
			"devicebridge.v1.append.>", "devicebridge.v1.append.a.b.accepted", "devicebridge.v1.append.inventory.cursor", "devicebridge.v1.timers.>", "devicebridge.v1.timers.due.*",
			"devicebridge.v1.commands.>", "devicebridge.v1.commands.send", "devicebridge.v1.callbacks.create", "devicebridge.v1.devices.*",
			"devicebridge.v1.directory.>", "devicebridge.v1.directory.devices.list", "devicebridge.v1.intake.>", "devicebridge.v1.intake.send",
			"$SRV.>", "$SRV.PING", "$SRV.INFO.devicebridge", "$JS.>", "$JS.API.>", "$JS.ACK.>", "$JS.EVENT.>", "$SYS.>",
		},
	}
	for allowed, subjects := range tests {
		for _, subject := range subjects {
			for _, queue := range []string{"", "q"} {
				nc, _ := client(t, server.URL())
				if _, err := nc.QueueSubscribeSync(subject, queue); err != nil {
					t.Fatal(err)
				}
				wantAllowed(t, nc, "subscribe to "+subject+" as "+queue, allowed)
			}
		}
	}
}

// wantAllowed asks the server whether it refused what nc did last: it reports a
// refusal before it answers the ping of a flush.
func wantAllowed(t *testing.T, nc *nats.Conn, what string, allowed bool) {
	t.Helper()
	if err := nc.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	err := nc.LastError()
	if err != nil && !errors.Is(err, nats.ErrPermissionViolation) {
		t.Fatal(err)
	}
	if got := err == nil; got != allowed {
		t.Errorf("%s: allowed is %t, want %t", what, got, allowed)
	}
}

// TestGuestWideSubscription: a subscription to everything may be made, and gives
// nothing that the guest could not subscribe to by name.
func TestGuestWideSubscription(t *testing.T) {
	b, server := start(t)
	serving(t, b)
	curious, _ := client(t, server.URL())
	everything, err := curious.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	wantAllowed(t, curious, "subscribe to >", true)
	asking, _ := client(t, server.URL())
	for _, subject := range []string{"devicebridge.v1.commands.send", "devicebridge.v1.intake.send", "$SRV.PING", "$JS.API.INFO"} {
		if _, err := asking.RequestWithContext(within(t), subject, []byte("{}")); err != nil {
			t.Fatalf("%s: %v", subject, err)
		}
	}
	seq := appended(t, b, numbered(1), 1)
	var seen []string
	for !slices.Contains(seen, b.Subjects().Event(numbered(1), "device", events.KindOf(events.StateAccepted))) {
		msg, err := everything.NextMsgWithContext(within(t))
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, msg.Subject)
	}
	for _, subject := range seen {
		if !strings.HasPrefix(subject, "_INBOX.") && !strings.HasPrefix(subject, "devicebridge.v1.events.") {
			t.Errorf("it sees %s", subject)
		}
	}
	if latest, err := b.Latest(t.Context(), numbered(1)); err != nil || latest.Sequence != seq {
		t.Errorf("latest = %d, %v", latest.Sequence, err)
	}
}
