package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"devicebridge/bridge/graph/signin"
	"devicebridge/events"
)

// natsConfig is how to reach NATS, by the nats CLI's names.
type natsConfig struct {
	URL      string `env:"NATS_URL"`
	Creds    string `env:"NATS_CREDS"`
	NKey     string `env:"NATS_NKEY"`
	CA       string `env:"NATS_CA"`
	Cert     string `env:"NATS_CERT"`
	Key      string `env:"NATS_KEY"`
	User     string `env:"NATS_USER"`
	Password string `env:"NATS_PASSWORD"`
	Token    string `env:"NATS_TOKEN"`

	// Of a client: from is what says where NATS is, in words; local is whether that is
	// the embedded server of a bridge on this machine. inboxPrefix and tlsFirst are of a
	// context.
	from        string
	local       bool
	inboxPrefix string
	tlsFirst    bool
}

// clientConfig is what the client subcommands read.
type clientConfig struct {
	NATS          natsConfig
	SubjectPrefix string `env:"BRIDGE_SUBJECT_PREFIX" envDefault:"devicebridge.v1"`

	subjects events.Subjects
}

// config is what `serve` reads.
type config struct {
	clientConfig

	PublicURL    string `env:"BRIDGE_PUBLIC_URL"`
	ListenAddr   string `env:"BRIDGE_LISTEN_ADDR" envDefault:":8080"`
	AdminAddr    string `env:"BRIDGE_ADMIN_ADDR" envDefault:"127.0.0.1:8081"`
	CallbackKeys string `env:"BRIDGE_CALLBACK_KEYS"`
	DataDir      string `env:"BRIDGE_DATA_DIR"`

	TLSCert            string  `env:"BRIDGE_TLS_CERT"`
	TLSKey             string  `env:"BRIDGE_TLS_KEY"`
	TLSClientCA        string  `env:"BRIDGE_TLS_CLIENT_CA"`
	TrustedProxies     string  `env:"BRIDGE_TRUSTED_PROXIES"`
	PostbackRate       float64 `env:"BRIDGE_POSTBACK_RATE" envDefault:"20"`
	AddressRate        float64 `env:"BRIDGE_ADDRESS_RATE" envDefault:"20"`
	MaxConnections     int     `env:"BRIDGE_MAX_CONNECTIONS" envDefault:"4096"`
	AddressConnections int     `env:"BRIDGE_ADDRESS_CONNECTIONS" envDefault:"1024"`

	callbackKeysFile string
	// graphTokenFile is where BRIDGE_GRAPH_TOKEN comes from; empty: from the variable.
	graphTokenFile string

	Azure       azureConfig
	Commands    string      `env:"BRIDGE_COMMANDS" envDefault:"on"`
	GraphURL    string      `env:"BRIDGE_GRAPH_URL" envDefault:"https://graph.microsoft.com/beta"`
	GraphAuth   signin.Mode `env:"BRIDGE_GRAPH_AUTH"`
	GraphToken  string      `env:"BRIDGE_GRAPH_TOKEN"`
	GraphScopes string      `env:"BRIDGE_GRAPH_SCOPES"`
	SignInKey   string      `env:"BRIDGE_SIGNIN_KEY"`

	Directory      string        `env:"BRIDGE_DIRECTORY" envDefault:"off"`
	DirectoryURL   string        `env:"BRIDGE_DIRECTORY_URL"`
	Inventory      string        `env:"BRIDGE_INVENTORY" envDefault:"off"`
	InventoryEvery time.Duration `env:"BRIDGE_INVENTORY_EVERY" envDefault:"1m"`
	// InventoryMaxBytes 0 is a quarter of the event stream's.
	InventoryMaxBytes byteSize `env:"BRIDGE_INVENTORY_MAX_BYTES"`

	NATSListen     string        `env:"BRIDGE_NATS_LISTEN" envDefault:"127.0.0.1:4222"`
	NATSSync       string        `env:"BRIDGE_NATS_SYNC" envDefault:"always"`
	NATSReplicas   int           `env:"BRIDGE_NATS_REPLICAS" envDefault:"1"`
	StreamMaxAge   time.Duration `env:"BRIDGE_STREAM_MAX_AGE" envDefault:"168h"`
	StreamMaxBytes byteSize      `env:"BRIDGE_STREAM_MAX_BYTES"`
	NATSConfig     string        `env:"BRIDGE_NATS_CONFIG"`

	ExpiresDefault time.Duration `env:"BRIDGE_EXPIRES_DEFAULT" envDefault:"1h"`
	ExpiresMax     time.Duration `env:"BRIDGE_EXPIRES_MAX" envDefault:"72h"`
	PollFirst      time.Duration `env:"BRIDGE_POLL_FIRST" envDefault:"30s"`
	PollMax        time.Duration `env:"BRIDGE_POLL_MAX" envDefault:"5m"`
	PollGrowth     float64       `env:"BRIDGE_POLL_GROWTH" envDefault:"2"`
	PollJitter     float64       `env:"BRIDGE_POLL_JITTER" envDefault:"0.1"`
	Dispatch       string        `env:"BRIDGE_DISPATCH" envDefault:"on"`
	PostbackTrust  string        `env:"BRIDGE_POSTBACK_TRUST" envDefault:"all"`
	PostTimeout    time.Duration `env:"BRIDGE_GRAPH_POST_TIMEOUT" envDefault:"30s"`
	SweepEvery     time.Duration `env:"BRIDGE_SWEEP_EVERY" envDefault:"5m"`
	Workers        int           `env:"BRIDGE_WORKERS" envDefault:"16"`
	DrainTimeout   time.Duration `env:"BRIDGE_DRAIN_TIMEOUT" envDefault:"45s"`
	Policy         policyConfig

	LogLevel  logLevel `env:"BRIDGE_LOG_LEVEL" envDefault:"info"`
	LogFormat string   `env:"BRIDGE_LOG_FORMAT" envDefault:"auto"`

	Traces tracesConfig

	// level is LogLevel until somebody sets another at run time.
	level *slog.LevelVar
}

