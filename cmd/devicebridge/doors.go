package main

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"

	"golang.org/x/time/rate"

	"devicebridge/webhook"
)

// doorFaults checks the settings of the public listener.
func doorFaults(c config) []error {
	var faults []error
	fault := func(bad bool, name, format string, a ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(name+": "+format, a...))
		}
	}
	if c.TLSCert != "" && c.TLSKey != "" {
		if _, err := readTLS(c); err != nil {
			faults = append(faults, err)
		}
	} else {
		fault(c.TLSCert != c.TLSKey, "BRIDGE_TLS_CERT and BRIDGE_TLS_KEY", "set both or neither")
		fault(c.TLSClientCA != "", "BRIDGE_TLS_CLIENT_CA", "needs BRIDGE_TLS_CERT and BRIDGE_TLS_KEY: a client shows its certificate over TLS only")
	}
	if _, err := trustedProxies(c.TrustedProxies); err != nil {
		fault(true, "BRIDGE_TRUSTED_PROXIES", "%w", err)
	}
	// Written so that NaN, which a number may be, is refused too.
	fault(!(c.PostbackRate > 0 && c.PostbackRate <= 1e6), "BRIDGE_POSTBACK_RATE", "is %v; it takes a number above 0 and up to 1000000", c.PostbackRate)
	fault(!(c.AddressRate > 0 && c.AddressRate <= 1e6), "BRIDGE_ADDRESS_RATE", "is %v; it takes a number above 0 and up to 1000000", c.AddressRate)
	fault(c.MaxConnections < 1, "BRIDGE_MAX_CONNECTIONS", "is %d; it takes 1 or more", c.MaxConnections)
	fault(c.AddressConnections < 1, "BRIDGE_ADDRESS_CONNECTIONS", "is %d; it takes 1 or more", c.AddressConnections)
	return faults
}

// trustedProxies reads addresses and CIDR ranges.
func trustedProxies(text string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		p, err := netip.ParsePrefix(word)
		if ip, notAddress := netip.ParseAddr(word); notAddress == nil && ip.Zone() == "" {
			p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is no address and no range such as 10.0.0.0/8", word)
		}
		if p.Bits() == 0 {
			return nil, errors.New(word + " would believe everybody; name the proxies")
		}
		list = append(list, p)
	}
	return list, nil
}

// doors gives the options of the public listener, over TLS where tls is not nil.
func (c config) doors(t *serverTLS) (webhook.Options, error) {
	proxies, err := trustedProxies(c.TrustedProxies)
	if err != nil {
		return webhook.Options{}, usageError{fmt.Errorf("BRIDGE_TRUSTED_PROXIES: %w", err)}
	}
	o := webhook.Options{
		Rate: rate.Limit(c.PostbackRate), Burst: burst(5 * c.PostbackRate),
		AddressRate: rate.Limit(c.AddressRate), AddressBurst: burst(10 * c.AddressRate),
		MaxConnections: c.MaxConnections, AddressConnections: c.AddressConnections, TrustedProxies: proxies,
	}
	if t != nil {
		o.TLS = t.config()
	}
	return o, nil
}

func burst(n float64) int { return int(math.Ceil(n)) }
