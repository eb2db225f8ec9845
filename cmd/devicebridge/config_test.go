package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"devicebridge/bridge/graph/signin"
	"devicebridge/webhook"
)

// cliMinimal is the least that `serve` needs.
func cliMinimal(more map[string]string) map[string]string {
	vars := map[string]string{
		"BRIDGE_PUBLIC_URL": "https://bridge.example.com", "BRIDGE_GRAPH_AUTH": "static", "BRIDGE_GRAPH_TOKEN": "token", "HOME": "/home/user",
	}
	maps.Copy(vars, more)
	return vars
}

// cliSettings gives the text of every variable in a parsed configuration.
func cliSettings(c config) map[string]string {
	settings := map[string]string{}
	var walk func(reflect.Value)
	walk = func(v reflect.Value) {
		for f, value := range v.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
			switch {
			case name != "":
				settings[name] = fmt.Sprint(value.Interface())
			case f.IsExported() && value.Kind() == reflect.Struct, f.Anonymous:
				walk(value)
			}
		}
	}
	walk(reflect.ValueOf(c))
	return settings
}

func cliFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestEveryVariableIsRead(t *testing.T) {
	doors := cliPair(t, "bridge.example.org", time.Hour)
	vars := map[string]string{
		"BRIDGE_PUBLIC_URL": "https://bridge.example.org/graph", "BRIDGE_LISTEN_ADDR": "127.0.0.1:9000", "BRIDGE_ADMIN_ADDR": "0.0.0.0:9001",
		"BRIDGE_CALLBACK_KEYS": webhook.NewKey(), "BRIDGE_DATA_DIR": "/srv/bridge",
		"BRIDGE_TLS_CERT": doors["cert"], "BRIDGE_TLS_KEY": doors["key"], "BRIDGE_TLS_CLIENT_CA": doors["cert"], "BRIDGE_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
		"BRIDGE_POSTBACK_RATE": "7.5", "BRIDGE_ADDRESS_RATE": "3", "BRIDGE_MAX_CONNECTIONS": "500", "BRIDGE_ADDRESS_CONNECTIONS": "50",
		"BRIDGE_COMMANDS": "on", "BRIDGE_GRAPH_URL": "https://gateway.example.org/beta", "BRIDGE_GRAPH_AUTH": "device-code",
		"BRIDGE_GRAPH_TOKEN": "bearer-of-the-test", "BRIDGE_GRAPH_SCOPES": "api://gateway/commands openid", "BRIDGE_SIGNIN_KEY": signin.NewKey(),
		"BRIDGE_GRAPH_CA": cliCertificate(t), "BRIDGE_DIRECTORY": "off", "BRIDGE_DIRECTORY_URL": "https://gateway.example.org/v1.0",
		"BRIDGE_INVENTORY": "off", "BRIDGE_INVENTORY_EVERY": "2m0s", "BRIDGE_INVENTORY_MAX_BYTES": "7654321",
		"AZURE_CLIENT_ID": "11111111-2222-3333-4444-555555555555", "AZURE_TENANT_ID": "common", "AZURE_AUTHORITY_HOST": "https://login.example.org",
		"AZURE_CLIENT_SECRET": "client secret", "AZURE_CLIENT_CERTIFICATE_PATH": "/etc/bridge/client.pem", "AZURE_CLIENT_CERTIFICATE_PASSWORD": "of the file",
		"AZURE_FEDERATED_TOKEN_FILE": "/var/run/token",
		"BRIDGE_GRAPH_POST_TIMEOUT":  "31s", "BRIDGE_SUBJECT_PREFIX": "house.v2",
		"BRIDGE_NATS_LISTEN": "127.0.0.1:4333", "BRIDGE_NATS_CONFIG": "", "BRIDGE_NATS_SYNC": "interval", "BRIDGE_NATS_REPLICAS": "3",
		"BRIDGE_STREAM_MAX_AGE": "48h0m0s", "BRIDGE_STREAM_MAX_BYTES": "123456789",
		"BRIDGE_EXPIRES_DEFAULT": "2h0m0s", "BRIDGE_EXPIRES_MAX": "24h0m0s", "BRIDGE_POLL_FIRST": "45s", "BRIDGE_POLL_MAX": "7m0s", "BRIDGE_SWEEP_EVERY": "8m0s",
		"BRIDGE_POLL_GROWTH": "1.5", "BRIDGE_POLL_JITTER": "0.25", "BRIDGE_DISPATCH": "paused", "BRIDGE_POSTBACK_TRUST": "confirm",
		"BRIDGE_WORKERS": "9", "BRIDGE_DRAIN_TIMEOUT": "20s", "BRIDGE_LOG_LEVEL": "DEBUG", "BRIDGE_LOG_FORMAT": "text",
		"BRIDGE_POLICY_FILE": cliFile(t, "policy.yaml", "devices: [d1]"), "BRIDGE_URI_SCHEMES": "https,tel", "BRIDGE_URI_HOSTS": "*.example.com",
		"BRIDGE_APP_SERVICES": "pkg/svc", "BRIDGE_DEVICES": "d*", "BRIDGE_SEND_RATE": "10/s", "BRIDGE_DEVICE_SEND_RATE": "6/m",
		"OTEL_SDK_DISABLED": "false", "OTEL_TRACES_EXPORTER": "otlp,console", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector/traces", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
		"OTEL_EXPORTER_OTLP_HEADERS": "api-key=of%20the%20test", "OTEL_EXPORTER_OTLP_TIMEOUT": "5000", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
		"OTEL_EXPORTER_OTLP_CERTIFICATE": cliCertificate(t),
		"NATS_URL":                       "nats://one.example.org:4222,two.example.org",
		"NATS_CREDS":                     cliFile(t, "creds", "x"), "NATS_NKEY": cliFile(t, "nkey", "x"), "NATS_CA": cliFile(t, "ca", "x"),
		"NATS_CERT": cliFile(t, "cert", "x"), "NATS_KEY": cliFile(t, "key", "x"),
		"NATS_USER": "anna", "NATS_PASSWORD": "password", "NATS_TOKEN": "nats-token",
	}
	c, err := loadServe(vars)
	if err != nil {
		t.Fatal(err)
	}
	if got := cliSettings(c); !maps.Equal(got, vars) {
		t.Errorf("parsed as\n%v, want\n%v", got, vars)
	}
	if c.subjects.Prefix() != "house.v2" {
		t.Errorf("subjects are under %s", c.subjects.Prefix())
	}
	o := busOptions(c.clientConfig, nil, nil)
	for name, value := range map[string]string{
		"NATS_URL": o.URL, "NATS_CREDS": o.CredsFile, "NATS_NKEY": o.NKeyFile, "NATS_CA": o.CAFile, "NATS_CERT": o.CertFile,
		"NATS_KEY": o.KeyFile, "NATS_USER": o.User, "NATS_PASSWORD": o.Password, "NATS_TOKEN": o.Token,
	} {
		if value != vars[name] {
			t.Errorf("the bus is given %q for %s", value, name)
		}
	}
}