// The words that settings take.
const (
	// switchedOff: no device commands, no directory, no inventory.
	switchedOn  = "on"
	switchedOff = "off"

	// directoryWrite: the directory's devices may be changed, not only read.
	directoryRead  = "read"
	directoryWrite = "write"

	// adminOff as the admin address: there is no admin listener.
	adminOff = "off"

	dispatchOn = "on"
	// dispatchPaused: nothing is sent to Graph.
	dispatchPaused = "paused"

	trustAll = "all"
	// trustConfirm: what a postback calls an end is asked of Graph before it counts.
	trustConfirm = "confirm"
)

// secrets lists the variables that may also come from a file, as NAME_FILE.
func secrets() []string {
	return []string{
		"BRIDGE_CALLBACK_KEYS", "BRIDGE_GRAPH_TOKEN", "BRIDGE_SIGNIN_KEY", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD",
		"NATS_PASSWORD", "NATS_TOKEN",
		"OTEL_EXPORTER_OTLP_HEADERS",
	}
}

// environment gives the variables as a map.
func environment(environ []string) map[string]string { return env.ToMap(environ) }

// loadClient reads what a client subcommand needs.
func loadClient(vars map[string]string) (clientConfig, error) {
	var c clientConfig
	faults := []error{parse(withPrefix(vars), &c)}
	var err error
	if c.NATS, err = findNATS(c.NATS, vars); err != nil {
		faults = append(faults, err)
	} else {
		faults = append(faults, clientFaults(c.NATS, vars)...)
	}
	if c.subjects, err = events.NewSubjects(c.SubjectPrefix); err != nil {
		name := "BRIDGE_SUBJECT_PREFIX"
		if vars[flagPrefix] != "" {
			name = flagPrefix
		}
		faults = append(faults, fmt.Errorf("%s: %w", name, err))
	}
	return c, wrapUsage(errors.Join(faults...))
}

