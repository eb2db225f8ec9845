package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"devicebridge/bridge/graph/emulator/authority"
)

// signInSite is an emulator in a process of its own, known by what it printed.
type signInSite struct {
	t       *testing.T
	process *cliProcess
	vars    map[string]string
	client  *http.Client
}

func startSignIn(t *testing.T, binary, dir string, args ...string) *signInSite {
	t.Helper()
	p := cliSpawn(t, binary, nil, append([]string{"emulator", "--listen", "127.0.0.1:0", "--sign-in", "--tls-dir", dir}, args...)...)
	s := &signInSite{t: t, process: p, vars: map[string]string{}}
	for line := range p.stdout.lines {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.HasPrefix(line, "  ") {
			s.vars[name] = value
		}
		if line == "Ctrl-C stops it." {
			break
		}
	}
	s.client = trusting(t, s.vars["BRIDGE_GRAPH_CA"])
	return s
}

func trusting(t *testing.T, file string) *http.Client {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate", file)
	}
	return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

// signInAnswer is what came back.
type signInAnswer struct {
	status    int
	proto     string
	challenge string
	text      string
}

// do sends a request and gives its answer.
func (s *signInSite) do(method, address, token, body string) signInAnswer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return signInAnswer{resp.StatusCode, resp.Proto, resp.Header.Get("WWW-Authenticate"), string(text)}
}

func (s *signInSite) options() azcore.ClientOptions {
	return azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: s.vars["AZURE_AUTHORITY_HOST"]}, Transport: s.client}
}

// token signs in with the device flow of azidentity; approve is what becomes of the code.
func (s *signInSite) token(approve func(code string), scopes ...string) string {
	s.t.Helper()
	c, err := azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
		ClientOptions: s.options(), ClientID: s.vars["AZURE_CLIENT_ID"], TenantID: s.vars["AZURE_TENANT_ID"], DisableInstanceDiscovery: true,
		UserPrompt: func(_ context.Context, m azidentity.DeviceCodeMessage) error {
			approve(m.UserCode)
			return nil
		},
	})
	return s.get(c, err, scopes...)
}

func (s *signInSite) get(c azcore.TokenCredential, err error, scopes ...string) string {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	got, err := c.GetToken(s.t.Context(), policy.TokenRequestOptions{Scopes: scopes})
	if err != nil {
		s.t.Fatal(err)
	}
	return got.Token
}

// byControl approves over the control surface, as a script does.
func (s *signInSite) byControl(account string) func(string) {
	return func(code string) {
		address := s.vars["AZURE_AUTHORITY_HOST"] + "emulator/signin/codes/" + code + "/approve"
		if a := s.do(http.MethodPost, address, "", `{"account":"`+account+`"}`); a.status != http.StatusNoContent {
			s.t.Errorf("%+v", a)
		}
	}
}

// TestEmulatorSignIn runs the built binary: what it prints is enough to sign in,
// and Graph's side takes its tokens for what they permit.
func TestEmulatorSignIn(t *testing.T) {
	binary, dir := cliBuild(t), filepath.Join(t.TempDir(), "tls")
	s := startSignIn(t, binary, dir)
	const command, read = "https://graph.microsoft.com/Device.Command", "https://graph.microsoft.com/Device.Read"
	both := s.token(s.byControl(authority.PersonalUser), command, read)
	reader := s.token(s.byControl(authority.PersonalUser), read)
	secret, err := azidentity.NewClientSecretCredential(authority.Tenant, authority.DirectoryApp, authority.DirectorySecret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: s.options(), DisableInstanceDiscovery: true})
	app := s.get(secret, err, "https://graph.microsoft.com/.default")

	devices := s.vars["BRIDGE_GRAPH_URL"] + "/me/devices"
	commands := devices + "/" + device + "/commands"
	const launch = `{"type":"LaunchUri","payload":{"uri":"https://example.com"}}`
	for name, test := range map[string]struct {
		method, address, token string
		status                 int
		words                  string
	}{
		"list":                    {"GET", devices, both, 200, "JimSurface"},
		"send":                    {"POST", commands, both, 201, "requesting"},
		"list with Device.Read":   {"GET", devices, reader, 200, "JimSurface"},
		"send with Device.Read":   {"POST", commands, reader, 403, "it needs Device.Command"},
		"status with Device.Read": {"GET", commands + "/x", reader, 403, "accessDenied"},
		"list with an app token":  {"GET", devices, app, 403, "app tokens are not supported"},
		"send with an app token":  {"POST", commands, app, 403, "accessDenied"},
		"nobody's token":          {"GET", devices, "x", 401, "InvalidAuthenticationToken"},
	} {
		a := s.do(test.method, test.address, test.token, launch)
		if a.status != test.status || !strings.Contains(a.text, test.words) || a.proto != "HTTP/2.0" {
			t.Errorf("%s: %+v", name, a)
		}
		itself := strings.Contains(a.challenge, `authorization_uri="`+s.vars["AZURE_AUTHORITY_HOST"]+`common/oauth2/v2.0/authorize"`)
		if (test.status == http.StatusUnauthorized) != strings.Contains(a.challenge, "invalid_token") || itself != (a.challenge != "") {
			t.Errorf("%s: WWW-Authenticate %q", name, a.challenge)
		}
	}
	if a := s.do("GET", s.vars["AZURE_AUTHORITY_HOST"]+"emulator/commands", "", ""); !strings.Contains(a.text, `"total":3`) {
		t.Errorf("the ledger of Graph's side: %+v", a)
	}

	ca, err := os.ReadFile(s.vars["BRIDGE_GRAPH_CA"])
	if err != nil {
		t.Fatal(err)
	}
	s.process.signal(syscall.SIGTERM)
	s.process.end(exitOK)

	again := startSignIn(t, binary, dir, "--auto-approve", "--token-life", "1m", "--tls-name", "emulator.example")
	if now, err := os.ReadFile(again.vars["BRIDGE_GRAPH_CA"]); err != nil || !bytes.Equal(now, ca) {
		t.Errorf("another CA after the restart (%v)", err)
	}
	devices = again.vars["BRIDGE_GRAPH_URL"] + "/me/devices"
	if a := again.do("GET", devices, both, ""); a.status != http.StatusUnauthorized {
		t.Errorf("a token of the process before: %+v", a)
	}
	token := again.token(func(string) {}, command, read)
	if a := again.do("GET", devices, token, ""); a.status != http.StatusOK {
		t.Errorf("approved by itself: %+v", a)
	}
	again.process.signal(syscall.SIGTERM)
	again.process.end(exitOK)
}