func TestDefaults(t *testing.T) {
	c, err := loadServe(cliMinimal(map[string]string{"BRIDGE_WORKERS": ""})) // empty is not set
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"BRIDGE_PUBLIC_URL": "https://bridge.example.com", "BRIDGE_GRAPH_AUTH": "static", "BRIDGE_GRAPH_TOKEN": "token",
		"BRIDGE_COMMANDS": "on", "BRIDGE_GRAPH_SCOPES": "", "BRIDGE_SIGNIN_KEY": "", "BRIDGE_GRAPH_CA": "",
		"BRIDGE_DIRECTORY": "off", "BRIDGE_DIRECTORY_URL": "https://graph.microsoft.com/v1.0", "BRIDGE_INVENTORY": "off", "BRIDGE_INVENTORY_EVERY": "1m0s", "BRIDGE_INVENTORY_MAX_BYTES": "0",
		"AZURE_CLIENT_ID": "", "AZURE_TENANT_ID": "", "AZURE_AUTHORITY_HOST": "", "AZURE_CLIENT_SECRET": "", "AZURE_CLIENT_CERTIFICATE_PATH": "",
		"AZURE_CLIENT_CERTIFICATE_PASSWORD": "", "AZURE_FEDERATED_TOKEN_FILE": "",
		"BRIDGE_LISTEN_ADDR": ":8080", "BRIDGE_ADMIN_ADDR": "127.0.0.1:8081", "BRIDGE_CALLBACK_KEYS": "",
		"BRIDGE_TLS_CERT": "", "BRIDGE_TLS_KEY": "", "BRIDGE_TLS_CLIENT_CA": "", "BRIDGE_TRUSTED_PROXIES": "", "BRIDGE_POSTBACK_RATE": "20",
		"BRIDGE_ADDRESS_RATE": "20", "BRIDGE_MAX_CONNECTIONS": "4096", "BRIDGE_ADDRESS_CONNECTIONS": "1024",
		"BRIDGE_DATA_DIR":  "/home/user/.local/state/devicebridge",
		"BRIDGE_GRAPH_URL": "https://graph.microsoft.com/beta", "BRIDGE_GRAPH_POST_TIMEOUT": "30s", "BRIDGE_SUBJECT_PREFIX": "devicebridge.v1",
		"BRIDGE_NATS_LISTEN": "127.0.0.1:4222", "BRIDGE_NATS_CONFIG": "", "BRIDGE_NATS_SYNC": "always", "BRIDGE_NATS_REPLICAS": "1",
		"BRIDGE_STREAM_MAX_AGE": "168h0m0s", "BRIDGE_STREAM_MAX_BYTES": "0",
		"BRIDGE_EXPIRES_DEFAULT": "1h0m0s", "BRIDGE_EXPIRES_MAX": "72h0m0s", "BRIDGE_POLL_FIRST": "30s", "BRIDGE_POLL_MAX": "5m0s", "BRIDGE_SWEEP_EVERY": "5m0s",
		"BRIDGE_POLL_GROWTH": "2", "BRIDGE_POLL_JITTER": "0.1", "BRIDGE_DISPATCH": "on", "BRIDGE_POSTBACK_TRUST": "all",
		"BRIDGE_WORKERS": "16", "BRIDGE_DRAIN_TIMEOUT": "45s", "BRIDGE_LOG_LEVEL": "INFO", "BRIDGE_LOG_FORMAT": "auto",
		"BRIDGE_POLICY_FILE": "", "BRIDGE_URI_SCHEMES": "https,http", "BRIDGE_URI_HOSTS": "", "BRIDGE_APP_SERVICES": "", "BRIDGE_DEVICES": "",
		"BRIDGE_SEND_RATE": "", "BRIDGE_DEVICE_SEND_RATE": "",
		"OTEL_SDK_DISABLED": "", "OTEL_TRACES_EXPORTER": "", "OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "", "OTEL_EXPORTER_OTLP_HEADERS": "", "OTEL_EXPORTER_OTLP_TIMEOUT": "", "OTEL_EXPORTER_OTLP_COMPRESSION": "",
		"OTEL_EXPORTER_OTLP_CERTIFICATE": "",
		"NATS_URL":                       "", "NATS_CREDS": "", "NATS_NKEY": "", "NATS_CA": "", "NATS_CERT": "", "NATS_KEY": "", "NATS_USER": "",
		"NATS_PASSWORD": "", "NATS_TOKEN": "",
	}
	if got := cliSettings(c); !maps.Equal(got, want) {
		t.Errorf("defaults are\n%v, want\n%v", got, want)
	}
	c, err = loadServe(cliMinimal(map[string]string{"XDG_STATE_HOME": "/var/state"}))
	if err != nil || c.DataDir != "/var/state/devicebridge" {
		t.Errorf("with XDG_STATE_HOME the data directory is %q (%v)", c.DataDir, err)
	}
}

