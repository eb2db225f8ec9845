package main

import (
	"encoding/pem"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge/graph/signin"
	"devicebridge/webhook"
)

// cliCertificate gives a file with a certificate.
func cliCertificate(t *testing.T) string {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return cliFile(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
}

// cliSigningIn is the least that `serve` needs where a person signs in.
func cliSigningIn(more map[string]string) map[string]string {
	vars := cliMinimal(map[string]string{"BRIDGE_GRAPH_AUTH": "device-code", "AZURE_CLIENT_ID": "client"})
	delete(vars, "BRIDGE_GRAPH_TOKEN")
	maps.Copy(vars, more)
	return vars
}

func TestFaultsOfTheSignIn(t *testing.T) {
	off := map[string]string{"BRIDGE_COMMANDS": "off", "BRIDGE_DIRECTORY": "read"}
	mode := func(m string, more map[string]string) map[string]string {
		vars := map[string]string{"BRIDGE_GRAPH_AUTH": m}
		maps.Copy(vars, more)
		return vars
	}
	for name, test := range map[string]struct {
		with   map[string]string
		faults []string
		words  string
	}{
		"device code":               {},
		"browser, common":           {with: mode("browser", map[string]string{"AZURE_TENANT_ID": "common"})},
		"the personal tenant by id": {with: map[string]string{"AZURE_TENANT_ID": "9188040d-6c67-4c5b-b112-36a304b66dad"}},
		"no application":            {map[string]string{"AZURE_CLIENT_ID": ""}, []string{"AZURE_CLIENT_ID"}, "is missing; BRIDGE_GRAPH_AUTH=device-code needs it"},
		"work accounts only":        {map[string]string{"AZURE_TENANT_ID": "organizations"}, []string{"AZURE_TENANT_ID"}, "device commands take personal Microsoft accounts only"},
		"another tenant":            {map[string]string{"AZURE_TENANT_ID": "contoso.com"}, []string{"AZURE_TENANT_ID"}, "set it to consumers"},
		"no tenant":                 {map[string]string{"AZURE_TENANT_ID": "a/b"}, []string{"AZURE_TENANT_ID"}, "tenant"},
		"secret, commands":          {mode("client-secret", map[string]string{"AZURE_TENANT_ID": "t", "AZURE_CLIENT_SECRET": "s"}), []string{"BRIDGE_GRAPH_AUTH"}, "Graph has no application permission for device commands: use device-code or browser"},
		"certificate, commands":     {mode("client-certificate", map[string]string{"AZURE_TENANT_ID": "t", "AZURE_CLIENT_CERTIFICATE_PATH": "f"}), []string{"BRIDGE_GRAPH_AUTH"}, "BRIDGE_COMMANDS=off"},
		"workload, commands":        {mode("workload-identity", map[string]string{"AZURE_TENANT_ID": "t", "AZURE_FEDERATED_TOKEN_FILE": "f"}), []string{"BRIDGE_GRAPH_AUTH"}, "signs in as an application"},
		"managed, commands":         {mode("managed-identity", nil), []string{"BRIDGE_GRAPH_AUTH"}, "signs in as an application"},
		"azure cli, commands":       {with: mode("azure-cli", nil)},
		"default, commands":         {with: mode("default", nil)},
		"managed, no commands":      {with: mode("managed-identity", off)},
		"secret, half":              {mode("client-secret", off), []string{"AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"}, "BRIDGE_GRAPH_AUTH=client-secret needs it"},
		"workload, half":            {mode("workload-identity", off), []string{"AZURE_FEDERATED_TOKEN_FILE", "AZURE_TENANT_ID"}, "BRIDGE_GRAPH_AUTH=workload-identity needs it"},
		"static, no token":          {mode("static", nil), []string{"BRIDGE_GRAPH_TOKEN"}, "BRIDGE_GRAPH_AUTH=static needs it"},
		"no key with a cluster": {
			map[string]string{"NATS_URL": "nats://127.0.0.1:4222", "BRIDGE_CALLBACK_KEYS": webhook.NewKey()},
			[]string{"BRIDGE_SIGNIN_KEY"}, "`devicebridge login`, needs the same",
		},
		"a short key":       {map[string]string{"BRIDGE_SIGNIN_KEY": "c2hvcnQ="}, []string{"BRIDGE_SIGNIN_KEY"}, "is 5 bytes; it takes the base64 of exactly 32"},
		"no key":            {map[string]string{"BRIDGE_SIGNIN_KEY": "???"}, []string{"BRIDGE_SIGNIN_KEY"}, "is not base64"},
		"a plain authority": {map[string]string{"AZURE_AUTHORITY_HOST": "http://127.0.0.1:1"}, []string{"AZURE_AUTHORITY_HOST"}, "is not an https URL"},
		"an authority's tenant": {
			map[string]string{"AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/organizations"}, []string{"AZURE_AUTHORITY_HOST"},
			"it takes a host alone, such as https://login.microsoftonline.com, and AZURE_TENANT_ID the tenant",
		},
		"an authority's query":    {map[string]string{"AZURE_AUTHORITY_HOST": "https://127.0.0.1:1/?x"}, []string{"AZURE_AUTHORITY_HOST"}, "it takes a host alone"},
		"no certificates":         {map[string]string{"BRIDGE_GRAPH_CA": cliFile(t, "empty", "x")}, []string{"BRIDGE_GRAPH_CA"}, "holds no certificate in PEM"},
		"no file of certificates": {map[string]string{"BRIDGE_GRAPH_CA": "/nowhere/ca"}, []string{"BRIDGE_GRAPH_CA"}, "no such file"},
		"nothing at all":          {mode("managed-identity", map[string]string{"BRIDGE_COMMANDS": "off"}), []string{"BRIDGE_COMMANDS"}, "there is nothing to do"},
		"both by one account": {
			map[string]string{"BRIDGE_DIRECTORY": "read"}, []string{"BRIDGE_DIRECTORY"}, "run a second devicebridge with BRIDGE_COMMANDS=off",
		},
		"both by a gateway's token":         {with: mode("static", map[string]string{"BRIDGE_DIRECTORY": "write", "BRIDGE_GRAPH_TOKEN": "t", "BRIDGE_INVENTORY": "on"})},
		"the directory, a work account":     {with: mode("device-code", map[string]string{"BRIDGE_COMMANDS": "off", "BRIDGE_DIRECTORY": "read", "AZURE_TENANT_ID": "contoso.com"})},
		"the directory, a personal account": {mode("device-code", off), []string{"AZURE_TENANT_ID"}, "the directory takes work and school accounts only"},
		"commands perhaps":                  {map[string]string{"BRIDGE_COMMANDS": "maybe"}, []string{"BRIDGE_COMMANDS"}, `it takes "on" or "off"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadServe(cliSigningIn(test.with))
			if len(test.faults) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("is taken")
			}
			got := cliFaultNames(err)
			slices.Sort(got)
			if !slices.Equal(slices.Compact(got), test.faults) || !strings.Contains(err.Error(), test.words) {
				t.Errorf("the faults are %q, want those of %v that say %q", err, test.faults, test.words)
			}
		})
	}
}

// TestWithoutCommandsNothingOfThemIsAsked needs neither a public URL nor keys.
func TestWithoutCommandsNothingOfThemIsAsked(t *testing.T) {
	vars := map[string]string{
		"BRIDGE_COMMANDS": "off", "BRIDGE_DIRECTORY": "read", "BRIDGE_GRAPH_AUTH": "client-secret", "AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_SECRET": "s",
		"NATS_URL": "nats://127.0.0.1:4222",
	}
	if _, err := loadServe(vars); err != nil {
		t.Error(err)
	}
}

func TestScopes(t *testing.T) {
	for url, want := range map[string]string{
		"https://graph.microsoft.com/beta":                     "https://graph.microsoft.com/",
		"https://graph.microsoft.us/beta":                      "https://graph.microsoft.us/",
		"https://dod-graph.microsoft.us/beta":                  "https://dod-graph.microsoft.us/",
		"https://microsoftgraph.chinacloudapi.cn/beta":         "https://microsoftgraph.chinacloudapi.cn/",
		"https://gateway.example.com/beta":                     "https://graph.microsoft.com/",
		"https://gateway.example.com/beta login.example":       "https://graph.microsoft.com/",
		"https://gateway.example.com login.microsoftonline.us": "https://graph.microsoft.us/",
	} {
		url, authority, _ := strings.Cut(url, " ")
		vars := cliSigningIn(map[string]string{"BRIDGE_GRAPH_URL": url})
		if authority != "" {
			vars["AZURE_AUTHORITY_HOST"] = "https://" + authority
		}
		c, err := loadServe(vars)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.scopes(); !slices.Equal(got, []string{want + "Device.Command", want + "Device.Read"}) {
			t.Errorf("%s: %v", url, got)
		}
	}
	directory, err := loadServe(cliSigningIn(map[string]string{"BRIDGE_COMMANDS": "off", "BRIDGE_DIRECTORY": "write", "AZURE_TENANT_ID": "contoso.com"}))
	if got := strings.Join(directory.scopes(), " "); err != nil || strings.Contains(got, "Device.Command") || !strings.Contains(got, "/Directory.AccessAsUser.All") {
		t.Errorf("for the directory %s (%v)", got, err)
	}
	c, err := loadServe(cliSigningIn(map[string]string{"BRIDGE_GRAPH_SCOPES": " api://g/a  openid "}))
	if err != nil || !slices.Equal(c.scopes(), []string{"api://g/a", "openid"}) {
		t.Errorf("given scopes are %v (%v)", c.scopes(), err)
	}
}

func TestSignInKeyIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	first, err := signInKey("", dir, true)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "signin-key"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file has mode %v (%v), want 0600", info.Mode(), err)
	}
	if second, err := signInKey("", dir, false); err != nil || second.ID() != first.ID() {
		t.Errorf("then it is %v (%v), at first %v", second, err, first)
	}
	if _, err := signInKey("", t.TempDir(), false); err == nil {
		t.Error("who only reads makes one")
	}
	if given, err := signInKey(signin.NewKey(), dir, true); err != nil || given.ID() == first.ID() {
		t.Errorf("a given key is %v (%v)", given, err)
	}
}

// TestWhereASignInIsKept holds the choice that --store=auto makes.
func TestWhereASignInIsKept(t *testing.T) {
	for _, test := range []struct {
		asked, goos string
		embedded    bool
		want        string
	}{
		{"auto", "linux", true, "nats"}, {"auto", "linux", false, "nats"}, {"auto", "darwin", true, "user"}, {"auto", "darwin", false, "nats"},
		{"auto", "windows", true, "user"}, {"user", "linux", false, "user"}, {"nats", "darwin", true, "nats"},
	} {
		if got := keptIn(test.asked, test.goos, test.embedded); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}
