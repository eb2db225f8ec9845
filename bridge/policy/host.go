package policy

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"devicebridge/events"
)

// webSchemes are those whose URIs have a host that names a machine; WHATWG's URL
// standard calls them special. Of others, a host is what their app makes of it.
func webSchemes() []string { return []string{"http", "https", "ws", "wss", "ftp"} }

// host judges the host of u and brings it to its one spelling.
func (p *Policy) host(u *url.URL) *events.Error {
	web := slices.Contains(webSchemes(), u.Scheme)
	switch {
	case u.Host == "" && !web:
		return nil
	case u.Hostname() == "":
		return always(uriField, "has no host", "host")
	case strings.ContainsFunc(u.Hostname(), notInName):
		return always(uriField, "has a host with an encoded character or a zone; write a name in ASCII, or an address", "host")
	}
	if web {
		host, what := webHost(u)
		if what != "" {
			return always(uriField, what, "host")
		}
		u.Host = host
	}
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if slices.ContainsFunc(p.hosts, func(pattern string) bool { return hostMatches(pattern, name) }) {
		return nil
	}
	if internationalised(name) {
		return p.refuse(uriField, "has an internationalised host, whose letters may look like others; it is allowed only by name", URIHosts)
	}
	return p.refuse(uriField, "has a host that is not allowed", URIHosts)
}

// webHost gives the host of u, with its port, in the one form that every reader
// reads alike, or says why there is none.
func webHost(u *url.URL) (host, what string) {
	host = strings.ToLower(u.Hostname())
	if bracketed := strings.HasPrefix(u.Host, "["); bracketed || looksNumeric(host) {
		// A browser takes 127.1, 0x7f000001 and 017700000001 for addresses; here only
		// four decimal numbers are one, and what is in brackets.
		address, err := netip.ParseAddr(host)
		if err != nil || address.Is4() == bracketed || address.Zone() != "" {
			return "", "has a host that is an address in an unusual form; write 192.0.2.1 or [2001:db8::1]"
		}
		if host = address.String(); bracketed {
			host = "[" + host + "]"
		}
	} else if !isDomainName(strings.TrimSuffix(host, ".")) || len(host) > 254 {
		return "", "has a host that is no domain name"
	}
	if port := u.Port(); port != "" {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return "", "has a port that is not 1 to 65535"
		}
		host += ":" + strconv.FormatUint(number, 10)
	}
	return host, ""
}

// notInName says that no host has this character. Percent-encoded, it came through
// the check of the characters, and the parser decoded it; a percent sign that is
// left begins the zone of an address, which names an interface of the device.
func notInName(r rune) bool { return r <= ' ' || r > '~' || r == '%' || r == '\\' }

// looksNumeric says whether the last label of a host is a number, by which
// WHATWG's URL standard takes the host for an IPv4 address.
func looksNumeric(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if digits, hexadecimal := strings.CutPrefix(last, "0x"); hexadecimal {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// isDomainName says whether name is labels of 1 to 63 letters in lower case, digits,
// '_' and '-', with dots between them.
func isDomainName(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			return false
		}
	}
	return true
}

// hostMatches says whether a name is one that the pattern allows.
func hostMatches(pattern, name string) bool {
	rest, below := strings.CutPrefix(pattern, "*")
	if !below {
		return name == pattern
	}
	covered, ok := strings.CutSuffix(name, rest)
	return ok && covered != "" && !internationalised(covered)
}

// internationalised says whether a name has a label in Punycode (RFC 5890).
func internationalised(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "."), func(label string) bool { return strings.HasPrefix(label, "xn--") })
}

// checkHostPattern says what is wrong with a host as a setting.
func checkHostPattern(word string) error {
	if _, err := netip.ParseAddr(word); err == nil || word == "*" {
		return nil
	}
	if !isDomainName(strings.TrimPrefix(word, "*.")) {
		return fmt.Errorf("%q is not a host in lower case and ASCII, such as example.com, *.example.com or 192.0.2.1, nor *", word)
	}
	return nil
}
