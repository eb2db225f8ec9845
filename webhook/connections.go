package webhook

import (
	"net"
	"net/netip"
	"sync"
)

// perAddress is a listener on which one address has at most so many connections
// open at once.
type perAddress struct {
	net.Listener
	most    int
	exempt  []netip.Prefix
	refused func()

	mu   sync.Mutex
	open map[string]int
}

// newPerAddress calls refused for every connection that is closed because its
// address has most of them already. exempt addresses may have any number, and so
// may what has no address, such as a socket in the file system.
func newPerAddress(l net.Listener, most int, exempt []netip.Prefix, refused func()) *perAddress {
	return &perAddress{Listener: l, most: most, exempt: exempt, refused: refused, open: make(map[string]int)}
}

// Accept gives the next connection of an address that may have one more.
func (l *perAddress) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		if ip := peer.Addr().Unmap(); err != nil || within(ip, l.exempt) {
			return conn, nil //nolint:nilerr // what has no address is not counted
		}
		key := addressKey(peer.Addr().String())
		if l.enter(key) {
			return &countedConn{Conn: conn, leave: sync.OnceFunc(func() { l.leave(key) })}, nil
		}
		_ = conn.Close()
		l.refused()
	}
}

func (l *perAddress) enter(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[key] >= l.most {
		return false
	}
	l.open[key]++
	return true
}

func (l *perAddress) leave(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[key]--; l.open[key] == 0 {
		delete(l.open, key)
	}
}

// countedConn tells once that it is closed.
type countedConn struct {
	net.Conn
	leave func()
}

// Close closes the connection and gives its place back, which is free by the time
// that its sender sees the end.
func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
