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
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"devicebridge/events"
)

// ServerOptions configure the embedded NATS server.
type ServerOptions struct {
	// Listen is host:port of the client listener; loopback only. Port 0 picks a
	// free one. Empty: 127.0.0.1:4222.
	Listen string
	// Dir is where JetStream keeps its files. Required.
	Dir string
	// LazySync leaves writing to disk to the server's interval of two minutes.
	// By default every append is synced before it is acknowledged: a power cut
	// then loses nothing that was acknowledged.
	LazySync bool
	// MaxStore bounds the files, in bytes. Zero: three quarters of the free disk.
	MaxStore int64
	Subjects events.Subjects
	Log      *slog.Logger
}

// Server is a NATS server with JetStream inside this process.
type Server struct {
	srv  *server.Server
	lock *flock.Flock
	// user and key are the bridge's own identity, made for this run.
	user string
	key  nkeys.KeyPair
}

// StartServer starts the embedded server and returns once it takes connections.
func StartServer(o ServerOptions) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	host, port, err := listenAddress(o.Listen)
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
	s := &Server{lock: lock}
	if err := s.start(o, host, port); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return s, nil
}

func (s *Server) start(o ServerOptions, host string, port int) error {
	// The server would fail with a fatal log line, not an error: look first.
	if port > 0 {
		probe, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return fmt.Errorf("NATS listener: %w; choose another address, or use the server that is there", err)
		}
		_ = probe.Close()
	}
	accounts, err := accounts(o.Subjects)
	if err != nil {
		return fmt.Errorf("embedded NATS server: accounts: %w", err)
	}
	if s.key, s.user, err = newIdentity(); err != nil {
		return err
	}
	// Whoever connects without credentials gets this identity, whose key nobody keeps.
	_, guest, err := newIdentity()
	if err != nil {
		return err
	}
	srv, err := server.NewServer(&server.Options{
		ServerName:        "devicebridge",
		Host:              host,
		Port:              port,
		NoSigs:            true,
		JetStream:         true,
		StoreDir:          o.Dir,
		SyncAlways:        !o.LazySync,
		JetStreamMaxStore: o.MaxStore,
		Accounts:          accounts,
		Nkeys: []*server.NkeyUser{
			{Nkey: s.user, Account: accounts[0]},
			{Nkey: guest, Account: accounts[1], Permissions: guestPermissions(o.Subjects)},
		},
		NoAuthUser: guest,
	})
	if err != nil {
		return fmt.Errorf("embedded NATS server: %w", err)
	}
	srv.SetLoggerV2(serverLog{o.Log.With("component", "nats-server")}, false, false, false)
	s.srv = srv
	srv.Start()
	if !srv.ReadyForConnections(20 * time.Second) {
		s.Stop()
		return errors.New("embedded NATS server: not ready after 20 s; its log lines above say why")
	}
	if !srv.JetStreamEnabled() {
		s.Stop()
		return fmt.Errorf("embedded NATS server: JetStream could not start in %s", o.Dir)
	}
	account, err := srv.LookupAccount(bridgeAccount)
	if err == nil {
		err = account.EnableJetStream(nil, nil)
	}
	if err != nil {
		s.Stop()
		return fmt.Errorf("embedded NATS server: JetStream in %s: %w", o.Dir, err)
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
func (s *Server) URL() string { return "nats://" + s.srv.Addr().String() }

// MaxStore gives the most bytes that JetStream may use.
func (s *Server) MaxStore() int64 { return s.srv.JetStreamConfig().MaxStore }

// Stop stops the server and waits until its files are closed.
func (s *Server) Stop() {
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
	_ = s.lock.Unlock()
}

func listenAddress(listen string) (host string, port int, err error) {
	if listen == "" {
		listen = "127.0.0.1:4222"
	}
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("NATS listener %q: %w", listen, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", 0, fmt.Errorf("NATS listener %q: only a loopback address, because its clients need no credentials; "+
			"for others run a NATS server and set NATS_URL", listen)
	}
	if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("NATS listener %q: the port is not a number from 0 to 65535", listen)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// serverLog passes the server's own log on: its notices are debug lines here.
type serverLog struct{ log *slog.Logger }

// Noticef logs what is normal: a debug line here.
func (l serverLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }

// Warnf logs a warning.
func (l serverLog) Warnf(format string, v ...any) { l.log.Warn(fmt.Sprintf(format, v...)) }

// Errorf logs an error.
func (l serverLog) Errorf(format string, v ...any) { l.log.Error(fmt.Sprintf(format, v...)) }

// Fatalf logs an error; the server ends itself after it.
func (l serverLog) Fatalf(format string, v ...any) { l.log.Error(fmt.Sprintf(format, v...)) }

// Debugf is not asked for.
func (l serverLog) Debugf(string, ...any) {}

// Tracef is not asked for.
func (l serverLog) Tracef(string, ...any) {}
