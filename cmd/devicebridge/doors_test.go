package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFaultsOfTheDoors(t *testing.T) {
	pair, other := cliPair(t, "a.example.com", time.Hour), cliPair(t, "b.example.com", time.Hour)
	for _, test := range []struct {
		with        map[string]string
		name, words string
	}{
		{map[string]string{"BRIDGE_TLS_CERT": pair["cert"]}, "BRIDGE_TLS_CERT and BRIDGE_TLS_KEY", "set both or neither"},
		{map[string]string{"BRIDGE_TLS_CERT": pair["cert"], "BRIDGE_TLS_KEY": other["key"]}, "BRIDGE_TLS_CERT and BRIDGE_TLS_KEY", "does not match"},
		{map[string]string{"BRIDGE_TLS_CERT": "/nowhere/x", "BRIDGE_TLS_KEY": pair["key"]}, "BRIDGE_TLS_CERT", "no such file"},
		{map[string]string{"BRIDGE_TLS_CERT": pair["cert"], "BRIDGE_TLS_KEY": "/nowhere/x"}, "BRIDGE_TLS_KEY", "no such file"},
		{map[string]string{"BRIDGE_TLS_CLIENT_CA": pair["cert"]}, "BRIDGE_TLS_CLIENT_CA", "needs BRIDGE_TLS_CERT"},
		{map[string]string{"BRIDGE_TLS_CERT": pair["cert"], "BRIDGE_TLS_KEY": pair["key"], "BRIDGE_TLS_CLIENT_CA": pair["key"]}, "BRIDGE_TLS_CLIENT_CA", "holds no certificate"},
		{map[string]string{"BRIDGE_TRUSTED_PROXIES": "10.0.0.0/8,ingress"}, "BRIDGE_TRUSTED_PROXIES", `"ingress" is no address and no range`},
		{map[string]string{"BRIDGE_TRUSTED_PROXIES": "fe80::1%eth0"}, "BRIDGE_TRUSTED_PROXIES", "is no address"},
		{map[string]string{"BRIDGE_TRUSTED_PROXIES": "0.0.0.0/0"}, "BRIDGE_TRUSTED_PROXIES", "would believe everybody"},
		{map[string]string{"BRIDGE_POSTBACK_RATE": "NaN"}, "BRIDGE_POSTBACK_RATE", "above 0"},
		{map[string]string{"BRIDGE_ADDRESS_RATE": "0"}, "BRIDGE_ADDRESS_RATE", "above 0"},
		{map[string]string{"BRIDGE_MAX_CONNECTIONS": "0"}, "BRIDGE_MAX_CONNECTIONS", "1 or more"},
		{map[string]string{"BRIDGE_ADDRESS_CONNECTIONS": "-1"}, "BRIDGE_ADDRESS_CONNECTIONS", "1 or more"},
	} {
		_, err := loadServe(cliMinimal(test.with))
		if err == nil {
			t.Errorf("%v is taken", test.with)
			continue
		}
		if name, _, _ := strings.Cut(err.Error(), ":"); name != test.name || !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %q, want one fault of %s that says %q", test.with, err, test.name, test.words)
		}
	}
}

func TestDoorsAreHandedOn(t *testing.T) {
	c, err := loadServe(cliMinimal(map[string]string{
		"BRIDGE_TRUSTED_PROXIES": " 10.0.0.0/8, 192.0.2.1 ,2001:db8::/32", "BRIDGE_POSTBACK_RATE": "0.5", "BRIDGE_ADDRESS_RATE": "3",
		"BRIDGE_MAX_CONNECTIONS": "7", "BRIDGE_ADDRESS_CONNECTIONS": "2",
	}))
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.doors(nil)
	if err != nil {
		t.Fatal(err)
	}
	var proxies []string
	for _, p := range o.TrustedProxies {
		proxies = append(proxies, p.String())
	}
	if !slices.Equal(proxies, []string{"10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"}) {
		t.Errorf("trusted are %v", proxies)
	}
	if o.Rate != 0.5 || o.Burst != 3 || o.AddressRate != 3 || o.AddressBurst != 30 || o.MaxConnections != 7 || o.AddressConnections != 2 || o.TLS != nil {
		t.Errorf("%+v", o)
	}
}
