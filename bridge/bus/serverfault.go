package bus

import "fmt"

// leastVersion is the first NATS that the bridge works with: 2.12.0 has the API level,
// and refuses to commit the batches of the inventory.
func leastVersion() [3]int { return [3]int{2, 12, 1} }

// ServerFault says why the server of this connection is not one that the bridge works
// with: it is too old, or takes no message as large as an event may be. Nil: it is one.
// It does not ask the server.
func (b *Bus) ServerFault() error {
	text := b.nc.ConnectedServerVersion()
	if v, known := parseVersion(text); known && less(v, leastVersion()) {
		return fmt.Errorf("the NATS server %s is version %s; 2.12.1 or later is needed on every server", b.URL(), text)
	}
	// 0 while there is no connection.
	if most := b.nc.MaxPayload(); most > 0 && most < leastMessage {
		return fmt.Errorf("the NATS server %s takes messages of at most %d bytes (max_payload, of the server or of this account); at least %d are needed, 1MB is NATS' default",
			b.URL(), most, leastMessage)
	}
	return nil
}

// parseVersion reads major.minor.patch, whatever follows on it.
func parseVersion(text string) (v [3]int, known bool) {
	n, _ := fmt.Sscanf(text, "%d.%d.%d", &v[0], &v[1], &v[2])
	return v, n == len(v)
}

func less(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}
