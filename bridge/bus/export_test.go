package bus

import "github.com/nats-io/nats.go"

// Insider gives the options of a connection with the bridge's own rights.
func (s *Server) Insider() []nats.Option {
	return []nats.Option{nats.InProcessServer(s.srv), nats.Nkey(s.user, s.key.Sign)}
}

// SafeURL is what messages say of the configured addresses.
func SafeURL(o Options) string { return safeURL(o) }