// loadServe reads and checks what `serve` needs; all faults are reported
// together, each under the name of its variable.
func loadServe(vars map[string]string) (config, error) {
	var c config
	// The parser passes over an embedded struct whose type is not exported.
	faults := []error{parse(vars, &c.clientConfig, &c)}
	c.level = new(slog.LevelVar)
	c.level.Set(c.LogLevel.Level())
	faults = append(faults, addressFaults(c)...)
	faults = append(faults, natsListenFaults(c)...)
	fault := func(bad bool, name, format string, a ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(name+": "+format, a...))
		}
	}
	var err error
	if c.subjects, err = events.NewSubjects(c.SubjectPrefix); err != nil {
		fault(true, "BRIDGE_SUBJECT_PREFIX", "%w", err)
	}
	c.callbackKeysFile = vars["BRIDGE_CALLBACK_KEYS_FILE"]
	c.graphTokenFile = vars["BRIDGE_GRAPH_TOKEN_FILE"]
	c.Azure.secretFile, c.Azure.passwordFile = vars["AZURE_CLIENT_SECRET_FILE"], vars["AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE"]
	faults = append(faults, signInFaults(c)...)
	faults = append(faults, doorFaults(c)...)
	fault(c.PublicURL == "" && c.sends(), "BRIDGE_PUBLIC_URL", "is missing; it is the address under which Graph reaches this bridge, such as https://bridge.example.com")
	fault(c.NATS.URL != "" && c.CallbackKeys == "" && c.sends(), "BRIDGE_CALLBACK_KEYS",
		"is missing; with NATS_URL every replica needs the same keys: <key id>:<base64 of 32 bytes>, for example k1:$(openssl rand -base64 32)")
	faults = append(faults, choiceFaults(c)...)
	faults = append(faults, c.Policy.load()...)
	faults = append(faults, c.Traces.faults()...)
	fault(c.NATSReplicas < 1 || c.NATSReplicas > 5, "BRIDGE_NATS_REPLICAS", "is %d; it takes 1 to 5", c.NATSReplicas)
	fault(c.NATS.URL == "" && c.NATSReplicas > 1, "BRIDGE_NATS_REPLICAS", "is %d; the embedded server is one server, replicas need NATS_URL", c.NATSReplicas)
	fault(c.StreamMaxBytes != 0 && c.StreamMaxBytes < 1<<20, "BRIDGE_STREAM_MAX_BYTES", "is %d; it takes a number of bytes from 1 MiB (1048576), or 0", c.StreamMaxBytes)
	fault(c.InventoryMaxBytes != 0 && c.InventoryMaxBytes < 1<<20, "BRIDGE_INVENTORY_MAX_BYTES", "is %d; it takes a number of bytes from 1 MiB (1048576), or 0", c.InventoryMaxBytes)
	fault(c.SweepEvery > 0 && c.SweepEvery < time.Second, "BRIDGE_SWEEP_EVERY", "is %s; it takes 1s or more", c.SweepEvery)
	// Written so that NaN, which a number may be, is refused too.
	fault(!(c.PollGrowth > 1 && c.PollGrowth <= 10), "BRIDGE_POLL_GROWTH", "is %v; it takes a number above 1 and up to 10", c.PollGrowth)
	fault(!(c.PollJitter >= 0 && c.PollJitter <= 0.5), "BRIDGE_POLL_JITTER", "is %v; it takes a number from 0 to 0.5", c.PollJitter)
	fault(c.Workers < 1 || c.Workers > 1024, "BRIDGE_WORKERS", "is %d; it takes 1 to 1024", c.Workers)
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"BRIDGE_STREAM_MAX_AGE", c.StreamMaxAge}, {"BRIDGE_EXPIRES_DEFAULT", c.ExpiresDefault}, {"BRIDGE_EXPIRES_MAX", c.ExpiresMax},
		{"BRIDGE_POLL_FIRST", c.PollFirst}, {"BRIDGE_POLL_MAX", c.PollMax}, {"BRIDGE_SWEEP_EVERY", c.SweepEvery}, {"BRIDGE_GRAPH_POST_TIMEOUT", c.PostTimeout},
		{"BRIDGE_DRAIN_TIMEOUT", c.DrainTimeout}, {"BRIDGE_INVENTORY_EVERY", c.InventoryEvery},
	} {
		fault(d.value <= 0, d.name, "is %s; it takes a positive duration such as 30s", d.value)
	}
	fault(c.ExpiresDefault > c.ExpiresMax, "BRIDGE_EXPIRES_DEFAULT", "is longer than BRIDGE_EXPIRES_MAX (%s)", c.ExpiresMax)
	fault(c.ExpiresMax+payloadGrace > c.StreamMaxAge, "BRIDGE_EXPIRES_MAX",
		"with %s more must not exceed BRIDGE_STREAM_MAX_AGE (%s): a command would leave the stream before it ends", payloadGrace, c.StreamMaxAge)
	if c.DirectoryURL == "" {
		c.DirectoryURL = directoryURL(c.GraphURL)
	}
	if c.DataDir == "" && c.NATS.URL == "" {
		if c.DataDir, err = defaultDataDir(vars); err != nil {
			fault(true, "BRIDGE_DATA_DIR", "%w", err)
		}
	}
	return c, wrapUsage(errors.Join(faults...))
}

// payloadGrace is how long after a command's expiry its response payload is
// still fetched.
const payloadGrace = time.Hour

// parse fills configs from the variables. One that cannot be read is reported and
// left at its default, so that no other fault follows from it.
func parse(vars map[string]string, configs ...any) error {
	vars, fileFaults := readSecretFiles(vars)
	faults := []error{fileFaults, unknownNames(vars)}
	for _, c := range configs {
		err := env.ParseWithOptions(c, env.Options{Environment: vars})
		if all, ok := errors.AsType[env.AggregateError](err); ok {
			for _, one := range all.Errors {
				name, fault := byVariable(reflect.TypeOf(c).Elem(), one, vars)
				faults = append(faults, fault)
				delete(vars, name)
			}
			err = env.ParseWithOptions(c, env.Options{Environment: vars})
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func wrapUsage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// readSecretFiles puts the content of NAME_FILE in the place of NAME.
func readSecretFiles(vars map[string]string) (map[string]string, error) {
	read := make(map[string]string, len(vars))
	for name, value := range vars {
		read[name] = value
	}
	var faults []error
	for _, name := range secrets() {
		file := vars[name+"_FILE"]
		delete(read, name+"_FILE")
		if file == "" {
			continue
		}
		if vars[name] != "" {
			faults = append(faults, fmt.Errorf("%s and %s_FILE are both set; set one", name, name))
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s_FILE: %w", name, err))
			continue
		}
		if read[name] = strings.TrimSpace(string(text)); read[name] == "" {
			faults = append(faults, fmt.Errorf("%s_FILE: %s is empty", name, file))
		}
	}
	return read, errors.Join(faults...)
}

// defaultDataDir is where a service of this user keeps its state, by the XDG
// base directory specification.
func defaultDataDir(vars map[string]string) (string, error) {
	if dir := vars["XDG_STATE_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "devicebridge"), nil
	}
	if home := vars["HOME"]; home != "" {
		return filepath.Join(home, ".local", "state", "devicebridge"), nil
	}
	return "", errors.New("is missing, and there is no HOME to put it under")
}
