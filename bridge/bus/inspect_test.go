package bus_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

func TestIdentity(t *testing.T) {
	t.Parallel()
	srv := startNATS(t, &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, ServerName: "n1", JetStream: true, StoreDir: t.TempDir(), Username: "anna", Password: "right",
	})
	b := connect(t, bus.Options{URL: srv.ClientURL(), User: "anna", Password: "right"})
	i := b.Identity(within(t))
	if i.Unknown != nil || i.User != "anna" || i.Account != "$G" || i.Server != "n1" || i.Version != server.VERSION || !i.CertificateEnds.IsZero() {
		t.Errorf("it is %+v", i)
	}
	if have, need, err := b.APILevel(within(t)); err != nil || have < need || need != 2 {
		t.Errorf("API level %d of %d, %v", have, need, err)
	}
}

// TestInspectNamesTheMissingPermission: what may not be asked is known at once, and
// by name.
func TestInspectNamesTheMissingPermission(t *testing.T) {
	t.Parallel()
	srv := startNATS(t, &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(),
		Users: []*server.User{{Username: "anna", Password: "right", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Deny: []string{"$SYS.>", "$JS.API.>", "$SRV.>"}},
		}}},
	})
	b := connect(t, bus.Options{URL: srv.ClientURL(), User: "anna", Password: "right"})
	want := func(err error, subject string) {
		t.Helper()
		if refused, ok := errors.AsType[*bus.DeniedError](err); !ok || refused.Subject != subject || !strings.Contains(err.Error(), subject) {
			t.Errorf("%v, want that %s is not permitted", err, subject)
		}
	}
	want(b.Identity(within(t)).Unknown, "$SYS.REQ.USER.INFO")
	_, _, err := b.APILevel(within(t))
	want(err, "$JS.API.INFO")
	_, err = b.Replicas(within(t))
	want(err, "$SRV.STATS.devicebridge")
	for _, r := range b.CompareStreams(within(t), small()) {
		want(r.Err, "$JS.API.STREAM.INFO."+r.Name)
	}
}

func TestInspectWithoutJetStream(t *testing.T) {
	t.Parallel()
	srv := startNATS(t, &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT})
	b := connect(t, bus.Options{URL: srv.ClientURL()})
	if _, _, err := b.APILevel(within(t)); err == nil || !strings.Contains(err.Error(), "$JS.API.INFO") {
		t.Errorf("without JetStream the level is told with %v", err)
	}
}

func TestCompareStreams(t *testing.T) {
	t.Parallel()
	srv := external(t, t.TempDir())
	b := connect(t, bus.Options{URL: srv.ClientURL()})
	_, js := client(t, srv.ClientURL())
	for _, r := range b.CompareStreams(within(t), small()) {
		if !r.Missing || r.Err != nil {
			t.Errorf("before the start %+v", r)
		}
	}
	ensure(t, b, small())
	for _, r := range b.CompareStreams(within(t), small()) {
		if r.Missing || r.Err != nil || r.Matters+r.Bounds != "" || r.Leaderless || r.Full != 0 || r.Ahead.Abs() > time.Minute {
			t.Errorf("as declared %+v", r)
		}
	}
	if reports := b.CompareStreams(within(t), bus.StreamOptions{}); reports[0].Bounds != "" {
		t.Errorf("a size that nobody set is compared: %+v", reports[0])
	}
	changed(t, js, b, func(c *jetstream.StreamConfig) { c.RePublish, c.MaxAge, c.MaxBytes = nil, time.Hour, 32<<20 })
	r := b.CompareStreams(within(t), small())[0]
	if !strings.Contains(r.Matters, "republish is") || strings.Contains(r.Matters, "max age") ||
		!strings.Contains(r.Bounds, "max age is") || !strings.Contains(r.Bounds, "max bytes is") || r.Name != b.Subjects().EventStream() {
		t.Errorf("of what was changed it tells %+v", r)
	}
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	srv := external(t, t.TempDir())
	asker := connect(t, bus.Options{URL: srv.ClientURL()})
	if _, err := asker.Replicas(within(t)); err == nil || !strings.Contains(err.Error(), "no answer on $SRV.STATS.devicebridge") {
		t.Errorf("where there is none: %v", err)
	}
	paused := events.Standing{Waits: []events.Wait{{For: events.WaitPaused, Reason: "as set"}}, CallbackKeys: []events.KeyPrint{{ID: "k1", Print: "00"}}}
	for _, standing := range []func() events.Standing{nil, func() events.Standing { return paused }} {
		b := connect(t, bus.Options{URL: srv.ClientURL()})
		ready := make(chan struct{})
		answering := []bus.Endpoint{{Name: "signin.get", Handle: func(context.Context, bus.Call) (any, error) { return struct{}{}, nil }}}
		running(t, func(ctx context.Context) error {
			return b.Serve(ctx, bus.ServiceOptions{Version: "1.2.3", Standing: standing, Ready: func() { close(ready) }}, answering)
		})
		receive(t, "readiness", ready)
	}
	list, err := asker.Replicas(within(t))
	if err != nil || len(list) != 2 || list[0].ID == list[1].ID {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, r := range list {
		if r.Version != "1.2.3" || r.Prefix != "devicebridge.v1" {
			t.Errorf("%+v", r)
		}
	}
	if told := slices.DeleteFunc(list, func(r bus.Replica) bool { return r.Standing == nil }); len(told) != 1 || !reflect.DeepEqual(*told[0].Standing, paused) {
		t.Errorf("the replicas say of themselves %+v", told)
	}
}
