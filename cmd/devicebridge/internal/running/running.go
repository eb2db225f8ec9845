// Package running keeps a note of where a running bridge is reached, in its data
// directory, for clients on the same machine.
package running

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// file is the note's name in the data directory; the process that wrote it holds
// lockFile, which the system releases however that process ends.
const (
	file     = "running.json"
	lockFile = "running.lock"
)

// lockTime bounds the wait for a client that looks at the lock.
const lockTime = 5 * time.Second

// Note is where a bridge is reached.
type Note struct {
	// NATS is the URL of its embedded server, Admin the host:port of its admin listener;
	// empty without one.
	NATS  string `json:"nats"`
	Admin string `json:"admin,omitempty"`
}

// Write puts a note into a data directory, in the place of an earlier one. remove takes
// it away again; a bridge that is killed leaves it behind, and Find passes it over.
func Write(dir string, n Note) (remove func() error, err error) {
	lock := flock.New(filepath.Join(dir, lockFile))
	ctx, cancel := context.WithTimeout(context.Background(), lockTime)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, lockTime/500); err != nil {
		return nil, err
	}
	if err := write(dir, n); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return func() error { return errors.Join(os.Remove(filepath.Join(dir, file)), lock.Close()) }, nil
}

func write(dir string, n Note) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(dir, ".running-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // gone already where it was renamed
	_, err = temporary.Write(append(text, '\n'))
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), filepath.Join(dir, file))
}

// dialTime bounds the look whether anybody listens.
const dialTime = 500 * time.Millisecond

// Find gives the note of a data directory, if it can be read, the process that wrote it
// still runs, and it listens where the note says. After a bridge was killed its note may
// still be there, and another bridge may listen at that address.
func Find(dir string) (Note, bool) {
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return Note{}, false // as a rule there is none
	}
	var n Note
	if json.Unmarshal(text, &n) != nil || leftBehind(dir) {
		return Note{}, false
	}
	address, err := url.Parse(n.NATS)
	if err != nil || address.Host == "" {
		return Note{}, false
	}
	conn, err := (&net.Dialer{Timeout: dialTime}).Dial("tcp", address.Host)
	if err != nil {
		return Note{}, false
	}
	_ = conn.Close()
	return n, true
}

// leftBehind reports whether no process holds the lock of the note. Where that cannot be
// seen it reports false.
func leftBehind(dir string) bool {
	lock := flock.New(filepath.Join(dir, lockFile), flock.SetFlag(os.O_RDONLY)) // makes none
	free, err := lock.TryRLock()
	if err != nil || !free {
		return false
	}
	_ = lock.Close() // the look is over, whatever it answers
	return true
}

// OnThisMachine gives an address with the loopback address in the place of one that
// stands for every address of the machine.
func OnThisMachine(hostPort string) string {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return hostPort
	}
	switch ip := net.ParseIP(host); {
	case host == "" || ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
