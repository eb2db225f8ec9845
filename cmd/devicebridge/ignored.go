package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph/signin"
	"devicebridge/bridge/policy"
)

// ignoredSetting is a setting that is given and has no effect because of another.
type ignoredSetting struct {
	Variable string `json:"variable"`
	// Because is the other one, in words.
	Because string `json:"because"`
}

// ignoredRule says which settings have no effect where it holds.
type ignoredRule struct {
	holds   bool
	because string
	names   []string
}

// ignoredSettings gives every setting that is given among vars, from which c was read,
// and that serve does not use, in the order of the help.
func ignoredSettings(c config, vars map[string]string) []ignoredSetting {
	because := map[string]string{}
	for _, rule := range ignoredRules(c) {
		for _, name := range rule.names {
			if _, known := because[name]; rule.holds && !known {
				because[name] = rule.because
			}
		}
	}
	var list []ignoredSetting
	for _, name := range append(variableNames(), "NATS_CONTEXT") {
		given := vars[name] != "" || slices.Contains(secrets(), name) && vars[name+"_FILE"] != ""
		if given && because[name] != "" {
			list = append(list, ignoredSetting{name, because[name]})
		}
	}
	return list
}

func variableNames() []string {
	all := variables()
	names := make([]string, 0, len(all)+1)
	for _, v := range all {
		names = append(names, v.name)
	}
	return names
}

// ignoredRules are in the order in which they are told of.
func ignoredRules(c config) []ignoredRule {
	mode := c.GraphAuth
	rules := []ignoredRule{
		{true, "serve reads no context", []string{"NATS_CONTEXT"}},
		{
			c.NATS.URL != "", "NATS_URL names another server than the embedded one",
			[]string{"BRIDGE_NATS_LISTEN", "BRIDGE_NATS_SYNC", "BRIDGE_DATA_DIR"},
		},
		{
			c.NATS.URL == "", "they are for NATS_URL; the bridge needs none for its embedded server, only clients may",
			[]string{"NATS_CREDS", "NATS_NKEY", "NATS_USER", "NATS_PASSWORD", "NATS_TOKEN", "NATS_CA", "NATS_CERT", "NATS_KEY"},
		},
		{c.NATS.URL != "" && strings.Contains(c.NATS.URL, "@"), "NATS_URL has a user", []string{"NATS_USER", "NATS_PASSWORD", "NATS_TOKEN"}},
		{c.NATS.URL == "" && c.NATSConfig != "" && listensItself(c), "the file of BRIDGE_NATS_CONFIG has a listener", []string{"BRIDGE_NATS_LISTEN"}},
		{!c.sends(), "BRIDGE_COMMANDS is off", []string{
			"BRIDGE_PUBLIC_URL", "BRIDGE_LISTEN_ADDR", "BRIDGE_CALLBACK_KEYS", "BRIDGE_TLS_CERT", "BRIDGE_TLS_KEY", "BRIDGE_TLS_CLIENT_CA",
			"BRIDGE_TRUSTED_PROXIES", "BRIDGE_POSTBACK_RATE", "BRIDGE_ADDRESS_RATE", "BRIDGE_MAX_CONNECTIONS", "BRIDGE_ADDRESS_CONNECTIONS",
			"BRIDGE_GRAPH_POST_TIMEOUT", "BRIDGE_EXPIRES_DEFAULT", "BRIDGE_EXPIRES_MAX", "BRIDGE_POLL_FIRST", "BRIDGE_POLL_MAX", "BRIDGE_POLL_GROWTH",
			"BRIDGE_POLL_JITTER", "BRIDGE_POSTBACK_TRUST", "BRIDGE_DISPATCH", "BRIDGE_SWEEP_EVERY", "BRIDGE_POLICY_FILE", "BRIDGE_URI_SCHEMES",
			"BRIDGE_URI_HOSTS", "BRIDGE_APP_SERVICES", "BRIDGE_DEVICES", "BRIDGE_SEND_RATE", "BRIDGE_DEVICE_SEND_RATE",
		}},
		{!c.directs(), "BRIDGE_DIRECTORY is off", []string{"BRIDGE_DIRECTORY_URL"}},
		{!c.feeds(), "BRIDGE_INVENTORY is off", []string{"BRIDGE_INVENTORY_EVERY", "BRIDGE_INVENTORY_MAX_BYTES"}},
		{strings.EqualFold(c.Traces.Disabled, "true"), "OTEL_SDK_DISABLED is true", otelNames()},
		{!slices.Contains(c.Traces.exporters(), exporterOTLP), "no exporter is otlp", otelNames()},
		{c.Traces.TracesURL != "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT counts", []string{"OTEL_EXPORTER_OTLP_ENDPOINT"}},
	}
	if mode.Known() {
		rules = append(rules, ignoredRule{true, "BRIDGE_GRAPH_AUTH is " + string(mode), unusedByMode(mode)})
	}
	if c.Policy.File != "" && c.Policy.atStart != nil {
		for member, setting := range c.Policy.atStart.Settings() {
			rules = append(rules, ignoredRule{setting.Source != member.Variable(), "the file of BRIDGE_POLICY_FILE has " + string(member), []string{member.Variable()}})
		}
	}
	return rules
}

func otelNames() []string {
	return []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS",
		"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_CERTIFICATE",
	}
}

// unusedByMode gives the settings of a sign-in that a mode has no use for.
func unusedByMode(mode signin.Mode) []string {
	uses := map[string][]signin.Mode{
		"BRIDGE_GRAPH_TOKEN":                {signin.Static},
		"BRIDGE_SIGNIN_KEY":                 {signin.DeviceCode, signin.Browser},
		"AZURE_CLIENT_SECRET":               {signin.ClientSecret, signin.Default},
		"AZURE_CLIENT_CERTIFICATE_PATH":     {signin.ClientCertificate, signin.Default},
		"AZURE_CLIENT_CERTIFICATE_PASSWORD": {signin.ClientCertificate, signin.Default},
		"AZURE_FEDERATED_TOKEN_FILE":        {signin.WorkloadIdentity, signin.Default},
	}
	var names []string
	for name, modes := range uses {
		if !slices.Contains(modes, mode) {
			names = append(names, name)
		}
	}
	if mode == signin.Static {
		names = append(names, "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST", "BRIDGE_GRAPH_SCOPES")
	}
	return names
}

// sayIgnored tells once, at the start, which settings have no effect.
func sayIgnored(log *slog.Logger, list []ignoredSetting) {
	if len(list) == 0 {
		return
	}
	words := make([]string, 0, len(list))
	for _, s := range list {
		words = append(words, fmt.Sprintf("%s (%s)", s.Variable, s.Because))
	}
	log.Warn("settings that are given and have no effect", "ignored", strings.Join(words, "; "))
}

// policyMember gives the member of the policy that a variable sets, empty for others.
func policyMember(name string) policy.Member {
	for _, m := range policy.Members() {
		if m.Variable() == name {
			return m
		}
	}
	return ""
}

// listensItself reports whether the file of BRIDGE_NATS_CONFIG has a listener of its
// own, which then counts.
func listensItself(c config) bool {
	address, err := bus.ServerOptions{Listen: c.NATSListen, ConfigFile: c.NATSConfig}.Address()
	return err == nil && address != c.NATSListen
}
