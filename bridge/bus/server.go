package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"devicebridge/bridge/lograte"
	"devicebridge/events"
)

// ServerOptions configure the embedded NATS server.
type ServerOptions struct {
	// Listen is host:port of the client listener; loopback only, unless ConfigFile
	// brings users and TLS. Port 0 picks a free one. Empty: 127.0.0.1:4222.
	Listen string
	// ConfigFile, if not empty, is a configuration file of a NATS server. It may have
	// the listener, which then counts and not Listen, TLS, accounts with users, leaf
	// node remotes and limits; what else it has is an error. Without users in it,
	// clients need no credentials.
	ConfigFile string
	// Dir is where JetStream keeps its files. Required.
	Dir string
	// LazySync leaves writing to disk to the server's interval of two minutes.
	// By default every append is synced before it is acknowledged: a power cut
	// then loses nothing that was acknowledged.
	LazySync bool
	// Witness, if not empty, is the file that Bus.Witness keeps. What it says of the
	// store is held against the files and the clock before the server opens them.
	Witness string
	// AcceptLoss takes as known, and opens, what is not as Witness says.
	AcceptLoss bool
	// Now tells the time by the system's clock, which may leap. Nil: time.Now.
	Now func() time.Time
	// MaxStore bounds the files, in bytes. Zero: three quarters of the disk space
	// that is free or already theirs.
	MaxStore int64
	Subjects events.Subjects
	Log      *slog.Logger
}

// Server is a NATS server with JetStream inside this process. It may be started
// anew; address, identities and limits stay what they were.
type Server struct {
	o    ServerOptions
	host string
	port int
	url  string
	lock *flock.Flock
	// began is when the store was first opened, with its monotonic time; beganAt is
	// what the clock said then.
	began, beganAt time.Time
	// user and key are the bridge's own identity, made for this run. guest is whom
	// a client without credentials becomes; nobody keeps its key.
	user, guest string
	key         nkeys.KeyPair

	// doubt is nil while the store is trusted. poke has Watch look at it.
	doubt atomic.Pointer[doubt]
	poke  atomic.Pointer[func()]

	// early is nil once somebody has taken what it read.
	early atomic.Pointer[earlyContents]

	// lines limits the servers' log.
	lines lograte.Limiter

	// turn makes starts and stops follow one another: there are never two servers
	// on one directory.
	turn    sync.Mutex
	stopped bool
	gate    *gate
	current atomic.Pointer[server.Server] // nil while there is none
}

// StartServer starts the embedded server and returns once it takes connections.
func StartServer(o ServerOptions) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	base, err := o.base()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock := flock.New(filepath.Join(o.Dir, "lock"))
	if locked, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", o.Dir, err)
	} else if !locked {
		return nil, fmt.Errorf("data directory %s is in use by another process; give this one a directory of its own", o.Dir)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	began, beganAt := time.Now(), o.Now()
	if err := o.checkStore(beganAt); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	if err := o.takeOver(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	if o.MaxStore == 0 {
		o.MaxStore = defaultMaxStore(o.Dir)
	}
	s := &Server{o: o, host: base.Host, port: base.Port, lock: lock, began: began, beganAt: beganAt}
	early := s.readEarly()
	s.early.Store(early)
	srv, err := s.first(base.TLSConfig != nil)
	if err != nil {
		early.end()
		return nil, errors.Join(err, lock.Unlock())
	}
	s.current.Store(srv)
	if s.gate, err = openGate(s); err != nil {
		s.Stop()
		return nil, fmt.Errorf("embedded NATS server: consumers of clients: %w", err)
	}
	return s, nil
}

// first makes the identities, starts a server and keeps what it came to.
func (s *Server) first(encrypted bool) (*server.Server, error) {
	scheme := "nats"
	if encrypted {
		scheme = "tls"
	}
	var err error
	if s.key, s.user, err = newIdentity(); err != nil {
		return nil, err
	}
	if _, s.guest, err = newIdentity(); err != nil {
		return nil, err
	}
	srv, err := s.launch(context.Background())
	if err != nil {
		return nil, err
	}
	s.url = scheme + "://" + srv.Addr().String()
	if address, ok := srv.Addr().(*net.TCPAddr); ok {
		s.port = address.Port
	}
	s.o.MaxStore = srv.JetStreamConfig().MaxStore
	return srv, nil
}

// launch starts a server. Whoever calls it holds the directory's lock and knows
// that no other server of this process uses the directory.
func (s *Server) launch(ctx context.Context) (*server.Server, error) {
	// The server would fail with a fatal log line, not an error: look first.
	if s.port > 0 {
		probe, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(s.host, strconv.Itoa(s.port)))
		if err != nil {
			return nil, fmt.Errorf("NATS listener: %w; choose another address, or use the server that is there", err)
		}
		_ = probe.Close()
	}
	options, err := s.o.base()
	if err != nil {
		return nil, err
	}
	door, err := s.complete(options)
	if err != nil {
		return nil, fmt.Errorf("embedded NATS server: accounts: %w", err)
	}
	options.ServerName, options.NoSigs = "devicebridge", true
	options.Host, options.Port = s.host, s.port // as at the first start
	options.JetStream, options.StoreDir, options.JetStreamMaxStore = true, s.o.Dir, s.o.MaxStore
	options.SyncAlways = !s.o.LazySync
	options.JetStreamLimits.DefaultMaxConsumers = serverConsumers
	srv, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("embedded NATS server: %w", err)
	}
	if door != nil {
		door.server = srv
	}
	log := newServerLog(s.o.Log, &s.lines, s.logged)
	srv.SetLoggerV2(log, false, false, false)
	srv.Start()
	if err := s.ready(ctx, srv, log.fatal); err != nil {
		shutdown(srv)
		return nil, fmt.Errorf("embedded NATS server: %w", err)
	}
	return srv, nil
}

