package webhook

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// extractor returns the function that tells the address of a sender: that of the
// connection, or, where that is a trusted proxy's, the last one in X-Forwarded-For that
// is not.
//
// It reads the header itself, because Echo drops all of it at an address with a port,
// as Azure's Application Gateway writes it. An entry that is no address ends the
// reading: the proxy behind it is then the sender, since whatever stands further left
// may be invented.
func extractor(proxies []netip.Prefix) func(*http.Request) string {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	return func(r *http.Request) string {
		sender, ok := parseAddress(r.RemoteAddr)
		if !ok {
			return echo.ExtractIPDirect()(r)
		}
		chain := strings.Split(strings.Join(r.Header.Values(echo.HeaderXForwardedFor), ","), ",")
		for _, entry := range slices.Backward(chain) {
			if !within(sender, proxies) {
				break
			}
			if entry = strings.TrimSpace(entry); entry == "" {
				continue // RFC 9110, section 5.6.1.2
			}
			before, ok := parseAddress(entry)
			if !ok {
				break
			}
			sender = before
		}
		return sender.String()
	}
}

// parseAddress reads an address as it stands in X-Forwarded-For: alone, in brackets, in
// quotes, with a port, with a zone, which means nothing here.
func parseAddress(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(strings.Trim(text, `"`))
	ip, err := netip.ParseAddr(text)
	if err != nil {
		host := text
		if i := strings.LastIndexByte(text, ':'); i >= 0 && strings.Trim(text[i+1:], "0123456789") == "" {
			host = text[:i]
		}
		inside, bracketed := strings.CutPrefix(host, "[")
		inside, closed := strings.CutSuffix(inside, "]")
		if bracketed != closed {
			return netip.Addr{}, false
		}
		if ip, err = netip.ParseAddr(inside); err != nil {
			return netip.Addr{}, false
		}
	}
	return ip.WithZone("").Unmap(), true
}

// addressKey gives what counts as one address: an IPv4 address, or an IPv6 /64,
// which is the least that one subscriber has.
func addressKey(text string) string {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

func within(ip netip.Addr, prefixes []netip.Prefix) bool {
	for _, p := range prefixes {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
