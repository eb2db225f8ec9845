package proof

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/signin"
	"devicebridge/events"
)

var (
	signInLife = flag.Duration("signin.life", 3*time.Second, "how long access tokens live")
	signInFor  = flag.Duration("signin.for", 8*time.Second, "how long commands go on after the sign-in")
)

// authoritySite is the emulator with its authority in a process of its own, over TLS.
type authoritySite struct {
	t      *testing.T
	vars   map[string]string // what it prints for a bridge
	base   string
	client *http.Client
}

func newAuthoritySite(ctx context.Context, t *testing.T) *authoritySite {
	t.Helper()
	path, err := plainBridge()
	if err != nil {
		t.Fatal(err)
	}
	address, dir := freeAddress(t), filepath.Join(t.TempDir(), "tls")
	p := newProgram(t, program{name: "emulator", path: path, ready: "Ctrl-C stops it.", args: []string{
		"emulator", "--listen", address, "--sign-in", "--tls-dir", dir, "--token-life", signInLife.String(), "--step", "20ms",
	}})
	if err := p.start(ctx, nil); err != nil {
		t.Fatal(err)
	}
	s := &authoritySite{t: t, vars: map[string]string{}, base: "https://" + address}
	for _, line := range p.current().log.tail(50) {
		name, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if found && strings.HasPrefix(line, "  ") {
			s.vars[name] = value
		}
	}
	text, err := os.ReadFile(s.vars["BRIDGE_GRAPH_CA"])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	return s
}

// control asks the authority's control surface.
func (s *authoritySite) control(method, path, body string) string {
	s.t.Helper()
	request, err := http.NewRequest(method, s.base+"/emulator/signin/"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %d %s %v", method, path, answer.StatusCode, text, err)
	}
	return string(text)
}

// granted counts the sign-ins and the refreshes.
func (s *authoritySite) granted() (signIns, refreshes int) {
	s.t.Helper()
	var ledger struct{ DeviceGrants, Refreshes int }
	if err := json.Unmarshal([]byte(s.control(http.MethodGet, "ledger", "")), &ledger); err != nil {
		s.t.Fatal(err)
	}
	return ledger.DeviceGrants, ledger.Refreshes
}

// login runs the subcommand as an operator does elsewhere, and approves the code.
func (s *authoritySite) login(ctx context.Context, natsURL, key string) {
	s.t.Helper()
	path, err := plainBridge()
	if err != nil {
		s.t.Fatal(err)
	}
	p := newProgram(s.t, program{name: "login", path: path, args: []string{"login"}, vars: map[string]string{
		"NATS_URL": natsURL, "BRIDGE_SIGNIN_KEY": key, "HOME": s.t.TempDir(),
		"BRIDGE_GRAPH_CA": s.vars["BRIDGE_GRAPH_CA"], "AZURE_AUTHORITY_HOST": s.vars["AZURE_AUTHORITY_HOST"],
	}, ready: "enter the code"})
	if err := p.start(ctx, nil); err != nil {
		s.t.Fatal(err)
	}
	line, err := p.await(ctx, p.ready)
	if err != nil {
		s.t.Fatal(err)
	}
	code := regexp.MustCompile(`enter the code ([A-Z0-9]+);`).FindStringSubmatch(line)
	if code == nil {
		s.t.Fatalf("no code in %q", line)
	}
	s.control(http.MethodPost, "codes/"+code[1]+"/approve", `{"account":"jim@outlook.example"}`)
	if status, err := p.end(ctx); err != nil || status.ExitStatus() != 0 {
		s.t.Fatalf("login: %v, %v: %q", status.ExitStatus(), err, p.current().log.tail(5))
	}
}