// startTime bounds the wait for a server to take connections.
const startTime = 20 * time.Second

// ready waits until srv takes connections and has its streams, or fatal says that
// it will not.
func (s *Server) ready(ctx context.Context, srv *server.Server, fatal <-chan string) error {
	for end := time.Now().Add(startTime); !srv.ReadyForConnections(10 * time.Millisecond); {
		select {
		case text := <-fatal:
			return errors.New(text)
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if time.Now().After(end) {
			return fmt.Errorf("not ready after %s; its log lines above say why", startTime)
		}
	}
	if !srv.JetStreamEnabled() {
		return fmt.Errorf("JetStream could not start in %s", s.o.Dir)
	}
	account, err := srv.LookupAccount(bridgeAccount)
	if err == nil {
		err = account.EnableJetStream(nil, nil)
	}
	if err != nil {
		return fmt.Errorf("JetStream in %s: %w", s.o.Dir, err)
	}
	return nil
}

// newIdentity makes a user's key pair and its public name.
func newIdentity() (nkeys.KeyPair, string, error) {
	key, err := nkeys.CreateUser()
	if err != nil {
		return nil, "", fmt.Errorf("embedded NATS server: make a key: %w", err)
	}
	name, err := key.PublicKey()
	if err != nil {
		return nil, "", fmt.Errorf("embedded NATS server: make a key: %w", err)
	}
	return key, name, nil
}

// URL gives the address of the client listener.
func (s *Server) URL() string { return s.url }

// MaxStore gives the most bytes that JetStream may use.
func (s *Server) MaxStore() int64 { return s.o.MaxStore }

// Stop stops the server for good and waits until its files are closed.
func (s *Server) Stop() {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.stopped = true
	if early := s.early.Swap(nil); early != nil {
		early.end()
	}
	if s.gate != nil {
		s.gate.close()
		s.gate = nil
	}
	ran := s.current.Load() != nil
	shutdown(s.current.Swap(nil))
	s.lines.Close()
	// Where syncs are left to an interval the last ones, of the shutdown, say nothing
	// when they fail.
	if ran && !s.o.LazySync && s.doubt.Load() == nil {
		_ = s.o.noteRun(lastRun{Settled: true}) // without it the next start writes more again
	}
	_ = s.lock.Unlock()
}

// shutdown stops srv, if there is one, and waits until its files are closed.
func shutdown(srv *server.Server) {
	if srv != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
}

func listenAddress(listen string) (host string, port int, err error) {
	if listen == "" {
		listen = "127.0.0.1:4222"
	}
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("NATS listener %q: %w", listen, err)
	}
	if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("NATS listener %q: the port is not a number from 0 to 65535", listen)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}
