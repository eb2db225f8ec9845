package bus_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// distant gives a watched bus that reaches an external server through a proxy.
func distant(t *testing.T) (*bus.Bus, *proxy, *lockedBuffer, <-chan change) {
	t.Helper()
	lines := new(lockedBuffer)
	p := newProxy(t, external(t, t.TempDir()).Addr().String())
	b := connect(t, bus.Options{URL: p.url(), Timeout: patience, Log: slog.New(slog.NewTextHandler(lines, nil))})
	ensure(t, b, small())
	changes := watching(t, b, small())
	t.Cleanup(func() { p.losing(nil) }) // or closing b would wait for answers
	return b, p, lines, changes
}

func TestWatchDisconnected(t *testing.T) {
	t.Parallel()
	b, p, lines, changes := distant(t)
	target := p.to("")
	wantChange(t, changes, bus.Disconnected, true)
	_, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(numbered(1), 1), 0)
	wantCode(t, err, events.CodeUnavailable)
	p.to(target)
	wantChange(t, changes, bus.Disconnected, false)
	storing(t, b)
	lines.wantToldOnce(t, "WARN", bus.Disconnected)
	if lines.count("level=WARN") != 1 {
		t.Errorf("more is told than the trouble:\n%s", lines)
	}
}

// TestWatchNoAnswer: a network that swallows everything is noticed while the
// connection stands, and everything goes on after it.
func TestWatchNoAnswer(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]loss{"replies lost": replies, "requests lost": requests, "all lost": all} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, p, lines, changes := distant(t)
			p.losing(lose)
			wantChange(t, changes, bus.NoAnswer, true)
			p.losing(nil)
			untilCalm(t, b)
			storing(t, b)
			lines.wantToldOnce(t, "WARN", bus.NoAnswer)
		})
	}
}

// TestWatchMoves: from a server that is cut off the bridge goes to another one.
func TestWatchMoves(t *testing.T) {
	t.Parallel()
	srv := external(t, t.TempDir())
	one, other := newProxy(t, srv.Addr().String()), newProxy(t, srv.Addr().String())
	b := connect(t, bus.Options{URL: one.url() + "," + other.url(), Timeout: patience})
	ensure(t, b, small())
	watching(t, b, small())
	if b.URL() != one.url() {
		one, other = other, one
	}
	t.Cleanup(func() { one.losing(nil) })
	one.losing(all)
	until(t, "a connection to the other server", func() bool { return b.URL() == other.url() })
	untilCalm(t, b)
	storing(t, b)
}

// TestWatchDeaf: a server that answers reads and swallows appends, as one whose
// disk is full does, is noticed by the appends.
func TestWatchDeaf(t *testing.T) {
	t.Parallel()
	b, p, _, changes := distant(t)
	storing(t, b)
	p.losing(func(toServer bool, piece []byte) bool {
		return toServer && bytes.Contains(piece, []byte("PUB "+b.Subjects().Prefix()+".append."))
	})
	done := appending(within(t), b, numbered(1), 1, 0)
	wantChange(t, changes, bus.NoAnswer, true)
	p.losing(nil)
	if got := receive(t, "end of the append", done); got.err != nil {
		t.Error(got.err)
	}
	wantChange(t, changes, bus.NoAnswer, false)
}

// TestWatchQuorum: a cluster without a majority has no leader.
func TestWatchQuorum(t *testing.T) {
	t.Parallel()
	options := clusterOptions(t)
	var servers []*server.Server
	for _, o := range options {
		servers = append(servers, startNATS(t, o))
	}
	untilClustered(t, servers)
	lines := new(lockedBuffer)
	b := connect(t, bus.Options{URL: servers[0].ClientURL(), Timeout: patience, Log: slog.New(slog.NewTextHandler(lines, nil))})
	streams := small()
	streams.Replicas = 3
	ensure(t, b, streams)
	storing(t, b)
	changes := watching(t, b, streams)
	for _, srv := range servers[1:] {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
	wantChange(t, changes, bus.NoAnswer, true)
	_, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(numbered(1), 1), 0)
	wantCode(t, err, events.CodeUnavailable)
	for _, o := range options[1:] {
		startNATS(t, o)
	}
	until(t, "an append with a majority", func() bool {
		_, err := b.Append(within(t), events.KindOf(events.StateAccepted), record(events.RandomCommandID(), 1), 0)
		return err == nil
	})
	untilCalm(t, b)
	if lines.count("trouble=streamMissing") > 0 {
		t.Errorf("a stream without a leader passed for a missing one:\n%s", lines)
	}
}
