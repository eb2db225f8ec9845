package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"

	"devicebridge/bridge/tracing/otlp"
)

// tracesConfig is where spans go, by OpenTelemetry's own names. Those that are not
// here, of the resource, the sampler and the batches, its SDK reads by itself from the
// process's environment.
type tracesConfig struct {
	Disabled    string `env:"OTEL_SDK_DISABLED"`
	Exporter    string `env:"OTEL_TRACES_EXPORTER"`
	Endpoint    string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	TracesURL   string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`
	Protocol    string `env:"OTEL_EXPORTER_OTLP_PROTOCOL"`
	Headers     string `env:"OTEL_EXPORTER_OTLP_HEADERS"`
	Timeout     string `env:"OTEL_EXPORTER_OTLP_TIMEOUT"`
	Compression string `env:"OTEL_EXPORTER_OTLP_COMPRESSION"`
	Certificate string `env:"OTEL_EXPORTER_OTLP_CERTIFICATE"`

	// spans stands in the place of what the variables say, for tests.
	spans trace.SpanProcessor
}

// The exporters, as OTEL_TRACES_EXPORTER names them.
const (
	exporterOTLP    = "otlp"
	exporterConsole = "console"
	exporterNone    = "none"

	// defaultCollector and otlpPath are where a collector takes OTLP over HTTP: the
	// specification of the OTLP exporter.
	defaultCollector = "http://localhost:4318"
	otlpPath         = "/v1/traces"
	defaultOTLPWait  = 10 * time.Second
)

// exporters gives what spans go to. OpenTelemetry would export to a collector on this
// host where nothing is set; here nothing is traced until somebody asks for it.
func (t tracesConfig) exporters() []string {
	if strings.EqualFold(t.Disabled, "true") {
		return nil
	}
	if t.Exporter == "" {
		if t.Endpoint == "" && t.TracesURL == "" {
			return nil
		}
		return []string{exporterOTLP}
	}
	var list []string
	for name := range strings.SplitSeq(t.Exporter, ",") {
		if name = strings.TrimSpace(name); name != exporterNone && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// faults checks what the variables say.
func (t tracesConfig) faults() []error {
	var faults []error
	exporters := t.exporters()
	for _, name := range exporters {
		if name != exporterOTLP && name != exporterConsole {
			faults = append(faults, fmt.Errorf(`OTEL_TRACES_EXPORTER: is %q; it takes "otlp", "console" or "none"`, name))
		}
	}
	if slices.Contains(exporters, exporterOTLP) {
		_, err := t.otlp()
		faults = append(faults, err)
	}
	return faults
}

// otlp gives the options of the OTLP exporter, or all faults joined.
func (t tracesConfig) otlp() (otlp.Options, error) {
	o := otlp.Options{Timeout: defaultOTLPWait, UserAgent: "devicebridge/" + version()}
	var faults []error
	fault := func(name string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	if t.Protocol != "" && t.Protocol != "http/protobuf" {
		fault("OTEL_EXPORTER_OTLP_PROTOCOL", fmt.Errorf(`is %q; it takes "http/protobuf", for which a collector listens on port 4318`, t.Protocol))
	}
	// The endpoint of all signals is a base, that of traces the URL itself.
	name := "OTEL_EXPORTER_OTLP_ENDPOINT"
	if o.URL = strings.TrimRight(cmp.Or(t.Endpoint, defaultCollector), "/") + otlpPath; t.TracesURL != "" {
		name, o.URL = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", t.TracesURL
	}
	if u, err := url.Parse(o.URL); err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		// Not quoted: there may be a password in it.
		fault(name, errors.New("is not a URL such as "+defaultCollector+"; credentials go into OTEL_EXPORTER_OTLP_HEADERS"))
	}
	var err error
	if o.Headers, err = otlp.ParseHeaders(t.Headers); err != nil {
		fault("OTEL_EXPORTER_OTLP_HEADERS", err)
	}
	if t.Timeout != "" {
		ms, err := strconv.Atoi(t.Timeout)
		if o.Timeout = time.Duration(ms) * time.Millisecond; err != nil || ms <= 0 {
			fault("OTEL_EXPORTER_OTLP_TIMEOUT", fmt.Errorf("is %q; it takes a number of milliseconds, such as 10000", t.Timeout))
		}
	}
	switch t.Compression {
	case "", "none":
	case "gzip":
		o.Gzip = true
	default:
		fault("OTEL_EXPORTER_OTLP_COMPRESSION", fmt.Errorf(`is %q; it takes "gzip" or "none"`, t.Compression))
	}
	if t.Certificate != "" {
		if o.CA, err = os.ReadFile(t.Certificate); err == nil && !otlp.ValidCA(o.CA) {
			err = fmt.Errorf("%s holds no certificate", t.Certificate)
		}
		fault("OTEL_EXPORTER_OTLP_CERTIFICATE", err)
	}
	return o, errors.Join(faults...)
}
