package webhook_test

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/webhook"
)

// addressed is a connection that says where it comes from.
type addressed struct {
	net.Conn
	from net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.from }

// dialFrom opens a connection that comes from an address.
func (p *pipes) dialFrom(t *testing.T, ip string) (net.Conn, error) {
	t.Helper()
	client, server := net.Pipe()
	select {
	case p.conns <- addressed{server, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 4711))}:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func TestConnectionsOfOneAddressAreCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := 0
		run := serve(t, webhook.Options{
			Sink: &sink{}, MaxConnections: 100, AddressConnections: 2, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			Observe: func(result webhook.Result, _ time.Duration) {
				if result == webhook.ResultConnectionRefused {
					refused++
				}
			},
		})
		// ended tells whether the server closed the connection at once.
		ended := func(ip string) (net.Conn, bool) {
			conn, err := run.dialFrom(t, ip)
			if err != nil {
				t.Fatal(err)
			}
			over := make(chan struct{})
			go func() { _, _ = io.Copy(io.Discard, conn); close(over) }()
			synctest.Wait()
			select {
			case <-over:
				return conn, true
			default:
				return conn, false
			}
		}
		var held []net.Conn
		for _, step := range []struct {
			ip   string
			want bool
		}{
			{"192.0.2.1", false}, {"192.0.2.1", false}, {"192.0.2.1", true}, {"::ffff:192.0.2.1", true}, {"192.0.2.2", false},
			{"2001:db8::1", false}, {"2001:db8::2", false}, {"2001:db8::3", true}, {"2001:db8:0:1::1", false},
			{"10.1.2.3", false}, {"10.1.2.3", false}, {"10.1.2.3", false},
		} {
			conn, over := ended(step.ip)
			if over != step.want {
				t.Errorf("%s: closed %v, want %v", step.ip, over, step.want)
			}
			held = append(held, conn)
		}
		if refused != 3 {
			t.Errorf("%d refusals were counted", refused)
		}
		_ = held[0].Close()
		synctest.Wait()
		if conn, over := ended("192.0.2.1"); over {
			t.Error("the place of a closed connection is not given back")
		} else {
			held = append(held, conn)
		}
		if got := <-run.post(t); got.status != http.StatusAccepted {
			t.Errorf("a good postback: %+v", got)
		}
		for _, conn := range held {
			_ = conn.Close()
		}
		run.end(t)
	})
}
