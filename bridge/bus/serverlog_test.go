package bus_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"devicebridge/bridge/bus"
)

// lockedLog is a log that several write and one reads.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestGuestsCannotFloodTheLog does what each makes the NATS server write a line, many
// times: publishes that are denied, bytes that are no NATS, clients that call
// themselves something else each time, wrong passwords.
func TestGuestsCannotFloodTheLog(t *testing.T) {
	var log lockedLog
	server := embedded(t, bus.ServerOptions{Dir: t.TempDir(), Log: slog.New(slog.NewJSONHandler(&log, nil))})
	connect(t, bus.Options{Server: server})
	const many = 300
	nc, _ := client(t, server.URL(), nats.Name(`flood " - 1`))
	for i := range many {
		if err := nc.Publish("devicebridge.v1.events.x."+strconv.Itoa(i)+".completed", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(server.URL(), "nats://")
	send := func(text string) {
		conn, err := (&net.Dialer{}).DialContext(within(t), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, text); err == nil {
			_, _ = io.Copy(io.Discard, conn) // until the server ends it
		}
	}
	for i := range many {
		send("\x16\x03\x01garbage\r\n")
		send(`CONNECT {"name":"` + strconv.Itoa(i) + `","user":"u","pass":"p"}` + "\r\nPING\r\n")
		send(`CONNECT {"name":"` + strings.Repeat("x", i) + `"}` + "\r\nPUB $SYS.REQ 0\r\n\r\nXXXX\r\n")
	}
	server.Stop()
	lines, left := 0, 0
	for decoder := json.NewDecoder(strings.NewReader(log.String())); decoder.More(); lines++ {
		var line struct {
			Msg     string
			LeftOut int `json:"left_out"`
		}
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		left += line.LeftOut
	}
	t.Logf("%d lines, %d left out", lines, left)
	if lines > 80 || left < 3*many {
		t.Errorf("%d lines, and %d left out:\n%.5000s", lines, left, log.String())
	}
}
