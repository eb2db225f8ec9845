package bus

import (
	"context"

	"github.com/nats-io/nats.go"
)

// Insider gives the options of a connection with the bridge's own rights.
func (s *Server) Insider() []nats.Option {
	return []nats.Option{nats.InProcessServer(s), nats.Nkey(s.user, s.key.Sign)}
}

// SafeURL is what messages say of the configured addresses.
func SafeURL(o Options) string { return safeURL(o) }

// LoseJetStream has the server switch JetStream off, as it does by itself when
// it may not write.
func (s *Server) LoseJetStream() error { return s.current.Load().DisableJetStream() }

// Syncs reports whether every append is synced before it is acknowledged.
func (s *Server) Syncs() bool { return s.current.Load().JetStreamConfig().SyncAlways }

// GroupFrom sets from how many waiting appends on they go as one batch, and how many
// go alone before others wait.
func (b *Bus) GroupFrom(n int) { b.group.most, b.group.from = n, n }

// ReadBlocks gives the stretches of sequences that the files of a stream hold, and
// the sequences of those whose subject ends as given.
func ReadBlocks(ctx context.Context, dir, stream, ending string) (whole [][2]uint64, marked []uint64, err error) {
	c, err := readBlocks(ctx, dir, stream, ending)
	for _, s := range c.whole {
		if n := len(whole); n > 0 && whole[n-1][1]+1 == s[0] {
			whole[n-1][1] = s[1]
		} else {
			whole = append(whole, s)
		}
	}
	return whole, c.marked, err
}

// Doubted reports whether the store is not trusted.
func (s *Server) Doubted() bool { return s.doubt.Load() != nil }
