package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/lograte"
	"devicebridge/events"
)

// Options say where NATS is and how to sign in. Names follow the nats CLI's.
type Options struct {
	// URL is one or more server URLs, comma separated. Ignored with Server.
	URL string
	// Server is the embedded server to connect to inside the process.
	Server *Server
	// Name is shown by the server for this connection.
	Name string

	User, Password string
	Token          string
	CredsFile      string
	NKeyFile       string
	CAFile         string
	CertFile       string
	KeyFile        string
	// InboxPrefix is where answers are expected, where permissions ask for another than
	// _INBOX; empty: that. TLSFirst begins with TLS before the server says a word.
	InboxPrefix string
	TLSFirst    bool

	Subjects events.Subjects
	// Wait keeps trying while no server answers, instead of giving up at once.
	Wait bool
	// Timeout bounds one request or append where the context has no earlier
	// deadline. Zero: 5 s.
	Timeout time.Duration
	// SyncEach leaves each append to the event stream a sync of the disk of its own,
	// where the embedded server syncs at all. By default those that wait at the same
	// time share one.
	SyncEach bool
	Log      *slog.Logger
	// Inject, if not nil, puts what ctx knows of a trace into the headers of an event
	// or a timer before it is stored.
	Inject func(ctx context.Context, header map[string][]string)
	// Hooks are for metrics.
	Hooks Hooks
}

// Bus is a connection to NATS with the bridge's view of it. It is safe for
// concurrent use.
type Bus struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	server   *Server // nil with an external server
	subjects events.Subjects
	timeout  time.Duration
	log      *slog.Logger
	inject   func(context.Context, map[string][]string)
	hooks    Hooks
	closed   chan struct{}
	// group is nil where appends do not wait for a sync of the disk each.
	group   *group
	usage   usage
	denials denials
	// attempt is why the last attempt to connect again reached no server.
	attempt atomic.Pointer[error]
	watched watched
	// works are what Watch looks at beside the streams.
	works works
	// lines limits the log of what the server reports, which a requester causes, for
	// example by a reply subject that this client may not publish to.
	lines lograte.Limiter

	// quorums are those of the event stream and of the payloads' stream.
	quorums [2]*quorum
	// memory is what Watch begins with; nil: what it sees first.
	memory *memory
	// acked is the highest acknowledged sequence of the event stream.
	acked atomic.Uint64
	// witness is nil until there is one.
	witness atomic.Pointer[Witness]
}

// Connect connects to NATS and stays connected: it reconnects for ever, because
// a bridge that gave up after the client's default two minutes would need a
// restart by hand.
func Connect(ctx context.Context, o Options) (*Bus, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Inject == nil {
		o.Inject = func(context.Context, map[string][]string) {}
	}
	b := &Bus{
		server: o.Server, subjects: o.Subjects, timeout: o.Timeout, log: o.Log, inject: o.Inject, hooks: o.Hooks.complete(),
		closed: make(chan struct{}), quorums: [2]*quorum{newQuorum(), newQuorum()},
	}
	b.watched.changed = make(chan struct{}, 1)
	if o.Server != nil && !o.Server.o.LazySync && !o.SyncEach {
		b.group = newGroup(eventPublisher{b})
	}
	connected := make(chan struct{}, 1)
	opts, err := b.natsOptions(o)
	if err != nil {
		return nil, err
	}
	opts = append(opts,
		nats.ConnectHandler(func(*nats.Conn) {
			b.hooks.Connected(true)
			connected <- struct{}{}
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(b.closed) }),
	)
	if b.nc, err = nats.Connect(o.URL, opts...); err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", safeURL(o), withoutURL(err))
	}
	if err := b.await(ctx, connected, safeURL(o)); err != nil {
		return nil, err
	}
	if b.js, err = jetstream.New(b.nc, jetstream.WithPublishAsyncMaxPending(maxUnacknowledged), jetstream.WithPublishAsyncTimeout(b.timeout)); err != nil {
		return nil, errors.Join(fmt.Errorf("JetStream client: %w", err), b.Close(ctx))
	}
	return b, nil
}

// await waits for the first connection to NATS, and says meanwhile why there is none.
func (b *Bus) await(ctx context.Context, connected <-chan struct{}, url string) error {
	if !b.nc.IsConnected() {
		b.log.Warn("NATS does not answer; waiting for it", "url", url, "reason", b.unconnected())
		b.hooks.Waiting(b.unconnected())
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-connected:
			b.hooks.Waiting("")
			return nil
		case <-ctx.Done():
			why := b.unconnected()
			b.nc.Close()
			<-b.closed
			return fmt.Errorf("connect to NATS at %s: %w (%s)", url, context.Cause(ctx), why)
		case <-tick.C:
			b.waits(b.unconnected())
		}
	}
}

