package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"devicebridge/bridge/bus"
	"devicebridge/webhook"
)

// embeddedServer starts the NATS server inside, unless NATS_URL names another.
func embeddedServer(c config, log *slog.Logger) (*bus.Server, error) {
	if c.NATS.URL != "" {
		return nil, nil
	}
	server, err := bus.StartServer(bus.ServerOptions{
		Listen: c.NATSListen, ConfigFile: c.NATSConfig, Dir: filepath.Join(c.DataDir, "nats"), LazySync: c.NATSSync == "interval",
		Witness: c.witnessFile(), AcceptLoss: c.Dispatch == dispatchPaused, Subjects: c.subjects, Log: log,
	})
	if _, damaged := errors.AsType[*bus.DamageError](err); damaged {
		return nil, err
	}
	if _, leapt := errors.AsType[*bus.ClockError](err); leapt {
		return nil, err
	}
	if call, is := errors.AsType[*net.OpError](err); is && call.Op == "listen" {
		return nil, listenError("BRIDGE_NATS_LISTEN", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w (BRIDGE_NATS_LISTEN is %s, BRIDGE_DATA_DIR is %s)", err, c.NATSListen, c.DataDir)
	}
	return server, nil
}

// witnessFile is where the witness of the embedded server's event stream is.
func (c config) witnessFile() string { return filepath.Join(c.DataDir, "witness.json") }

// busOptions connect to the server inside, or to where NATS is said to be.
func busOptions(c clientConfig, server *bus.Server, log *slog.Logger) bus.Options {
	return bus.Options{
		URL: cmp.Or(c.NATS.URL, defaultNATS), Server: server, Name: "devicebridge",
		User: c.NATS.User, Password: c.NATS.Password, Token: c.NATS.Token, CredsFile: c.NATS.Creds, NKeyFile: c.NATS.NKey,
		CAFile: c.NATS.CA, CertFile: c.NATS.Cert, KeyFile: c.NATS.Key,
		InboxPrefix: c.NATS.inboxPrefix, TLSFirst: c.NATS.tlsFirst,
		Subjects: c.subjects, Wait: true, Log: log,
	}
}

func streamOptions(c config, server *bus.Server) bus.StreamOptions {
	o := bus.StreamOptions{Replicas: c.NATSReplicas, MaxAge: c.StreamMaxAge, MaxBytes: int64(c.StreamMaxBytes), Inventory: c.feeds(), InventoryMaxBytes: int64(c.InventoryMaxBytes)}
	if server != nil {
		o.MaxStore = server.MaxStore()
	}
	return o
}

func natsAddress(server *bus.Server, b *bus.Bus) string {
	if server != nil {
		return server.URL()
	}
	return b.URL()
}

// callbackKeys reads the key ring, or, with the embedded server, makes one once
// and keeps it beside the data.
func callbackKeys(c config) (*webhook.Keyring, error) {
	if c.CallbackKeys != "" {
		keys, err := webhook.ParseKeyring(c.CallbackKeys)
		if err != nil {
			return nil, usageError{fmt.Errorf("BRIDGE_CALLBACK_KEYS: %w", err)}
		}
		return keys, nil
	}
	if _, err := madeOnce(c.keysFile(), webhook.NewKey); err != nil {
		return nil, fmt.Errorf("callback keys: %w", err)
	}
	return readKeys(c.keysFile())
}

// madeOnce reads a secret from a file and makes it where there is none.
func madeOnce(file string, secret func() string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		// Where a concurrent start was first, its secret counts.
		if err = writeSecret(file, []byte(secret()+"\n")); err == nil || errors.Is(err, fs.ErrExist) {
			text, err = os.ReadFile(file)
		}
	}
	return text, err
}

// writeSecret writes a new file that only this user can read, whole or not at
// all.
func writeSecret(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	// Link, unlike Rename, fails where a concurrent start was first.
	return putSecret(file, text, os.Link)
}

// putSecret writes a new file that only this user can read and gives it, whole, its
// name by place.
func putSecret(file string, text []byte, place func(from, to string) error) error {
	temporary, err := os.CreateTemp(filepath.Dir(file), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(text)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err := place(temporary.Name(), file); err != nil {
		return err
	}
	return syncDir(filepath.Dir(file))
}

// syncDir has the names in a directory on the disk, where the system can do that.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// serviceVersion gives the version in the strict form the NATS service API asks
// for.
func serviceVersion() string {
	v := strings.TrimPrefix(version(), "v")
	if regexp.MustCompile(`^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$`).MatchString(v) {
		return v
	}
	return "0.0.0"
}