func TestOneFault(t *testing.T) {
	cluster := map[string]string{"NATS_URL": "nats.example.com", "BRIDGE_CALLBACK_KEYS": webhook.NewKey()}
	exporting := map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}
	for _, test := range []struct {
		name, value, words string
		with               map[string]string
	}{
		{name: "BRIDGE_PUBLIC_URL", words: "is missing; it is the address under which Graph reaches this bridge"},
		{name: "BRIDGE_PUBLIC_URL", value: "http://bridge.example.com", words: "http is for loopback hosts only; use https"},
		{name: "BRIDGE_PUBLIC_URL", value: "bridge.example.com", words: "https://"},
		{name: "BRIDGE_GRAPH_URL", value: "http://graph.example.com/beta", words: "plain http is for loopback hosts only; use https"},
		{name: "BRIDGE_GRAPH_AUTH", words: "is missing; it takes device-code, browser, workload-identity,"},
		{name: "BRIDGE_GRAPH_AUTH", value: "device", words: `is "device"; it takes device-code, browser,`},
		{name: "BRIDGE_DIRECTORY", value: "all", words: `is "all"; it takes "off", "read" or "write"`},
		{name: "BRIDGE_DIRECTORY_URL", value: "http://graph.example.com/v1.0", words: "plain http is for loopback hosts only"},
		{name: "BRIDGE_INVENTORY", value: "on", words: "set BRIDGE_DIRECTORY=read too"},
		{name: "BRIDGE_INVENTORY_MAX_BYTES", value: "1000", words: "from 1 MiB"},
		{name: "BRIDGE_INVENTORY_EVERY", value: "0s", words: "it takes a positive duration"},
		{name: "BRIDGE_GRAPH_TOKEN", words: "is missing; BRIDGE_GRAPH_AUTH=static needs it"},
		{name: "BRIDGE_GRAPH_TOKEN", value: "Bearer abc", words: `without "Bearer"`},
		{name: "BRIDGE_CALLBACK_KEYS", words: "is missing; with NATS_URL", with: map[string]string{"NATS_URL": "nats://127.0.0.1:4222"}},
		{name: "BRIDGE_CALLBACK_KEYS", value: "k1:dG9vIHNob3J0", words: "at least 32 are needed"},
		{name: "BRIDGE_LISTEN_ADDR", value: "8080", words: `is "8080"; it takes host:port`},
		{name: "BRIDGE_ADMIN_ADDR", value: "8081", words: `is "8081"; it takes host:port, such as 127.0.0.1:8080 or :8080, or "off"`},
		{name: "BRIDGE_ADMIN_ADDR", value: "OFF", words: `or "off"`},
		{name: "BRIDGE_DISPATCH", value: "pause", words: `is "pause"; it takes "on" or "paused"`},
		{name: "BRIDGE_POSTBACK_TRUST", value: "none", words: `is "none"; it takes "all" or "confirm"`},
		{name: "BRIDGE_POLL_GROWTH", value: "1", words: "is 1; it takes a number above 1 and up to 10"},
		{name: "BRIDGE_POLL_GROWTH", value: "10.01", words: "is 10.01; it takes a number above 1"},
		{name: "BRIDGE_POLL_GROWTH", value: "NaN", words: "is NaN; it takes a number above 1"},
		{name: "BRIDGE_POLL_GROWTH", value: "double", words: `is "double"; it takes a number such as 1.5`},
		{name: "BRIDGE_POLL_JITTER", value: "-0.1", words: "is -0.1; it takes a number from 0 to 0.5"},
		{name: "BRIDGE_POLL_JITTER", value: "0.51", words: "is 0.51; it takes a number from 0 to 0.5"},
		{name: "BRIDGE_POLL_JITTER", value: "10%", words: `is "10%"; it takes a number such as 1.5`},
		{name: "BRIDGE_NATS_LISTEN", value: "0.0.0.0:4222", words: "only a loopback address is taken; accounts with users, and tls with cert_file and key_file is missing in the NATS server configuration file that BRIDGE_NATS_CONFIG names"},
		{name: "BRIDGE_NATS_CONFIG", value: "/nowhere/nats.conf", words: "open /nowhere/nats.conf"},
		{name: "BRIDGE_NATS_CONFIG", value: cliFile(t, "nats.conf", "cluster { name: c }"), words: "run a NATS cluster and set NATS_URL"},
		{name: "BRIDGE_NATS_CONFIG", value: cliFile(t, "nats.conf", "listen: '0.0.0.0:4222'"), words: "accounts with users, and tls"},
		{name: "BRIDGE_NATS_CONFIG", value: cliFile(t, "nats.conf", "max_connections: 10"), words: "NATS_URL names another; set one", with: cluster},
		{name: "BRIDGE_NATS_LISTEN", value: "localhost", words: "it takes host:port"},
		{name: "BRIDGE_NATS_SYNC", value: "never", words: `"always", "each" or "interval"`},
		{name: "BRIDGE_NATS_REPLICAS", value: "6", words: "is 6; it takes 1 to 5", with: cluster},
		{name: "BRIDGE_NATS_REPLICAS", value: "3", words: "replicas need NATS_URL"},
		{name: "BRIDGE_NATS_REPLICAS", value: "three", words: `is "three"; it takes a whole number`},
		{name: "BRIDGE_SUBJECT_PREFIX", value: "house.>", words: "letters, digits"},
		{name: "BRIDGE_STREAM_MAX_AGE", value: "7d", words: `is "7d"; it takes a duration such as 30s or 1h30m`},
		{name: "BRIDGE_STREAM_MAX_BYTES", value: "-1", words: `is "-1"; it takes a size such as`},
		{name: "BRIDGE_EXPIRES_DEFAULT", value: "73h", words: "is longer than BRIDGE_EXPIRES_MAX (72h0m0s)"},
		{name: "BRIDGE_EXPIRES_MAX", value: "168h", words: "must not exceed BRIDGE_STREAM_MAX_AGE (168h0m0s)"},
		{name: "BRIDGE_EXPIRES_MAX", value: "10 minutes", words: `is "10 minutes"; it takes a duration`},
		{name: "BRIDGE_POLL_FIRST", value: "-1s", words: "is -1s; it takes a positive duration"},
		{name: "BRIDGE_POLL_MAX", value: "0s", words: "is 0s; it takes a positive duration"},
		{name: "BRIDGE_SWEEP_EVERY", value: "-1m", words: "is -1m0s; it takes a positive duration"},
		{name: "BRIDGE_GRAPH_POST_TIMEOUT", value: "30", words: `is "30"; it takes a duration`},
		{name: "BRIDGE_DRAIN_TIMEOUT", value: "soon", words: `is "soon"; it takes a duration`},
		{name: "BRIDGE_WORKERS", value: "0", words: "is 0; it takes 1 to 1024"},
		{name: "BRIDGE_LOG_LEVEL", value: "loud", words: `is "loud"; it takes debug, info, warn or error`},
		{name: "BRIDGE_LOG_LEVEL", value: "error+1000", words: `is "error+1000"; it takes debug, info, warn or error`},
		{name: "BRIDGE_LOG_FORMAT", value: "xml", words: `it takes "auto", "text" or "json"`},
		{name: "BRIDGE_URI_SCHEMES", value: "https,file", words: `"file" is refused always and cannot be allowed; take it out`},
		{name: "BRIDGE_URI_HOSTS", value: "https://example.com", words: `is not a host`},
		{name: "BRIDGE_APP_SERVICES", value: "com.example.ping", words: "is not <package family name>/<app service name>"},
		{name: "BRIDGE_DEVICES", value: "d1,,d2", words: "has an empty word"},
		{name: "BRIDGE_SEND_RATE", value: "10", words: `"10" is not a rate such as 10/s`},
		{name: "BRIDGE_DEVICE_SEND_RATE", value: "0/m", words: `"0/m" is not a rate such as 10/s`},
		{name: "BRIDGE_POLICY_FILE", value: "/nowhere/policy.yaml", words: "/nowhere/policy.yaml: cannot be read: no such file"},
		{name: "OTEL_TRACES_EXPORTER", value: "zipkin", words: `is "zipkin"; it takes "otlp", "console" or "none"`},
		{name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: "collector:4318", words: "is not a URL such as http://localhost:4318"},
		{name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value: "http://me:secret@collector", words: "credentials go into OTEL_EXPORTER_OTLP_HEADERS"},
		{name: "OTEL_EXPORTER_OTLP_PROTOCOL", value: "grpc", words: `is "grpc"; it takes "http/protobuf"`, with: exporting},
		{name: "OTEL_EXPORTER_OTLP_HEADERS", value: "secret", words: "is not name=value", with: exporting},
		{name: "OTEL_EXPORTER_OTLP_TIMEOUT", value: "10s", words: `is "10s"; it takes a number of milliseconds`, with: exporting},
		{name: "OTEL_EXPORTER_OTLP_COMPRESSION", value: "zstd", words: `is "zstd"; it takes "gzip" or "none"`, with: exporting},
		{name: "OTEL_EXPORTER_OTLP_CERTIFICATE", value: "/nowhere/ca.pem", words: "no such file", with: exporting},
		{name: "NATS_URL", value: "nats://host:port", words: "address 1 is not nats://host:port", with: cluster},
		{name: "NATS_URL", value: "nats://host, ", words: "address 2 is not nats://host:port", with: cluster},
		{name: "NATS_CREDS", value: "/nowhere/x.creds", words: "no such file", with: cluster},
		{name: "BRIDGE_DATA_DIR", words: "there is no HOME to put it under", with: map[string]string{"HOME": ""}},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			vars := cliMinimal(test.with)
			vars[test.name] = test.value
			_, err := loadServe(vars)
			if err == nil {
				t.Fatal("is taken")
			}
			if got := cliFaultNames(err); !slices.Equal(got, []string{test.name}) || !strings.Contains(err.Error(), test.words) {
				t.Errorf("the fault is %q, want one of %s that says %q", err, test.name, test.words)
			}
			if exitCode(err) != exitUsage {
				t.Errorf("exit code %d", exitCode(err))
			}
		})
	}
}

