package main

import (
	"fmt"
	"strings"
)

// variable is one line of the help about the configuration.
type variable struct{ name, meaning string }

// variables explains every variable that `serve` reads; a test holds it against
// the struct that is parsed.
func variables() []variable {
	return []variable{
		{"BRIDGE_PUBLIC_URL", "where Graph reaches this bridge: https, or http on loopback. Required"},
		{"BRIDGE_LISTEN_ADDR", "where postbacks arrive"},
		{"BRIDGE_ADMIN_ADDR", `where /metrics, /readyz, /livez and /version are; they ask for no credentials. "off": nowhere`},
		{"BRIDGE_CALLBACK_KEYS", "<key id>:<base64 of 32 bytes or more>,… newest first. Required with NATS_URL; else made once and kept in the data directory. From a file they are read again when it changes"},
		{"BRIDGE_DATA_DIR", "files of the embedded server; by default under the user's state directory"},
		{"BRIDGE_TLS_CERT", "certificate chain file, PEM: serves TLS where nothing in front does; read again when it changes"},
		{"BRIDGE_TLS_KEY", "private key file of BRIDGE_TLS_CERT"},
		{"BRIDGE_TLS_CLIENT_CA", "file of CA certificates: who has no client certificate of theirs is turned away"},
		{"BRIDGE_TRUSTED_PROXIES", "addresses or CIDR ranges, comma separated, of the proxies in front whose X-Forwarded-For is believed"},
		{"BRIDGE_POSTBACK_RATE", "postbacks of one command a second, with bursts of five times as many; more get 429"},
		{"BRIDGE_ADDRESS_RATE", "requests without a good token from one address a second, with bursts of ten times as many; more get 429"},
		{"BRIDGE_MAX_CONNECTIONS", "connections for postbacks open at once; more wait"},
		{"BRIDGE_ADDRESS_CONNECTIONS", "of these from one address, BRIDGE_TRUSTED_PROXIES aside; more are closed"},
		{"BRIDGE_GRAPH_URL", "Graph, or anything that speaks its contract: https, or http on loopback"},
		{"BRIDGE_COMMANDS", `"off": no device commands and no postbacks, only what else is switched on`},
		{"BRIDGE_GRAPH_AUTH", "how to sign in: " + modeWords() + ". Required"},
		{"BRIDGE_GRAPH_TOKEN", "the bearer token for static"},
		{"BRIDGE_GRAPH_SCOPES", "scopes to ask for, separated by spaces, where a gateway wants others than Graph"},
		{"BRIDGE_GRAPH_CA", "file of CA certificates to trust for Graph and the authority, besides the system's"},
		{"BRIDGE_DIRECTORY", `"read" answers questions about the directory's devices, "write" changes them too`},
		{"BRIDGE_DIRECTORY_URL", "Graph's v1.0 endpoint; by default the one beside BRIDGE_GRAPH_URL"},
		{"BRIDGE_INVENTORY", `"on" publishes what changes among the directory's devices as events`},
		{"BRIDGE_INVENTORY_MAX_BYTES", "limit of the inventory's stream in bytes, which forgets no device; 0: a quarter of BRIDGE_STREAM_MAX_BYTES"},
		{"BRIDGE_INVENTORY_EVERY", "how often the directory is asked for changes"},
		{"BRIDGE_SIGNIN_KEY", "base64 of 32 bytes: seals the sign-in of device-code and browser. Required for them with NATS_URL; else made once and kept in the data directory"},
		{"AZURE_CLIENT_ID", "the application that signs in"},
		{"AZURE_TENANT_ID", `where it signs in; for device-code and browser "consumers" unless set`},
		{"AZURE_AUTHORITY_HOST", "the authority of a national cloud, or the emulator's"},
		{"AZURE_CLIENT_SECRET", "for client-secret"},
		{"AZURE_CLIENT_CERTIFICATE_PATH", "for client-certificate: certificate and private key, PEM or PKCS#12"},
		{"AZURE_CLIENT_CERTIFICATE_PASSWORD", "the password of that file"},
		{"AZURE_FEDERATED_TOKEN_FILE", "for workload-identity; Kubernetes sets it"},
		{"BRIDGE_GRAPH_POST_TIMEOUT", "how long one POST to Graph may take; a claim is given up 30 s later"},
		{"BRIDGE_SUBJECT_PREFIX", "first tokens of every subject"},
		{"BRIDGE_NATS_LISTEN", "address of the embedded NATS server; port 0 picks one. Beyond loopback it needs BRIDGE_NATS_CONFIG"},
		{"BRIDGE_NATS_SYNC", `"always" has every append on disk before it is acknowledged, those that wait at the same time by one sync; "each" by a sync for each; "interval" does not sync before`},
		{"BRIDGE_NATS_REPLICAS", "replicas of each stream on a NATS cluster"},
		{"BRIDGE_STREAM_MAX_AGE", "how long events, idempotency and callbacks last"},
		{"BRIDGE_STREAM_MAX_BYTES", "limit of the event stream in bytes; 0: 1 GiB, or half of the embedded server's limit if less"},
		{"BRIDGE_NATS_CONFIG", "configuration file of a NATS server, for the embedded one: its listener, TLS, accounts with users, leaf node remotes"},
		{"BRIDGE_EXPIRES_DEFAULT", "a command's life where the request names none"},
		{"BRIDGE_EXPIRES_MAX", "the longest life a request may ask for"},
		{"BRIDGE_POLL_FIRST", "time without news after which Graph is asked for a command's status"},
		{"BRIDGE_POLL_MAX", "longest time between two polls of a command"},
		{"BRIDGE_POLL_GROWTH", "each time between two polls of a command is this many times the one before"},
		{"BRIDGE_POLL_JITTER", "part of that time by which it is varied at random, 0 to 0.5"},
		{"BRIDGE_POSTBACK_TRUST", `"confirm" asks Graph before a command's end that a postback tells is published; "all" believes it`},
		{"BRIDGE_DISPATCH", `"paused" takes requests and follows commands, but sends nothing to Graph: for a store restored from a backup`},
		{"BRIDGE_SWEEP_EVERY", "how often lost timers are looked for; with NATS_URL each time takes the events since the oldest open command over the network"},
		{"BRIDGE_WORKERS", "commands worked on at once, and the most of them on their way to Graph"},
		{"BRIDGE_DRAIN_TIMEOUT", "how long a stop may take from the signal to the end; a fifth of it, 5 s at most, is kept for draining NATS"},
		{"BRIDGE_POLICY_FILE", "what may be asked for, as YAML or JSON; followed while the bridge runs. It goes before the next six, which also stand in it"},
		{"BRIDGE_URI_SCHEMES", "uriSchemes: the schemes that launchUri commands may open, comma separated"},
		{"BRIDGE_URI_HOSTS", "uriHosts: the hosts of their URIs: example.com, *.example.com; by default any but internationalised ones"},
		{"BRIDGE_APP_SERVICES", "appServices: what may be called, as <package family name>/<app service name> with * for any characters; by default any"},
		{"BRIDGE_DEVICES", "devices: the ids that may be commanded, with * for any characters; by default any"},
		{"BRIDGE_SEND_RATE", "sendRate: the most commands that this replica sends, such as 10/s, 60/m or 600/h; the others wait"},
		{"BRIDGE_DEVICE_SEND_RATE", "deviceSendRate: the same to one device"},
		{"BRIDGE_LOG_LEVEL", "debug, info, warn or error"},
		{"BRIDGE_LOG_FORMAT", "json, text, or auto: text on a terminal"},
		{"NATS_URL", "servers of a NATS cluster, 2.12.1 or later, comma separated"},
		{"NATS_CREDS", "credentials file"},
		{"NATS_NKEY", "nkey seed file"},
		{"NATS_USER", "user name"},
		{"NATS_PASSWORD", "password"},
		{"NATS_TOKEN", "token"},
		{"NATS_CA", "file of CA certificates to trust"},
		{"NATS_CERT", "client certificate file"},
		{"NATS_KEY", "client key file"},
		{"OTEL_TRACES_EXPORTER", `"otlp", "console", "none", or several; without it and without an endpoint nothing is traced`},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "the collector, such as http://localhost:4318; /v1/traces is put behind it"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "the same for traces alone: the whole URL"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf is the one there is"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "name=value,… sent to the collector"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "how long one export may take, in milliseconds; 10000 unless set"},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip or none"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "file of CA certificates to trust for the collector"},
		{"OTEL_SDK_DISABLED", `"true": nothing is traced, whatever else is set`},
	}
}

func variableHelp() string {
	defaults := variableDefaults()
	var b strings.Builder
	for _, v := range variables() {
		meaning := v.meaning
		if d := defaults[v.name]; d != "" {
			meaning += " (" + d + ")"
		}
		_, _ = fmt.Fprintf(&b, "  %-33s %s\n", v.name, meaning)
	}
	return b.String()
}
