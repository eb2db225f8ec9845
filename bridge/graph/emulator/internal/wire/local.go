package wire

import (
	"net"
	"net/http"
	"strings"
)

// IsLocal says whether the caller is on this machine. The Host must be this machine too, or a web page could get in
// by a DNS name of its own; and a proxy on this machine, which makes every caller look local, gives itself away by
// the headers it adds.
func IsLocal(r *http.Request) bool {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	proxied := r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != ""
	return IsLoopback(peer) && IsLoopback(host) && !proxied
}

// IsLoopback says whether host, without a port, is this machine.
func IsLoopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}
