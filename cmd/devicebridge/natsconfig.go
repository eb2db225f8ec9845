package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"devicebridge/bridge/bus"
	"devicebridge/cmd/devicebridge/internal/running"
)

// noteRunning notes in the data directory where the bridge is, for clients on this
// machine; take away removes the note.
func noteRunning(dir string, about started, log *slog.Logger) (takeAway func()) {
	address, err := url.Parse(about.NATS)
	if err != nil {
		return func() {}
	}
	address.Host = running.OnThisMachine(address.Host)
	note := running.Note{NATS: address.String()}
	if about.Admin != adminOff {
		note.Admin = running.OnThisMachine(about.Admin)
	}
	remove, err := running.Write(dir, note)
	if err != nil {
		log.Warn("clients on this machine are not told where the bridge is", "error", err)
		return func() {}
	}
	return func() {
		if err := remove(); err != nil {
			log.Warn("the note of where the bridge is stays behind", "error", err)
		}
	}
}

// natsListenFaults checks the listener of the embedded server and the
// configuration file for it, before anything is started.
func natsListenFaults(c config) []error {
	switch {
	case c.NATS.URL != "" && c.NATSConfig != "":
		return []error{errors.New("BRIDGE_NATS_CONFIG: is for the embedded server, and NATS_URL names another; set one of them")}
	case c.NATS.URL != "":
		return nil
	}
	if err := hostPort(c.NATSListen); err != nil {
		return []error{fmt.Errorf("BRIDGE_NATS_LISTEN: %w", err)}
	}
	err := bus.ServerOptions{Listen: c.NATSListen, ConfigFile: c.NATSConfig}.Check()
	switch {
	case err == nil:
		return nil
	case c.NATSConfig == "":
		return []error{fmt.Errorf("BRIDGE_NATS_LISTEN: %w", err)}
	default:
		return []error{fmt.Errorf("BRIDGE_NATS_CONFIG: %w", err)}
	}
}
