package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestConfigCheckSaysWhatServeSays(t *testing.T) {
	if out := cliOK(t, cliMinimal(nil), "config", "check"); out != "the configuration has no fault\n" {
		t.Errorf("of a good one it says %q", out)
	}
	if out := cliOK(t, cliMinimal(nil), "config", "check", "--json"); out != `{"faults":[],"ok":true}`+"\n" {
		t.Errorf("of a good one the JSON is %q", out)
	}
	broken := map[string]string{
		"BRIDGE_GRAPH_AUTH": "static", "BRIDGE_WORKERS": "many", "BRIDGE_PUBLIC_ULR": "x", "NATS_CERT": cliFile(t, "cert", "x"),
		"NATS_URL": "nats://127.0.0.1:1", "BRIDGE_GRAPH_TOKEN_FILE": "/nowhere",
	}
	serve, check := cliRun(t, broken, "serve"), cliRun(t, broken, "config", "check", "--json")
	if check.code != exitUsage || check.stderr != serve.stderr || strings.Count(check.stderr, "\n") < 6 {
		t.Errorf("exit %d, %q; serve says %q", check.code, check.stderr, serve.stderr)
	}
	got := cliJSON[struct {
		OK     bool
		Faults []configFault
	}](t, check.stdout)
	var lines strings.Builder
	for _, f := range got.Faults {
		line := f.Message
		if f.Variable != "" {
			line = f.Variable + ": " + f.Message
		}
		lines.WriteString("devicebridge: " + line + "\n")
	}
	if got.OK || lines.String() != serve.stderr {
		t.Errorf("the JSON says %q, serve %q", lines.String(), serve.stderr)
	}
}

// TestConfigPrintShowsWhatIsInEffect: every variable once, its value and where it
// comes from.
func TestConfigPrintShowsWhatIsInEffect(t *testing.T) {
	keys := cliFile(t, "keys", "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	vars := cliMinimal(map[string]string{
		"BRIDGE_CALLBACK_KEYS_FILE": keys, "BRIDGE_DRAIN_TIMEOUT": "90s", "BRIDGE_LOG_LEVEL": "WARN",
		"NATS_URL": "nats://anna:s3cret@one.example.org:4222,two.example.org", "NATS_PASSWORD": "s3cret", "BRIDGE_GRAPH_TOKEN": "s3cret",
	})
	list := cliJSON[[]setting](t, cliOK(t, vars, "config", "print", "--json"))
	got := map[string]setting{}
	for _, s := range list {
		got[s.Name] = s
	}
	if names := slices.Sorted(maps.Keys(got)); len(list) != len(got) || !slices.Equal(names, slices.Sorted(maps.Keys(variableDefaults()))) {
		t.Errorf("shown are %v", names)
	}
	for _, want := range []setting{
		{Name: "BRIDGE_DRAIN_TIMEOUT", Value: "1m30s", Source: "environment"},
		{Name: "BRIDGE_LOG_LEVEL", Value: "warn", Source: "environment"},
		{Name: "BRIDGE_WORKERS", Value: "16", Source: "default"},
		{Name: "BRIDGE_DIRECTORY_URL", Value: "https://graph.microsoft.com/v1.0", Source: "default"},
		{Name: "BRIDGE_CALLBACK_KEYS", Value: mask, Source: "file", File: keys, Secret: true},
		{Name: "BRIDGE_GRAPH_TOKEN", Value: mask, Source: "environment", Secret: true},
		{Name: "BRIDGE_SIGNIN_KEY", Source: "default", Secret: true},
		{Name: "NATS_URL", Value: "nats://" + mask + "@one.example.org:4222,two.example.org", Source: "environment"},
		{Name: "BRIDGE_PUBLIC_URL", Value: "https://bridge.example.com", Source: "environment"},
	} {
		if got[want.Name] != want {
			t.Errorf("it shows %+v, want %+v", got[want.Name], want)
		}
	}
	if table := cliOK(t, vars, "config", "print"); strings.Contains(table, "s3cret") || strings.Count(table, "\n") != len(list)+1 ||
		!strings.Contains(strings.Join(strings.Fields(table), " "), " BRIDGE_CALLBACK_KEYS "+mask+" file "+keys+" ") {
		t.Errorf("the table is\n%s", table)
	}
}

