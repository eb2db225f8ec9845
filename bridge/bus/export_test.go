package bus

import "github.com/nats-io/nats.go"

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

// GroupFrom sets from how many waiting appends on they go as one batch.
func (b *Bus) GroupFrom(n int) { b.group.from = n }
