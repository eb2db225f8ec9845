package main

import (
	"errors"
	"fmt"

	"devicebridge/bridge/bus"
)

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
