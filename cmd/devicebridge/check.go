package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"devicebridge/bridge/graph"
	"devicebridge/webhook"
)

// addressFaults checks what is asked of the public URL, the keys, the Graph
// URL and the two listeners, before anything is started.
func addressFaults(c config) []error {
	var faults []error
	fault := func(name string, err error) {
		if err != nil {
			faults = append(faults, named(name, err))
		}
	}
	if c.CallbackKeys != "" {
		_, err := webhook.ParseKeyring(c.CallbackKeys)
		fault("BRIDGE_CALLBACK_KEYS", err)
	}
	if c.PublicURL != "" {
		anyKeys, err := webhook.ParseKeyring(webhook.NewKey())
		if err == nil {
			_, err = webhook.NewCallbacks(c.PublicURL, anyKeys)
		}
		fault("BRIDGE_PUBLIC_URL", err)
	}
	anyToken, err := graph.StaticToken("any")
	if err == nil {
		_, err = graph.New(graph.Options{BaseURL: c.GraphURL, Credential: anyToken})
	}
	fault("BRIDGE_GRAPH_URL", err)
	if c.DirectoryURL != "" {
		_, err = graph.NewDirectory(graph.Options{BaseURL: c.DirectoryURL, Credential: anyToken})
		fault("BRIDGE_DIRECTORY_URL", err)
	}
	fault("BRIDGE_LISTEN_ADDR", hostPort(c.ListenAddr))
	if c.AdminAddr != adminOff {
		if err := hostPort(c.AdminAddr); err != nil {
			fault("BRIDGE_ADMIN_ADDR", fmt.Errorf("%w, or %q", err, adminOff))
		}
	}
	if c.NATS.URL != "" {
		faults = append(faults, natsFaults(c.NATS)...)
	}
	return faults
}

// choiceFaults checks the settings that are one of a few words.
func choiceFaults(c config) []error {
	var faults []error
	for _, choice := range []struct {
		name, value string
		words       []string
	}{
		{"BRIDGE_COMMANDS", c.Commands, []string{switchedOn, switchedOff}},
		{"BRIDGE_DIRECTORY", c.Directory, []string{switchedOff, directoryRead, directoryWrite}},
		{"BRIDGE_INVENTORY", c.Inventory, []string{switchedOn, switchedOff}},
		{"BRIDGE_NATS_SYNC", c.NATSSync, []string{"always", "each", "interval"}},
		{"BRIDGE_DISPATCH", c.Dispatch, []string{dispatchOn, dispatchPaused}},
		{"BRIDGE_POSTBACK_TRUST", c.PostbackTrust, []string{trustAll, trustConfirm}},
		{"BRIDGE_LOG_FORMAT", c.LogFormat, []string{"auto", "text", "json"}},
	} {
		if slices.Contains(choice.words, choice.value) {
			continue
		}
		quoted := make([]string, 0, len(choice.words))
		for _, word := range choice.words {
			quoted = append(quoted, strconv.Quote(word))
		}
		last := len(quoted) - 1
		faults = append(faults, fmt.Errorf("%s: is %q; it takes %s or %s", choice.name, choice.value, strings.Join(quoted[:last], ", "), quoted[last]))
	}
	return faults
}

// named gives a fault the name of its variable in the place of the name that a
// package has for it.
func named(name string, err error) error {
	text := err.Error()
	for _, theirs := range []string{"graph: BaseURL: ", "graph: static token: ", "public URL: "} {
		text = strings.TrimPrefix(text, theirs)
	}
	return errors.New(name + ": " + text)
}

func hostPort(address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fmt.Errorf("is %q; it takes host:port, such as 127.0.0.1:8080 or :8080", address)
	}
	return nil
}

// natsFaults reports addresses that cannot be read, without quoting them, since
// they may hold a password; files that cannot be read; and half of a pair.
func natsFaults(c natsConfig) []error {
	var faults []error
	for i, address := range strings.Split(c.URL, ",") {
		if address = strings.TrimSpace(address); !strings.Contains(address, "://") {
			address = "nats://" + address
		}
		if u, err := url.Parse(address); c.URL != "" && (err != nil || u.Hostname() == "") {
			faults = append(faults, fmt.Errorf("NATS_URL: address %d is not nats://host:port", i+1))
		}
	}
	for _, f := range []struct{ name, file string }{
		{"NATS_CREDS", c.Creds}, {"NATS_NKEY", c.NKey}, {"NATS_CA", c.CA}, {"NATS_CERT", c.Cert}, {"NATS_KEY", c.Key},
	} {
		if f.file == "" {
			continue
		}
		if _, err := os.ReadFile(f.file); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", f.name, err))
		}
	}
	if (c.Cert == "") != (c.Key == "") {
		faults = append(faults, errors.New("NATS_CERT and NATS_KEY: set both or neither"))
	}
	return faults
}
