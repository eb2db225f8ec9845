package main

import (
	"bytes"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/policy"
	"devicebridge/events"
)

// cliFollowed is a policy file that is followed in a bubble.
type cliFollowed struct {
	t    *testing.T
	file string
	log  bytes.Buffer
	f    *policyFile
}

// cliFollow follows a policy file with a first content.
func cliFollow(t *testing.T, file string) *cliFollowed {
	t.Helper()
	c := policyConfig{File: file}
	if faults := c.load(); len(faults) > 0 {
		t.Fatal(faults)
	}
	w := &cliFollowed{t: t, file: file}
	w.f = &policyFile{
		name: file, live: policy.NewLive(c.atStart), operator: &operator{metrics: newMetrics(build{}), health: new(health)},
		log: slog.New(slog.NewTextHandler(&w.log, nil)), inForce: c.digest, seen: c.digest, judged: c.digest,
	}
	go w.f.follow(t.Context())
	return w
}

// write changes the file and waits until it has been looked at twice.
func (w *cliFollowed) write(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.pass(2 * policyEvery)
}

// pass lets time go by on the bubble's clock.
func (w *cliFollowed) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// want checks which device may be commanded, how often a file was taken and
// refused, and whether the condition stands.
func (w *cliFollowed) want(device string, taken, refused float64, condition string) {
	w.t.Helper()
	for _, id := range []string{"d1", "d2", "d3"} {
		_, refusal := w.f.live.Admit(events.Request{DeviceID: id, Type: string(events.TypeAppService), PackageFamilyName: "p", AppServiceName: "s"})
		if (refusal == nil) != (id == device) {
			w.t.Errorf("%s: %v, allowed is %s", id, refusal, device)
		}
	}
	values := cliGathered(w.t, w.f.operator.metrics)
	if got := values[`devicebridge_policy_reloads_total{result="taken"}`]; got != taken {
		w.t.Errorf("taken %v times, want %v", got, taken)
	}
	if got := values[`devicebridge_policy_reloads_total{result="refused"}`]; got != refused {
		w.t.Errorf("refused %v times, want %v", got, refused)
	}
	_, text := w.f.operator.health.readiness()
	stands := values[`devicebridge_degraded{condition="policy"}`] == 1
	if stands != (condition != "") || stands != strings.Contains(text, "policy: ") || !strings.Contains(text, condition) {
		w.t.Errorf("degraded %v, readiness %q, want %q", stands, text, condition)
	}
}

func TestAChangedPolicyIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := cliFollow(t, cliFile(t, "policy.yaml", "devices: [d1]"))
		w.pass(time.Minute)
		w.want("d1", 0, 0, "")
		w.write("devices: [d2]")
		w.want("d2", 1, 0, "")
		w.pass(time.Minute)
		w.want("d2", 1, 0, "")
		digest := digestOf([]byte("devices: [d2]"))
		if log := w.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "sha256="+digest) || !strings.Contains(log, "level=INFO") {
			t.Errorf("the log is %s", log)
		}
	})
}

// TestAFaultyPolicyIsRefusedAsAWhole, also where most of it is good.
func TestAFaultyPolicyIsRefusedAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := cliFollow(t, cliFile(t, "policy.yaml", "devices: [d1]"))
		w.write("devices: [d2]\nuriSchemes: [file]\nshemes: [https]\n")
		w.want("d1", 0, 1, `"shemes" is no setting`)
		w.pass(time.Hour)
		log := w.log.String()
		if strings.Count(log, "\n") != 1 || !strings.Contains(log, "level=ERROR") ||
			!strings.Contains(log, "line 2: uriSchemes: ") || !strings.Contains(log, "line 3: ") {
			t.Errorf("the log is %s", log)
		}
		w.write("devices: [" + strings.Repeat("1, ", 10_000) + "1]") // bounded is what is told of it
		w.want("d1", 0, 2, "is not a text")
		if log = w.log.String()[len(log):]; len(log) > 2048 || !strings.Contains(log, "policy check") {
			t.Errorf("the log is %d bytes: %.500s", len(log), log)
		}
		w.write("") // as by an editor that fell over
		w.want("d1", 0, 3, "is empty")
		if err := os.Remove(w.file); err != nil {
			t.Fatal(err)
		}
		w.pass(2 * policyEvery)
		w.want("d1", 0, 4, "cannot be read: no such file")
		w.write("devices: [d1]") // as before
		w.want("d1", 1, 4, "")
		w.write("devices: [d3]")
		w.want("d3", 2, 4, "")
	})
}

// TestAHalfWrittenPolicyIsNotTaken: cut off, a list of settings is one that allows
// more.
func TestAHalfWrittenPolicyIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := cliFollow(t, cliFile(t, "policy.yaml", "uriSchemes: [https]\ndevices: [d1]\n"))
		if err := os.WriteFile(w.file, []byte("uriSchemes: [https]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		w.pass(policyEvery)
		w.want("d1", 0, 0, "")
		w.write("uriSchemes: [https]\ndevices: [d2]\n")
		w.want("d2", 1, 0, "")
	})
}