// completed waits until a command is.
func (r *rig) completed(ctx context.Context, receipt events.Receipt) error {
	var last events.State
	err := r.client.Follow(ctx, bus.FollowOptions{Filter: receipt.Events, All: true}, func(e events.Stored) error {
		if last = e.Command.State; e.Command.Ended() {
			return errEnded
		}
		return nil
	})
	if last != events.StateCompleted {
		return fmt.Errorf("command %s is %s: %w", receipt.Command.ID, last, err)
	}
	return nil
}

var errEnded = errors.New("ended")

// TestSignInSurvives: emulator and bridge are processes of their own, over TLS.
// Somebody signs in once with a device code; the bridge that took it is killed with
// -9; a replica with an empty disk goes on without a new sign-in, across as many
// ends of tokens as the time holds.
//
//	go test ./cmd/devicebridge/proof -run SignInSurvives -v -signin.life=1m -signin.for=3m
func TestSignInSurvives(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience+*signInFor)
	defer cancel()
	site := newAuthoritySite(ctx, t)
	key := signin.NewKey()
	vars := maps.Clone(site.vars)
	maps.Copy(vars, map[string]string{"BRIDGE_GRAPH_TOKEN": "", "BRIDGE_SIGNIN_KEY": key, "BRIDGE_LOG_LEVEL": "debug"})
	r := newRig(t, setup{Cluster: true, Replicas: 2, Vars: vars})
	first, second := r.bridges[0], r.bridges[1]
	if err := first.start(ctx, nil); err != nil {
		t.Fatal(err)
	}
	r.connect(ctx)
	device := emulator.DefaultDevices()[0].ID
	sent := 0
	send := func() events.Receipt {
		sent++
		receipt, err := r.send(ctx, request(fmt.Sprintf("signin-%d", sent), device, events.TypeLaunchURI, 5*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return receipt
	}
	waiting := send()
	if _, err := first.await(ctx, "nobody is signed in; run `devicebridge login`"); err != nil {
		t.Fatal(err)
	}
	if latest, err := r.client.Latest(ctx, waiting.Command.ID); err != nil || latest.Command.State != events.StateAccepted {
		t.Fatalf("without a sign-in the command is %s (%v)", latest.Command.State, err)
	}
	site.login(ctx, r.natsURL, key)
	if err := r.completed(ctx, waiting); err != nil {
		t.Fatal(err)
	}

	first.kill()
	if err := second.start(ctx, nil); err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < *signInFor; {
		if err := r.completed(ctx, send()); err != nil {
			t.Fatal(err)
		}
		pace(ctx, *signInLife/10)
	}
	// And with both, who refresh at the same time.
	if err := first.start(ctx, nil); err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < *signInFor/2; {
		if err := r.completed(ctx, send()); err != nil {
			t.Fatal(err)
		}
		pace(ctx, *signInLife/10)
	}
	signIns, refreshes := site.granted()
	t.Logf("tokens of %s: %d commands completed, %d sign-in, %d refreshes", *signInLife, sent, signIns, refreshes)
	// Two replicas at most refresh at the end of each token, and not all the time.
	if lives := int(*signInFor*2 / *signInLife) + 2; signIns != 1 || refreshes < int(*signInFor / *signInLife) || refreshes > 4*lives {
		t.Errorf("%d sign-ins and %d refreshes", signIns, refreshes)
	}
	posts, commands := site.posts()
	if posts != sent || commands != sent {
		t.Errorf("Graph saw %d POSTs and took %d commands of %d", posts, commands, sent)
	}
}

// posts gives how many POSTs Graph saw, and how many commands it took.
func (s *authoritySite) posts() (posts, taken int) {
	s.t.Helper()
	answer, err := s.client.Get(s.base + "/emulator/commands")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var ledger struct {
		Total int
		Value []struct{ Taken bool }
	}
	if err := json.NewDecoder(answer.Body).Decode(&ledger); err != nil {
		s.t.Fatal(err)
	}
	for _, p := range ledger.Value {
		if p.Taken {
			taken++
		}
	}
	return ledger.Total, taken
}