// TestEmulatorSignInFlags: what does not go together is said before anything is served.
func TestEmulatorSignInFlags(t *testing.T) {
	half := t.TempDir()
	if err := os.WriteFile(filepath.Join(half, "ca.pem"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for words, args := range map[string][]string{
		"--sign-in: needs --tls-dir, because azidentity and MSAL":      {"--sign-in"},
		"--sign-in: does not go with --token":                          {"--sign-in", "--tls-dir", t.TempDir(), "--token", "x"},
		"--auto-approve: needs --sign-in":                              {"--auto-approve"},
		"--token-life: needs --sign-in":                                {"--token-life", "1m"},
		"TokenLife: 1ms is less than a second":                         {"--sign-in", "--tls-dir", t.TempDir(), "--token-life", "1ms"},
		"--tls-name: needs --tls-dir":                                  {"--tls-name", "x"},
		"--tls-dir: the CA cannot be used; remove " + half + "/ca.pem": {"--tls-dir", half},
	} {
		r := cliRun(t, nil, append([]string{"emulator", "--listen", "127.0.0.1:0"}, args...)...)
		if r.code != exitUsage || r.stdout != "" || !strings.Contains(r.stderr, words) {
			t.Errorf("%v: exit %d, %q, want %q", args, r.code, r.stderr, words)
		}
	}
}

func TestReachable(t *testing.T) {
	for _, test := range []struct {
		address string
		names   []string
		want    string
	}{
		{"127.0.0.1:8089", []string{"graph.example"}, "127.0.0.1:8089"},
		{"[::]:8089", nil, "localhost:8089"},
		{"0.0.0.0:8089", []string{"graph.example", "192.0.2.1"}, "graph.example:8089"},
		{"[2001:db8::1]:8089", nil, "[2001:db8::1]:8089"},
	} {
		if got := reachable(test.address, test.names); got != test.want {
			t.Errorf("%s %v: %s, want %s", test.address, test.names, got, test.want)
		}
	}
}

// TestCA: the key is the owner's, and what is no CA, or no longer one, is refused.
func TestCA(t *testing.T) {
	f := tlsFlags{dir: filepath.Join(t.TempDir(), "deep", "dir"), names: []string{"emulator.example", "192.0.2.1"}}
	config, err := f.config("0.0.0.0:8089")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(f.dir, caKeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	roots := x509.NewCertPool()
	text, err := os.ReadFile(f.caFile())
	if err != nil || !roots.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	server, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "emulator.example", "192.0.2.1"} {
		if _, err := server.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := server.Verify(x509.VerifyOptions{DNSName: "example.org", Roots: roots}); err == nil {
		t.Error("the certificate is good for every name")
	}
	ca, err := f.ca(server.NotBefore)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ca(ca.Leaf.NotAfter); err == nil || !strings.Contains(err.Error(), "has expired; remove it") {
		t.Errorf("%v", err)
	}
}