// TestConfigPrintOfABrokenConfiguration shows the rest, and no secret.
func TestConfigPrintOfABrokenConfiguration(t *testing.T) {
	const secret = "s3cret"
	vars := map[string]string{
		"BRIDGE_WORKERS": "many", "BRIDGE_POLL_MAX": "0s", "BRIDGE_GRAPH_TOKEN": "Bearer " + secret, "BRIDGE_CALLBACK_KEYS": secret, "BRIDGE_GRAPH_AUTH": "static",
		"BRIDGE_PUBLIC_URL": "https://user:" + secret + "@bridge.example.com:port", "NATS_URL": "user:" + secret + " @127.0.0.1, nats://b:" + secret + "@c",
		"BRIDGE_SIGNIN_KEY_FILE": "/nowhere/key", "HOME": "",
	}
	r := cliRun(t, vars, "config", "print", "--json")
	if r.code != exitUsage || strings.Contains(r.stdout+r.stderr, secret) {
		t.Errorf("exit %d\n%s\n%s", r.code, r.stdout, r.stderr)
	}
	if serve := cliRun(t, vars, "serve"); r.stderr != serve.stderr {
		t.Errorf("the faults are\n%s, serve has\n%s", r.stderr, serve.stderr)
	}
	got := map[string]setting{}
	for _, s := range cliJSON[[]setting](t, r.stdout) {
		got[s.Name] = s
	}
	for _, want := range []setting{
		{Name: "BRIDGE_WORKERS", Value: "16", Source: "environment", Refused: true},
		{Name: "BRIDGE_POLL_MAX", Value: "0s", Source: "environment", Refused: true},
		{Name: "BRIDGE_CALLBACK_KEYS", Value: mask, Source: "environment", Secret: true, Refused: true},
		{Name: "BRIDGE_SIGNIN_KEY", Source: "file", File: "/nowhere/key", Secret: true, Refused: true},
		{Name: "BRIDGE_PUBLIC_URL", Value: "https://" + mask + "@bridge.example.com:port", Source: "environment", Refused: true},
		{Name: "BRIDGE_POLL_FIRST", Value: "30s", Source: "default"},
		{Name: "BRIDGE_GRAPH_AUTH", Value: "static", Source: "environment"},
	} {
		if got[want.Name] != want {
			t.Errorf("it shows %+v, want %+v", got[want.Name], want)
		}
	}
	table := strings.Join(strings.Fields(cliRun(t, vars, "config", "print").stdout), " ")
	if !strings.Contains(table, " BRIDGE_WORKERS 16 environment (refused) ") || strings.Contains(table, secret) {
		t.Errorf("the table is %s", table)
	}
}

func TestConfigNeedsASubcommand(t *testing.T) {
	if r := cliRun(t, nil, "config", "chek"); r.code != exitUsage || !strings.Contains(r.stderr, "did you mean check?") {
		t.Errorf("exit %d, %q", r.code, r.stderr)
	}
	if out := cliOK(t, nil, "config"); !strings.Contains(out, "print") {
		t.Errorf("its help is %q", out)
	}
}

// TestCheckAndServeRefuseTheSameCertificate: what serve would not start with is a
// fault of the configuration.
func TestCheckAndServeRefuseTheSameCertificate(t *testing.T) {
	for name, test := range map[string]struct{ text, says string }{
		"encrypted PEM": {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "openssl pkcs12 -export"},
		"EC key":        {"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "it takes a certificate and its RSA private key"},
		"no PEM":        {"hello", "it cannot be read as PKCS#12"},
		"empty":         {"", "it cannot be read as PKCS#12"},
		"absent":        {"", "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "client")
			if name != "absent" {
				if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			vars := cliMinimal(map[string]string{
				"BRIDGE_GRAPH_AUTH": "client-certificate", "BRIDGE_GRAPH_TOKEN": "", "BRIDGE_COMMANDS": "off", "BRIDGE_DIRECTORY": "read",
				"AZURE_CLIENT_ID": "2b9a7d10-58c4-4f6e-8e21-0c4d7b3a9f55", "AZURE_TENANT_ID": "contoso.example", "AZURE_CLIENT_CERTIFICATE_PATH": file,
			})
			for _, command := range [][]string{{"config", "check"}, {"serve"}} {
				r := cliRun(t, vars, command...)
				if said := r.stdout + r.stderr; r.code != 2 || !strings.Contains(said, test.says) || !strings.Contains(said, "AZURE_CLIENT_CERTIFICATE_PATH") {
					t.Errorf("%v: exit code %d, %s", command, r.code, said)
				}
			}
		})
	}
}