// waits tells why a start waits, and logs it: what is new at once, the same once a
// minute.
func (b *Bus) waits(why string) {
	b.hooks.Waiting(why)
	if b.watched.news(nil, why) {
		b.log.Warn("still waiting for NATS", "reason", why)
	}
}

// unconnected says why there is no connection, as far as the last attempt tells.
func (b *Bus) unconnected() string {
	// The client library keeps the error of a server that refused, and tells that of
	// one that could not be reached.
	err := b.nc.LastError()
	if attempt := b.attempt.Load(); err == nil && attempt != nil {
		err = *attempt
	}
	if err == nil {
		return "no connection to NATS"
	}
	return "no connection to NATS: " + err.Error()
}

// subscribed is how many messages a subscription holds that its reader has not taken
// yet. A command has some two hundred events, and the pauses of other replicas are
// taken at once. The client's default of 65536 costs half a megabyte for each request
// that waits.
const subscribed = 2048

func (b *Bus) natsOptions(o Options) ([]nats.Option, error) {
	opts := []nats.Option{
		nats.Name(o.Name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, time.Second),
		// A publish during an outage must fail at once, not wait in a buffer and be
		// called sent.
		nats.ReconnectBufSize(-1),
		nats.RetryOnFailedConnect(o.Wait),
		nats.SyncQueueLen(subscribed),
		// The client's default of two minutes, twice, is long for a server that went
		// without a word.
		nats.PingInterval(20 * time.Second),
		// Credentials may be wrong for a while, as when they are rotated.
		nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil: closed on purpose
				o.Log.Log(context.Background(), b.watched.level(slog.LevelWarn), "NATS disconnected", "error", err)
			}
			b.hooks.Connected(false)
			b.watched.poke()
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			b.hooks.Connected(true)
			b.hooks.Reconnected()
			o.Log.Log(context.Background(), b.watched.level(slog.LevelInfo), "NATS reconnected", "server", nc.ConnectedServerName())
			b.watched.poke()
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			b.attempt.Store(&err)
			if b.watched.news(err, "") {
				o.Log.Log(context.Background(), b.watched.level(slog.LevelWarn), "NATS cannot be connected to", "error", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			b.denials.tell(err)
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			// Refused credentials are reported at every attempt.
			if b.watched.news(err, subject) && b.lines.Pass(kindOf(err.Error(), nil), func(n int) {
				o.Log.Warn("NATS reports an error: more lines like this one were left out", "left_out", n, "error", err)
			}) {
				o.Log.Warn("NATS reports an error", "error", err, "subject", subject)
			}
		}),
	}
	if o.Server != nil {
		// In the bridge's account inboxes of the usual name are where guests' consumers deliver.
		return append(opts, nats.InProcessServer(o.Server), nats.Nkey(o.Server.user, o.Server.key.Sign), nats.CustomInboxPrefix(bridgeInboxPrefix)), nil
	}
	return credentials(o, opts)
}

func credentials(o Options, opts []nats.Option) ([]nats.Option, error) {
	if o.User != "" || o.Password != "" {
		opts = append(opts, nats.UserInfo(o.User, o.Password))
	}
	if o.Token != "" {
		opts = append(opts, nats.Token(o.Token))
	}
	if o.CredsFile != "" {
		opts = append(opts, nats.UserCredentials(o.CredsFile))
	}
	if o.NKeyFile != "" {
		nkey, err := nats.NkeyOptionFromSeed(o.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("NATS nkey file %s: %w", o.NKeyFile, err)
		}
		opts = append(opts, nkey)
	}
	if o.CAFile != "" {
		opts = append(opts, nats.RootCAs(o.CAFile))
	}
	if o.CertFile != "" || o.KeyFile != "" {
		opts = append(opts, nats.ClientCert(o.CertFile, o.KeyFile))
	}
	if o.InboxPrefix != "" {
		opts = append(opts, nats.CustomInboxPrefix(o.InboxPrefix))
	}
	if o.TLSFirst {
		opts = append(opts, nats.TLSHandshakeFirst())
	}
	return opts, nil
}

// Subjects gives the spelling of subjects this bus uses.
func (b *Bus) Subjects() events.Subjects { return b.subjects }

// URL gives the address of the server in use, without credentials.
func (b *Bus) URL() string { return b.nc.ConnectedUrlRedacted() }

// Close drains the connection, so that answers under way still leave, and waits
// until it is closed or ctx ends.
func (b *Bus) Close(ctx context.Context) error {
	defer b.lines.Close()
	if err := b.nc.Drain(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		b.nc.Close()
	}
	select {
	case <-b.closed:
		return nil
	case <-ctx.Done():
		b.nc.Close()
		<-b.closed
		return fmt.Errorf("drain NATS: %w", ctx.Err())
	}
}

// bounded gives ctx the bus' own time-out.
func (b *Bus) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, b.timeout)
}

// flush waits until the server has taken everything sent so far.
func (b *Bus) flush(ctx context.Context) error {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	return b.nc.FlushWithContext(ctx)
}
