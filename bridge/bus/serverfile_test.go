package bus_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/bus"
)

// certificate makes a key and a certificate for 127.0.0.1 that it signs itself.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nats"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return fileOf(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		fileOf(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
}

// fileOf writes a file in a directory of its own.
func fileOf(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// tlsBlock is the tls setting of a new certificate, which ca names.
func tlsBlock(t *testing.T) (block, ca string) {
	t.Helper()
	cert, key := certificate(t)
	return "tls { cert_file: '" + cert + "', key_file: '" + key + "' }\n", cert
}

const oneUser = "accounts { APPS { users: [{user: app, password: secret}] } }\n"

// TestServerFile: what a configuration file may have, and what is said of the rest.
func TestServerFile(t *testing.T) {
	tls, _ := tlsBlock(t)
	remote := func(text string) string { return "accounts { HUB {} }\nleafnodes { remotes: [{" + text + "}] }" }
	tests := []struct{ name, listen, file, message string }{
		{"loopback without users", "", "max_connections: 100", ""},
		{"loopback with users", "", oneUser, ""},
		{"a listener of its own", "0.0.0.0:1", "listen: '127.0.0.1:4333'", ""},
		{"everywhere, users and TLS", "0.0.0.0:0", oneUser + tls, ""},
		{"everywhere by the file", "", "listen: '0.0.0.0:4333'\n" + oneUser + tls, ""},
		{"a variable", "", "MOST: 100\nmax_connections: $MOST", ""},
		{"leaf node with TLS", "", remote("url: 'tls://hub.example.com:7422', account: HUB"), ""},
		{"leaf node on loopback", "", remote("url: 'nats-leaf://127.0.0.1:7422', account: HUB"), ""},

		{"everywhere, nothing", "0.0.0.0:0", "max_connections: 100", "accounts with users, and tls with cert_file and key_file is missing"},
		{"everywhere, no TLS", "0.0.0.0:0", oneUser, "taken; tls with cert_file and key_file is missing"},
		{"everywhere, no users", "0.0.0.0:0", tls, "taken; accounts with users is missing"},
		{"an account without users", "0.0.0.0:0", tls + "accounts { APPS {} }", "accounts with users is missing"},
		{"everywhere by the file, no TLS", "", "listen: '0.0.0.0:4333'\n" + oneUser, "tls with cert_file and key_file is missing"},
		{"a port alone is everywhere", "", "port: 4333\n" + oneUser, "tls with cert_file and key_file is missing"},
		{"a name", "", "listen: 'nats.example.com:4333'", "accounts with users, and tls"},

		{"JetStream", "", "jetstream: enabled", "jetstream is not taken: the streams are the bridge's: BRIDGE_DATA_DIR"},
		{"JetStream of an account", "", "accounts { APPS { jetstream: enabled, users: [{user: a, password: b}] } }", "account APPS: jetstream is not taken"},
		{"cluster", "", "cluster { name: c }", "run a NATS cluster and set NATS_URL"},
		{"gateway", "", "Gateway { name: c }", "run a NATS cluster and set NATS_URL"},
		{"users without an account", "", "authorization { user: a, password: b }", "users stand in an account here"},
		{"nobody's user", "", oneUser + "no_auth_user: app", "no_auth_user is not taken: users stand in an account"},
		{"system account", "", "accounts { S { users: [{user: a, password: b}] } }\nsystem_account: S", "system_account is not taken"},
		{"operator", "", "operator: /nowhere", "operator is not taken: accounts and users stand in the file itself"},
		{"monitoring", "", "http: 8222", "see BRIDGE_ADMIN_ADDR"},
		{"log", "", "debug: true", "see BRIDGE_LOG_LEVEL"},
		{"websocket", "", "websocket { port: 1 }", "websocket is not taken; it takes listen, host"},
		{"the bridge's account", "", "accounts { BRIDGE { users: [{user: a, password: b}] } }", "account BRIDGE is not taken: the name has a meaning already"},
		{"the guests' account", "", "accounts { GUESTS { users: [{user: a, password: b}] } }", "account GUESTS is not taken"},
		{"a guest's account", "", "accounts { GUESTS-1 { users: [{user: a, password: b}] } }", "account GUESTS-1 is not taken"},
		{"permission to answer", "", "accounts { A { users: [{user: a, password: b, permissions: {allow_responses: true}}] } }", "user a: allow_responses is not taken"},
		{
			"permission to answer by default", "", "accounts { A { default_permissions: {allow_responses: true}, users: [{user: a, password: b}] } }",
			"user a: allow_responses is not taken",
		},
		{"leaf node listener", "", oneUser + "leafnodes { listen: '127.0.0.1:7422' }", "only remotes are taken"},
		{"leaf node without TLS", "", remote("url: 'nats-leaf://hub.example.com:7422', account: HUB"), "a remote without TLS"},
		{"leaf node without an account", "", remote("url: 'tls://hub.example.com:7422'"), "a remote without an account of the file"},
		{"leaf node with users", "", oneUser + "leafnodes { remotes: [{url: 'tls://hub.example.com:7422', account: APPS}] }", "account APPS has users; give the remote an account of its own"},
		{"leaf node of the bridge", "", remote("url: 'tls://hub.example.com:7422', account: BRIDGE"), "a remote without an account of the file"},
		{"no such setting", "", "lissten: '127.0.0.1:4222'", "lissten is not taken"},
		{"not a configuration", "", "accounts {", "NATS configuration"},
		{"a certificate that is not there", "", "tls { cert_file: /nowhere/c, key_file: /nowhere/k }", "/nowhere/c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := fileOf(t, "nats.conf", tt.file)
			o := bus.ServerOptions{Listen: tt.listen, ConfigFile: file, Dir: t.TempDir()}
			err := o.Check()
			if tt.message == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.message) || !strings.Contains(err.Error(), file) {
				t.Errorf("error %v, want it to say %q and to name %s", err, tt.message, file)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%v shows a password", err)
			}
			if server, err := bus.StartServer(o); err == nil {
				server.Stop()
				t.Error("it starts all the same")
			}
		})
	}
	for _, o := range []bus.ServerOptions{{Listen: "0.0.0.0:0"}, {ConfigFile: "/nowhere/nats.conf"}} {
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), "BRIDGE_NATS_CONFIG") && !strings.Contains(err.Error(), "/nowhere/nats.conf") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
