package main

import (
	"strings"
	"testing"

	"devicebridge/webhook"
)

// cliPrinted gives what config print shows of each setting.
func cliPrinted(t *testing.T, vars map[string]string) map[string]setting {
	t.Helper()
	found := map[string]setting{}
	for _, s := range cliJSON[[]setting](t, cliRun(t, vars, "config", "print", "--json").stdout) {
		found[s.Name] = s
	}
	return found
}

// TestSizes: a number of bytes, with a unit, or as Helm writes a large number.
func TestSizes(t *testing.T) {
	for text, want := range map[string]string{
		"10737418240": "10GiB", "1.073741824e+10": "10GiB", "1GiB": "1GiB", "1Gi": "1GiB", "1.5GiB": "1536MiB", "512 MiB": "512MiB", "512mib": "512MiB",
		"10GB": "9765625KiB", "1048577": "1048577", "9007199254740993": "9007199254740993",
	} {
		for _, name := range []string{"BRIDGE_STREAM_MAX_BYTES", "BRIDGE_INVENTORY_MAX_BYTES"} {
			vars := cliMinimal(map[string]string{name: text, "BRIDGE_COMMANDS": "off", "BRIDGE_DIRECTORY": "read", "BRIDGE_INVENTORY": "on"})
			if got := cliPrinted(t, vars)[name]; got.Value != want || got.Refused {
				t.Errorf("%s=%s is shown as %+v, want %s", name, text, got, want)
			}
		}
	}
	for _, text := range []string{"1.5", "-1", "-1GiB", "GiB", "1XB", "1e400", "1/2", "99999999EiB", "1GiB2", "NaN", "Inf"} {
		r := cliRun(t, cliMinimal(map[string]string{"BRIDGE_STREAM_MAX_BYTES": text}), "config", "check")
		if r.code != exitUsage || !strings.Contains(r.stderr, `BRIDGE_STREAM_MAX_BYTES: is "`+text+`"; it takes a size such as 512MiB, 1GiB or 1073741824`) {
			t.Errorf("%s: exit %d, %q", text, r.code, r.stderr)
		}
	}
	if r := cliRun(t, cliMinimal(map[string]string{"BRIDGE_STREAM_MAX_BYTES": "1KiB"}), "config", "check"); r.code != exitUsage || !strings.Contains(r.stderr, "from 1 MiB") {
		t.Errorf("exit %d, %q", r.code, r.stderr)
	}
}

// TestConfigPrintShowsWhatDefaultsBecame.
func TestConfigPrintShowsWhatDefaultsBecame(t *testing.T) {
	dir, policyFile := t.TempDir(), cliFile(t, "policy.yaml", "uriSchemes: [https, contoso]\n")
	conf := cliFile(t, "nats.conf", `listen: "127.0.0.1:5333"`)
	found := cliPrinted(t, map[string]string{
		"BRIDGE_GRAPH_AUTH": "device-code", "AZURE_CLIENT_ID": "c", "BRIDGE_PUBLIC_URL": "https://b.example", "BRIDGE_DATA_DIR": dir, "BRIDGE_NATS_CONFIG": conf,
		"BRIDGE_NATS_LISTEN": "127.0.0.1:4333", "BRIDGE_POLICY_FILE": policyFile, "BRIDGE_URI_HOSTS": "a.example", "OTEL_TRACES_EXPORTER": "otlp",
		"BRIDGE_URI_SCHEMES": "x",
	})
	for name, want := range map[string]setting{
		"BRIDGE_STREAM_MAX_BYTES":     {Value: "1GiB", Source: fromDefault},
		"BRIDGE_CALLBACK_KEYS":        {Value: mask, Source: fromFile, File: dir + "/callback-keys", Secret: true},
		"BRIDGE_SIGNIN_KEY":           {Value: mask, Source: fromFile, File: dir + "/signin-key", Secret: true},
		"AZURE_TENANT_ID":             {Value: "consumers", Source: fromDefault},
		"AZURE_AUTHORITY_HOST":        {Value: "https://login.microsoftonline.com", Source: fromDefault},
		"BRIDGE_GRAPH_SCOPES":         {Value: "https://graph.microsoft.com/Device.Command https://graph.microsoft.com/Device.Read", Source: fromDefault},
		"BRIDGE_URI_HOSTS":            {Value: "a.example", Source: fromEnvironment},
		"BRIDGE_URI_SCHEMES":          {Value: "x", Source: fromEnvironment, Unused: "the file of BRIDGE_POLICY_FILE has uriSchemes"},
		"BRIDGE_NATS_LISTEN":          {Value: "127.0.0.1:4333", Source: fromEnvironment, Unused: "the file of BRIDGE_NATS_CONFIG has a listener"},
		"OTEL_EXPORTER_OTLP_ENDPOINT": {Value: "http://localhost:4318", Source: fromDefault},
		"OTEL_EXPORTER_OTLP_TIMEOUT":  {Value: "10000", Source: fromDefault},
	} {
		if want.Name = name; found[name] != want {
			t.Errorf("it shows %+v, want %+v", found[name], want)
		}
	}
	found = cliPrinted(t, cliMinimal(map[string]string{"BRIDGE_POLICY_FILE": policyFile}))
	if got := found["BRIDGE_URI_SCHEMES"]; got.Value != "https,contoso" || got.Source != fromFile || got.File != policyFile {
		t.Errorf("it shows %+v", got)
	}
	if got := found["OTEL_TRACES_EXPORTER"].Value; got != "none" {
		t.Errorf("the exporter is %q", got)
	}
}