// TestAConfigMapIsFollowed: Kubernetes changes where a link points that is on the
// way to the file.
func TestAConfigMapIsFollowed(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"one": "devices: [d1]", "two": "devices: [d2]"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "policy.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(from, to string) {
		t.Helper()
		if err := os.Symlink(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	link("one", "..data")
	link("..data/policy.yaml", "policy.yaml")
	synctest.Test(t, func(t *testing.T) {
		w := cliFollow(t, filepath.Join(dir, "policy.yaml"))
		w.want("d1", 0, 0, "")
		link("two", "..data_tmp")
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		w.pass(2 * policyEvery)
		w.want("d2", 1, 0, "")
	})
}

func TestAFaultyPolicyStopsTheStart(t *testing.T) {
	file := cliFile(t, "policy.yaml", "devices: d1\nuriSchemes: [data]\n")
	r := cliRun(t, cliMinimal(map[string]string{"BRIDGE_POLICY_FILE": file, "BRIDGE_SEND_RATE": "often"}), "serve")
	if r.code != exitUsage || r.stdout != "" {
		t.Errorf("exit %d, stdout %q", r.code, r.stdout)
	}
	for _, want := range []string{
		`BRIDGE_SEND_RATE: "often" is not a rate`, "BRIDGE_POLICY_FILE: " + file + ": line 1: devices: is not a list", "BRIDGE_POLICY_FILE: " + file + ": line 2: uriSchemes: ",
	} {
		if !strings.Contains(r.stderr, "devicebridge: "+want) {
			t.Errorf("%q does not say %q", r.stderr, want)
		}
	}
}

// TestThePolicyOfARunningBridge goes through both of its doors, and is changed
// while it runs.
func TestThePolicyOfARunningBridge(t *testing.T) {
	file := cliFile(t, "policy.json", `{"uriSchemes": ["https"]}`)
	b := cliStartWith(t, emulator.Options{}, map[string]string{"BRIDGE_POLICY_FILE": file})
	b.ok("send", "--device", cliCompletes, "--uri", "https://example.com/", "--wait", "1m")
	const words = `payload.uri has the scheme "x", which is not allowed; rule uriSchemes, set by the policy file`
	b.fails(exitRefused, "forbidden: "+words, "send", "--device", cliCompletes, "--uri", "x:y")
	b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--queue")
	if lines := b.follow(1, "--kind", "rejected", "--all"); len(lines) != 1 || !strings.Contains(lines[0], words) {
		t.Errorf("the events are %q", lines)
	}
	b.fails(exitRefused, "never opened", "send", "--device", cliCompletes, "--uri", "ms-settings:display")
	if err := os.WriteFile(file, []byte(`{"uriSchemes": ["x"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_policy_reloads_total{result="taken"} 1`)
	b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--wait", "1m")
	if err := os.WriteFile(file, []byte(`{"uriSchemes": "x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\npolicy: "+file+" is at fault and is not used (line 1: uriSchemes: is not a list")
	b.ok("send", "--device", cliCompletes, "--uri", "x:z", "--wait", "1m")
}

func TestPolicyCheck(t *testing.T) {
	file := cliFile(t, "policy.yaml", "devices: [d*]\nappServices: []\n")
	vars := map[string]string{"BRIDGE_URI_SCHEMES": "https,tel", "BRIDGE_DEVICES": "other"}
	out := strings.Join(strings.Fields(cliOK(t, vars, "policy", "check", file, "--uri", "HTTPS://Example.com/", "--device", "d1")), " ")
	want := "file " + file + " sha256 " + digestOf([]byte("devices: [d*]\nappServices: []\n")) + " uriSchemes https, tel BRIDGE_URI_SCHEMES uriHosts any - " +
		"appServices none the policy file devices d* the policy file sendRate any - deviceSendRate any - device d1 allowed uri https://example.com/ allowed"
	if out != want {
		t.Errorf("it shows %q, want %q", out, want)
	}
	vars["BRIDGE_POLICY_FILE"] = file
	for _, test := range []struct {
		code  int
		words []string
		args  []string
	}{
		{exitRefused, []string{"deviceId names a device", "payload.uri has the scheme \"http\"", "may not be called"}, []string{"--device", "e1", "--uri", "http://a/", "--package", "p", "--app-service", "s"}},
		{exitUsage, []string{"give both or neither"}, []string{"--package", "p"}},
		{exitUsage, []string{"/nowhere: cannot be read: no such file"}, []string{"/nowhere"}},
		{exitUsage, []string{"/faulty.yaml: line 1: devices:", "/faulty.yaml: line 2: \"x\" is no setting"}, []string{cliFile(t, "faulty.yaml", "devices: 1\nx: 2\n")}},
		{exitUsage, []string{"accepts at most 1 arg"}, []string{"a", "b"}},
	} {
		r := cliRun(t, vars, append([]string{"policy", "check"}, test.args...)...)
		missing := func(word string) bool { return !strings.Contains(r.stderr, word) }
		if r.code != test.code || slices.ContainsFunc(test.words, missing) {
			t.Errorf("%v: exit %d, %q; want %d and %q", test.args, r.code, r.stderr, test.code, test.words)
		}
	}
	bad := maps.Clone(vars)
	bad["BRIDGE_DEVICES"] = "a,,b"
	if r := cliRun(t, bad, "policy", "check"); r.code != exitUsage || !strings.Contains(r.stderr, "BRIDGE_DEVICES: has an empty word") {
		t.Errorf("exit %d, %q", r.code, r.stderr)
	}
}
