package main

import (
	"path/filepath"
	"strings"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph/signin"
)

// inEffect puts what a setting came to in the place of what leaves that to others: a
// zero, an empty text, a variable that a file stands before.
func inEffect(c config, s setting) setting {
	if m := policyMember(s.Name); m != "" && c.Policy.atStart != nil {
		if set, is := c.Policy.atStart.Settings()[m]; is {
			if s.Value = strings.Join(set.Words, ","); set.Source != m.Variable() {
				s.Source, s.File = fromFile, c.Policy.File
			}
		}
		return s
	}
	mode := c.GraphAuth
	switch s.Name {
	case "BRIDGE_STREAM_MAX_BYTES":
		s.Value = byteSize(c.streams().MaxBytes).String()
	case "BRIDGE_INVENTORY_MAX_BYTES":
		if c.feeds() {
			s.Value = byteSize(c.streams().InventoryMaxBytes).String()
		}
	case "BRIDGE_NATS_LISTEN":
		if c.NATS.URL == "" && c.NATSConfig != "" {
			if address, err := (bus.ServerOptions{Listen: c.NATSListen, ConfigFile: c.NATSConfig}).Address(); err == nil && address != s.Value {
				s.Value, s.Source, s.File = address, fromFile, c.NATSConfig
			}
		}
	case "BRIDGE_CALLBACK_KEYS":
		if s.Value == "" && c.sends() && c.NATS.URL == "" && c.DataDir != "" {
			s.Value, s.Source, s.File = mask, fromFile, c.keysFile()
		}
	case "BRIDGE_SIGNIN_KEY":
		if s.Value == "" && mode.Personal() && c.NATS.URL == "" && c.DataDir != "" {
			s.Value, s.Source, s.File = mask, fromFile, filepath.Join(c.DataDir, "signin-key")
		}
	case "BRIDGE_GRAPH_SCOPES":
		if mode.Known() && mode != signin.Static {
			s.Value = strings.Join(c.scopes(), " ")
		}
	case "AZURE_TENANT_ID":
		if s.Value == "" && mode.Personal() {
			s.Value = signin.PersonalTenant
		}
	case "AZURE_AUTHORITY_HOST":
		if s.Value == "" && mode.Known() && mode != signin.Static && mode != signin.AzureCLI && mode != signin.ManagedIdentity {
			s.Value = signin.PublicAuthority
		}
	default:
		s.Value = c.Traces.inEffect(s.Name, s.Value)
	}
	return s
}

// streams gives the options of the streams as they are before a server says how much
// it has room for.
func (c config) streams() bus.StreamOptions {
	o := streamOptions(c, nil)
	if c.NATS.URL == "" && c.DataDir != "" {
		o.MaxStore = bus.DefaultMaxStore(filepath.Join(c.DataDir, "nats"))
	}
	return o.Complete()
}

// inEffect gives what an OpenTelemetry variable came to.
func (t tracesConfig) inEffect(name, value string) string {
	exporters := strings.Join(t.exporters(), ",")
	if name == "OTEL_TRACES_EXPORTER" {
		if exporters == "" {
			return exporterNone
		}
		return exporters
	}
	if value != "" || !strings.Contains(exporters, exporterOTLP) {
		return value
	}
	switch name {
	case "OTEL_EXPORTER_OTLP_ENDPOINT":
		if t.TracesURL == "" {
			return defaultCollector
		}
	case "OTEL_EXPORTER_OTLP_PROTOCOL":
		return "http/protobuf"
	case "OTEL_EXPORTER_OTLP_TIMEOUT":
		return "10000"
	case "OTEL_EXPORTER_OTLP_COMPRESSION":
		return "none"
	}
	return value
}
