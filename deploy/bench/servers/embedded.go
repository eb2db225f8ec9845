package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Stream is the stream of those servers that have one, Subject what it stores.
const (
	Stream  = "BENCH"
	Subject = "postbacks"
)

// embedded starts a NATS server in this process and connects to it without a
// socket.
func embedded(c Config, jetStream bool) (*server.Server, *nats.Conn, error) {
	srv, err := startServer(c, jetStream)
	if err != nil {
		return nil, nil, err
	}
	nc, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		srv.Shutdown()
		return nil, nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return srv, nc, nil
}

// startServer starts a NATS server in this process. Its listener is for whoever
// counts what is stored, or asks the forwarder.
func startServer(c Config, jetStream bool) (*server.Server, error) {
	host, text, err := net.SplitHostPort(c.NATS)
	if err != nil {
		return nil, fmt.Errorf("NATS listener: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("NATS listener: %w", err)
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "bench", Host: host, Port: port, NoSigs: true, NoLog: true,
		JetStream: jetStream, StoreDir: c.Dir, SyncAlways: c.Always,
	})
	if err != nil {
		return nil, fmt.Errorf("NATS server: %w", err)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		srv.Shutdown()
		return nil, errors.New("NATS server: not ready after 10 s")
	}
	return srv, nil
}

// ensureStream makes the stream, in files.
func ensureStream(ctx context.Context, nc *nats.Conn) (jetstream.JetStream, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("JetStream: %w", err)
	}
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: Stream, Subjects: []string{Subject}, Storage: jetstream.FileStorage})
	if err != nil {
		return nil, fmt.Errorf("make the stream: %w", err)
	}
	return js, nil
}
