package bus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestDenied: what a NATS server denies is not waited for, and the error names the
// subject. The time-out is so long that a wait would fail the test.
func TestDenied(t *testing.T) {
	t.Parallel()
	accepted := events.KindOf(events.StateAccepted)
	do := map[string]func(*testing.T, *bus.Bus) error{
		"append": func(t *testing.T, b *bus.Bus) error {
			_, err := b.Append(t.Context(), accepted, record(numbered(1), 1), 0)
			return err
		},
		"arm": func(t *testing.T, b *bus.Bus) error {
			return b.Arm(t.Context(), numbered(1), record(numbered(1), 1).ExpiresAt)
		},
		"put state": func(t *testing.T, b *bus.Bus) error {
			_, err := b.PutState(t.Context(), "key", []byte("value"), 0)
			return err
		},
		"put payload": func(t *testing.T, b *bus.Bus) error {
			_, err := b.PutPayload(t.Context(), "name", []byte("payload"))
			return err
		},
		"commit the inventory": func(t *testing.T, b *bus.Bus) error {
			_, err := b.CommitInventory(t.Context(), nil, []byte("{}"), 0)
			return err
		},
		"read": func(t *testing.T, b *bus.Bus) error {
			_, err := b.Latest(t.Context(), numbered(2))
			if events.HasCode(err, events.CodeNotFound) {
				return nil
			}
			return err
		},
		"ensure": func(t *testing.T, b *bus.Bus) error { return b.Ensure(t.Context(), inventoried()) },
	}
	tests := []struct{ what, deny, words string }{
		{"append", "devicebridge.v1.append.>", "devicebridge.v1.append." + numbered(1) + ".device.accepted"},
		{"arm", "devicebridge.v1.timers.>", "devicebridge.v1.timers.at." + numbered(1)},
		{"put state", "$KV.>", "$KV.DEVICEBRIDGE_V1_STATE.key"},
		{"put payload", "$O.>", "$O." + responseBucket + ".C."},
		{"put payload", "$O.*.M.>", "$O." + responseBucket + ".M."},
		{"commit the inventory", "devicebridge.v1.append.>", "devicebridge.v1.append.inventory.cursor"},
		{"read", "$JS.API.STREAM.MSG.GET.>", "$JS.API.STREAM.MSG.GET." + eventStream},
		{"append", "$JS.API.STREAM.MSG.GET." + eventStream, ""},
		{"ensure", "$JS.API.INFO", "$JS.API.INFO"},
		{"ensure", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.NAMES"},
		{"ensure", "$JS.API.STREAM.INFO." + eventStream, "$JS.API.STREAM.INFO." + eventStream},
	}
	for _, tt := range tests {
		t.Run(tt.what+" without "+tt.deny, func(t *testing.T) {
			srv := startNATS(t, &server.Options{
				Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(),
				Users: []*server.User{
					{Username: "free", Password: "p"},
					{Username: "bound", Password: "p", Permissions: &server.Permissions{
						Publish: &server.SubjectPermission{Deny: []string{tt.deny}},
					}},
				},
			})
			ensure(t, connect(t, bus.Options{URL: srv.ClientURL(), User: "free", Password: "p"}), inventoried())
			bound := connect(t, bus.Options{URL: srv.ClientURL(), User: "bound", Password: "p", Timeout: time.Hour})
			err := do[tt.what](t, bound)
			if tt.words == "" {
				if err != nil {
					t.Fatalf("the control: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), "denies publishing to "+tt.words) {
				t.Fatalf("error %v, want it to name %s", err, tt.words)
			}
			if tt.what != "arm" && tt.what != "ensure" && !events.HasCode(err, events.CodeUnavailable) {
				t.Errorf("error %v, want unavailable", err)
			}
			// Another one of the same kind, by who may, is not touched.
			if err := do[tt.what](t, connect(t, bus.Options{URL: srv.ClientURL(), User: "free", Password: "p"})); err != nil {
				t.Errorf("the control: %v", err)
			}
		})
	}
}

// TestDeniedSubscription: the server's word about a subscription is no denial of a
// publish to the same subject.
func TestDeniedSubscription(t *testing.T) {
	t.Parallel()
	srv := startNATS(t, &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(),
		Users: []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{
			Subscribe: &server.SubjectPermission{Deny: []string{"devicebridge.v1.events.>"}},
		}}},
	})
	b := connect(t, bus.Options{URL: srv.ClientURL(), User: "u", Password: "p"})
	ensure(t, b, small())
	if _, stop, err := b.SubscribeCommand(t.Context(), numbered(1)); err == nil {
		stop()
	}
	if seq := appended(t, b, numbered(1), 1); seq != 1 {
		t.Errorf("sequence %d", seq)
	}
	nc, _ := client(t, srv.ClientURL(), nats.UserInfo("u", "p"))
	if _, err := nc.SubscribeSync("devicebridge.v1.events.>"); err != nil {
		t.Fatal(err)
	}
	wantAllowed(t, nc, "the control: subscribe to events", false)
}

// TestAClientIsToldWhatIsNotPermitted at once, with the subject and what may be at
// fault; a wait for an answer that cannot come would fail the test.
func TestAClientIsToldWhatIsNotPermitted(t *testing.T) {
	t.Parallel()
	srv := startNATS(t, &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(),
		Users: []*server.User{
			{Username: "all", Password: "right"},
			{Username: "anna", Password: "right", Permissions: &server.Permissions{
				Publish:   &server.SubjectPermission{Allow: []string{"$JS.API.STREAM.INFO.DEVICEBRIDGE_V1_EVENTS"}},
				Subscribe: &server.SubjectPermission{Deny: []string{"devicebridge.v1.events.>"}},
			}},
			{Username: "none", Password: "right", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{">"}}}},
		},
	})
	maker := connect(t, bus.Options{URL: srv.ClientURL(), User: "all", Password: "right"})
	if err := maker.Ensure(within(t), small()); err != nil {
		t.Fatal(err)
	}
	anna := connect(t, bus.Options{URL: srv.ClientURL(), User: "anna", Password: "right", Timeout: time.Hour})
	none := connect(t, bus.Options{URL: srv.ClientURL(), User: "none", Password: "right", Timeout: time.Hour})
	see := func(events.Stored) error { return nil }
	for what, err := range map[string]error{
		"publish to devicebridge.v1.commands.get":                   anna.Request(within(t), "commands.get", struct{}{}, nil, time.Minute),
		"publish to devicebridge.v1.intake.send":                    func() error { _, err := anna.Enqueue(within(t), events.Request{}); return err }(),
		"publish to $JS.API.CONSUMER.CREATE.DEVICEBRIDGE_V1_EVENTS": anna.Follow(within(t), bus.FollowOptions{}, see),
		"publish to $JS.API.STREAM.INFO.DEVICEBRIDGE_V1_EVENTS":     none.Follow(within(t), bus.FollowOptions{}, see),
		"subscribe to devicebridge.v1.events.": func() error {
			_, _, err := anna.SubscribeCommand(within(t), numbered(1))
			return err
		}(),
	} {
		if !events.HasCode(err, events.CodeForbidden) || !strings.Contains(err.Error(), "NATS does not permit this client to "+what) ||
			!strings.Contains(err.Error(), "devicebridge.v1 the subject prefix of the bridge") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
