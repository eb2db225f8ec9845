package check

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// run starts the product until the test ends and gives what ready matches in its
// output.
func run(t *testing.T, env map[string]string, ready string, args ...string) string {
	t.Helper()
	cmd := exec.Command(product.path, args...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		pattern := regexp.MustCompile(ready)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			t.Log(args[0] + ": " + lines.Text())
			if m := pattern.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case found <- m[len(m)-1]:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%q ended with %v", args, err)
		}
		_ = in.Close()
		<-read
	})
	select {
	case m := <-found:
		return m
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	case <-time.After(time.Minute):
		t.Fatalf("%q does not get ready", args)
	}
	return ""
}

// runEmulator gives the URL of an emulator of Graph.
func runEmulator(t *testing.T) string {
	t.Helper()
	return run(t, nil, `Graph emulator at (\S+)`, "emulator", "--listen", "127.0.0.1:0", "--step", "10ms")
}

// runBridge starts `serve` on a port that was free.
func runBridge(t *testing.T, env map[string]string) {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	env["BRIDGE_LISTEN_ADDR"], env["BRIDGE_PUBLIC_URL"], env["BRIDGE_ADMIN_ADDR"] = address, "http://"+address, "off"
	run(t, env, `"msg":"ready"`, "serve")
}

// freePort gives a port that was free a moment ago, for who must know it before it listens.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// authority signs the servers' certificates.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	pem         string
}

func newCA(t *testing.T) authority {
	t.Helper()
	a := authority{key: newKey(t), certificate: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hub"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	a.pem = a.sign(t, a.certificate, a.key)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a authority) sign(t *testing.T, c *x509.Certificate, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// issue writes a server's certificate and key into a folder.
func (a authority) issue(t *testing.T, dir string) {
	t.Helper()
	key := newKey(t)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "server"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, key)
	write(t, filepath.Join(dir, "server.pem"), certificate)
	write(t, filepath.Join(dir, "server-key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}