func TestLoopbackMayBePlain(t *testing.T) {
	for _, host := range []string{"127.0.0.1:8080", "localhost:8080", "[::1]:8080", "127.9.9.9"} {
		if _, err := loadServe(cliMinimal(map[string]string{"BRIDGE_PUBLIC_URL": "http://" + host, "BRIDGE_GRAPH_URL": "http://" + host + "/beta"})); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestAllFaultsAreReportedTogether(t *testing.T) {
	vars := map[string]string{
		"BRIDGE_GRAPH_AUTH": "static", "BRIDGE_GRAPH_TOKEN_FILE": "/nowhere/token", "BRIDGE_WORKERS": "many", "BRIDGE_EXPIRES_MAX": "3 days",
		"BRIDGE_GRAPH_URL": "ftp://example.com", "BRIDGE_NATS_SYNC": "often", "BRIDGE_TYPO": "1", "BRIDGE_SUBJECT_PREFIX": "a b",
		"NATS_URL": "nats://a,nats://b:c", "NATS_CERT": cliFile(t, "cert", "x"),
	}
	r := cliRun(t, vars, "serve")
	if r.code != exitUsage || r.stdout != "" {
		t.Errorf("exit %d, stdout %q", r.code, r.stdout)
	}
	var names []string
	for line := range strings.Lines(r.stderr) {
		rest, ours := strings.CutPrefix(line, "devicebridge: ")
		name, _, _ := strings.Cut(rest, ":")
		if names = append(names, name); !ours {
			t.Errorf("line %q does not say who speaks", line)
		}
	}
	want := []string{
		"BRIDGE_CALLBACK_KEYS", "BRIDGE_EXPIRES_MAX", "BRIDGE_GRAPH_TOKEN", "BRIDGE_GRAPH_TOKEN_FILE", "BRIDGE_GRAPH_URL",
		"BRIDGE_NATS_SYNC", "BRIDGE_PUBLIC_URL", "BRIDGE_SUBJECT_PREFIX", "BRIDGE_TYPO", "BRIDGE_WORKERS", "NATS_CERT and NATS_KEY", "NATS_URL",
	}
	if slices.Sort(names); !slices.Equal(names, want) {
		t.Errorf("faults of\n%q, want\n%q", names, want)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	keys := webhook.NewKey()
	c, err := loadServe(map[string]string{
		"BRIDGE_PUBLIC_URL": "https://bridge.example.com", "BRIDGE_GRAPH_AUTH": "static", "HOME": "/home/user",
		"BRIDGE_GRAPH_TOKEN_FILE": cliFile(t, "token", "token-of-the-file\n"), "BRIDGE_CALLBACK_KEYS_FILE": cliFile(t, "keys", keys+"\r\n"),
		"NATS_PASSWORD_FILE": cliFile(t, "password", "pass word"), "NATS_TOKEN_FILE": cliFile(t, "nats", "nats-token\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.GraphToken != "token-of-the-file" || c.CallbackKeys != keys || c.NATS.Password != "pass word" || c.NATS.Token != "nats-token" {
		t.Errorf("read %+v", cliSettings(c))
	}
	for words, vars := range map[string]map[string]string{
		"BRIDGE_GRAPH_TOKEN and BRIDGE_GRAPH_TOKEN_FILE are both set": {"BRIDGE_GRAPH_TOKEN_FILE": cliFile(t, "token", "other")},
		"NATS_PASSWORD_FILE: open /nowhere/password":                  {"NATS_PASSWORD_FILE": "/nowhere/password"},
		"BRIDGE_CALLBACK_KEYS_FILE: ":                                 {"BRIDGE_CALLBACK_KEYS_FILE": cliFile(t, "keys", " \n")},
		"NATS_TOKEN_FILE: read":                                       {"NATS_TOKEN_FILE": t.TempDir()},
	} {
		if _, err := loadServe(cliMinimal(vars)); err == nil || !strings.Contains(err.Error(), words) || exitCode(err) != exitUsage {
			t.Errorf("%v: %v, want %q", vars, err, words)
		}
	}
}

func TestNoErrorShowsASecret(t *testing.T) {
	const secret = "s3cret"
	for _, vars := range []map[string]string{
		{"BRIDGE_GRAPH_TOKEN": "Bearer " + secret},
		{"BRIDGE_CALLBACK_KEYS": secret},
		{"BRIDGE_CALLBACK_KEYS": "k1:" + secret + ",k1:" + secret},
		{"BRIDGE_CALLBACK_KEYS_FILE": cliFile(t, "keys", secret)},
		{"BRIDGE_PUBLIC_URL": "https://user:" + secret + "@bridge.example.com"},
		{"BRIDGE_PUBLIC_URL": "https://user:" + secret + "@bridge.example.com:port"},
		{"BRIDGE_GRAPH_URL": "https://user:" + secret + "@graph.example.com"},
		{"BRIDGE_GRAPH_URL": "https://user:" + secret + "%zz@graph.example.com"},
		{"NATS_URL": "nats://user:" + secret + "@127.0.0.1:1"},
		{"NATS_URL": "nats://user:" + secret + "@127.0.0.1:port"},
		{"NATS_URL": "user:" + secret + " @127.0.0.1"},
		{"NATS_URL": "nats://127.0.0.1:1", "NATS_USER": "user", "NATS_PASSWORD": secret},
		{"NATS_URL": "nats://127.0.0.1:1", "NATS_TOKEN": secret, "BRIDGE_GRAPH_TOKEN": secret, "BRIDGE_TYPO": secret},
	} {
		vars["BRIDGE_WORKERS"] = "none" // so that serve fails before it starts
		serve := cliRun(t, cliMinimal(vars), "serve")
		if vars["NATS_URL"] == "" {
			vars["NATS_URL"] = "nats://127.0.0.1:1"
		}
		for _, r := range []cliResult{serve, cliRun(t, vars, "list")} {
			if strings.Contains(r.stdout+r.stderr, secret) {
				t.Errorf("%v is shown: %s", vars, r.stderr)
			}
		}
	}
}

func TestCallbackKeysAreMadeOnce(t *testing.T) {
	c := config{DataDir: filepath.Join(t.TempDir(), "state", "devicebridge")}
	rings := make([]*webhook.Keyring, 8)
	var starts sync.WaitGroup
	for i := range rings { // also by several at once
		starts.Go(func() {
			var err error
			if rings[i], err = callbackKeys(c); err != nil {
				t.Error(err)
			}
		})
	}
	starts.Wait()
	for i, ring := range rings {
		if fmt.Sprint(ring) != fmt.Sprint(rings[0]) {
			t.Errorf("start %d has %v, the first %v", i, ring, rings[0])
		}
	}
	files, err := os.ReadDir(c.DataDir)
	if err != nil || len(files) != 1 {
		t.Fatalf("the data directory holds %v (%v), want callback-keys alone", files, err)
	}
	info, err := files[0].Info()
	if err != nil || info.Name() != "callback-keys" || info.Mode() != 0o600 {
		t.Errorf("%s has mode %v (%v), want 0600", info.Name(), info.Mode(), err)
	}
	text, err := os.ReadFile(filepath.Join(c.DataDir, "callback-keys"))
	if err != nil {
		t.Fatal(err)
	}
	same, err := webhook.ParseKeyring(strings.TrimSpace(string(text)))
	if err != nil || fmt.Sprint(same) != fmt.Sprint(rings[0]) {
		t.Errorf("the file holds %v (%v), used is %v", same, err, rings[0])
	}
}

func TestABrokenKeyFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "callback-keys")
	for _, text := range []string{"", "k1:c2VjcmV0", "not a key"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := callbackKeys(config{DataDir: dir})
		if err == nil || !strings.Contains(err.Error(), file) || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v, want an error that names %s and quotes nothing", text, err, file)
		}
		if kept, err := os.ReadFile(file); err != nil || string(kept) != text {
			t.Errorf("the broken file was changed to %q (%v)", kept, err)
		}
	}
	blocked := filepath.Join(cliFile(t, "file", ""), "below")
	if _, err := callbackKeys(config{DataDir: blocked}); err == nil || !strings.Contains(err.Error(), blocked) {
		t.Errorf("a data directory below a file: %v", err)
	}
}