// TestNoUserIsShown of any address, whatever is wrong with it.
func TestNoUserIsShown(t *testing.T) {
	const secret = "s3c,ret"
	for _, name := range []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "BRIDGE_PUBLIC_URL", "BRIDGE_GRAPH_URL", "BRIDGE_DIRECTORY_URL", "AZURE_AUTHORITY_HOST",
	} {
		for _, address := range []string{"https://user:" + secret + "@host.example:4318/x", "https://user:" + secret + "@host.example:port", "user:" + secret + "@host"} {
			r := cliRun(t, cliMinimal(map[string]string{name: address}), "config", "print")
			if strings.Contains(r.stdout+r.stderr, "ret") && strings.Contains(r.stdout+r.stderr, "s3c") {
				t.Errorf("%s=%s is shown: %s%s", name, address, r.stdout, r.stderr)
			}
		}
	}
}

// TestWhatHasNoEffectIsSaid once at the start, by config check, and by config print.
func TestWhatHasNoEffectIsSaid(t *testing.T) {
	embedded := map[string]string{"BRIDGE_GRAPH_AUTH": "static", "BRIDGE_GRAPH_TOKEN": "t", "BRIDGE_PUBLIC_URL": "https://b.example", "BRIDGE_DATA_DIR": t.TempDir()}
	external := map[string]string{
		"BRIDGE_GRAPH_AUTH": "static", "BRIDGE_GRAPH_TOKEN": "t", "BRIDGE_PUBLIC_URL": "https://b.example", "NATS_URL": "nats://n", "BRIDGE_CALLBACK_KEYS": webhook.NewKey(),
	}
	for _, test := range []struct {
		base        map[string]string
		name, value string
		want        string
	}{
		{external, "BRIDGE_NATS_LISTEN", "127.0.0.1:5222", "NATS_URL names another server"},
		{external, "BRIDGE_DATA_DIR", "/data", "NATS_URL names another server"},
		{external, "BRIDGE_NATS_SYNC", "each", "NATS_URL names another server"},
		{external, "NATS_CONTEXT", "c", "serve reads no context"},
		{embedded, "NATS_USER", "anna", "they are for NATS_URL"},
		{embedded, "NATS_TOKEN_FILE", cliFile(t, "token", "x"), "they are for NATS_URL"},
		{embedded, "AZURE_CLIENT_SECRET", "x", "BRIDGE_GRAPH_AUTH is static"},
		{embedded, "AZURE_TENANT_ID", "x", "BRIDGE_GRAPH_AUTH is static"},
		{embedded, "BRIDGE_INVENTORY_EVERY", "2m", "BRIDGE_INVENTORY is off"},
		{embedded, "BRIDGE_DIRECTORY_URL", "https://g.example/v1.0", "BRIDGE_DIRECTORY is off"},
		{embedded, "OTEL_EXPORTER_OTLP_HEADERS", "a=b", "no exporter is otlp"},
		{embedded, "BRIDGE_WORKERS", "3", ""},
		{external, "NATS_USER", "anna", ""},
		{external, "BRIDGE_DISPATCH", "paused", ""},
	} {
		vars := map[string]string{test.name: test.value}
		for name, value := range test.base {
			vars[name] = value
		}
		out := cliOK(t, vars, "config", "check")
		name := strings.TrimSuffix(test.name, "_FILE")
		if line := name + " has no effect: " + test.want; test.want != "" && !strings.Contains(out, line) || test.want == "" && strings.Contains(out, "no effect") {
			t.Errorf("%s: %q, want %q", test.name, out, line)
		}
		if name != "NATS_CONTEXT" {
			if got := cliPrinted(t, vars)[name].Unused; !strings.HasPrefix(got, test.want) || (got == "") != (test.want == "") {
				t.Errorf("%s: config print says %q, want %q", name, got, test.want)
			}
		}
	}
	vars := map[string]string{"NATS_URL": "nats://127.0.0.1:1", "BRIDGE_NATS_LISTEN": "x:1", "BRIDGE_COMMANDS": "off", "BRIDGE_POLL_MAX": "1m", "BRIDGE_GRAPH_TOKEN": "t"}
	vars["BRIDGE_DIRECTORY"], vars["BRIDGE_GRAPH_AUTH"], vars["AZURE_TENANT_ID"], vars["AZURE_CLIENT_ID"], vars["AZURE_CLIENT_SECRET"] = "read", "client-secret", "t", "c", "s"
	var lines cliLocked
	c, err := loadServe(vars)
	if err != nil {
		t.Fatal(err)
	}
	sayIgnored(newLogger(&lines, "json", c.level), ignoredSettings(c, vars))
	for _, name := range []string{"BRIDGE_NATS_LISTEN (NATS_URL", "BRIDGE_POLL_MAX (BRIDGE_COMMANDS is off)", "BRIDGE_GRAPH_TOKEN (BRIDGE_GRAPH_AUTH is client-secret)"} {
		if text := lines.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, name) {
			t.Errorf("the log has %q, want one line with %q", text, name)
		}
	}
}
