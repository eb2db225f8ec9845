// Package running keeps a note of where a running bridge is reached, in its data
// directory, for clients on the same machine.
package running

import (
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// file is the note's name in the data directory.
const file = "running.json"

// Note is where a bridge is reached.
type Note struct {
	// NATS is the URL of its embedded server, Admin the host:port of its admin listener;
	// empty without one.
	NATS  string `json:"nats"`
	Admin string `json:"admin,omitempty"`
}

// Write puts a note into a data directory, in the place of an earlier one. remove takes
// it away again; a bridge that is killed leaves it behind.
func Write(dir string, n Note) (remove func() error, err error) {
	text, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	temporary, err := os.CreateTemp(dir, ".running-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // gone already where it was renamed
	_, err = temporary.Write(append(text, '\n'))
	if err = errors.Join(err, temporary.Close()); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, file)
	if err := os.Rename(temporary.Name(), name); err != nil {
		return nil, err
	}
	return func() error { return os.Remove(name) }, nil
}

// dialTime bounds the look whether anybody listens.
const dialTime = 500 * time.Millisecond

// Find gives the note of a data directory, if it can be read and somebody listens where
// it says: of a bridge that was killed it may still be there.
func Find(dir string) (Note, bool) {
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return Note{}, false // as a rule there is none
	}
	var n Note
	if json.Unmarshal(text, &n) != nil {
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
