package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/cmd/devicebridge/internal/running"
)

// cliContexts writes contexts of the nats command and gives the directory that they
// are below.
func cliContexts(t *testing.T, selected string, contexts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "nats", "context"), 0o700); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"context.txt": selected}
	for name, text := range contexts {
		files[filepath.Join("context", name+".json")] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, "nats", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestClientsFindTheBridge wherever something says where it is, and never by what is
// ranked behind that.
func TestClientsFindTheBridge(t *testing.T) {
	state := t.TempDir()
	dir := filepath.Join(state, "devicebridge")
	_, graphURL := cliEmulator(t, emulator.Options{})
	b := cliRunBridge(t, graphURL, map[string]string{"BRIDGE_DATA_DIR": dir, "BRIDGE_SUBJECT_PREFIX": "house.v2"})
	url := b.vars["NATS_URL"]
	listen := strings.TrimPrefix(url, "nats://")
	const nowhere = "nats://127.0.0.1:1"
	configs := cliContexts(t, "good", map[string]string{"good": `{"url":"` + url + `","description":"d"}`, "bad": `{"url":"` + nowhere + `"}`})
	conf := cliFile(t, "nats.conf", `listen: "`+listen+`"`)
	for name, test := range map[string]struct {
		vars map[string]string
		args []string
	}{
		"--server":                             {map[string]string{"NATS_URL": nowhere}, []string{"--server", url}},
		"-s":                                   {map[string]string{"NATS_URL": nowhere}, []string{"-s", url}},
		"--server before --context":            {map[string]string{"XDG_CONFIG_HOME": configs}, []string{"--context", "bad", "--server", url}},
		"--context":                            {map[string]string{"XDG_CONFIG_HOME": configs, "NATS_URL": nowhere, "NATS_USER": "x"}, []string{"--context", "good"}},
		"NATS_URL":                             {map[string]string{"XDG_CONFIG_HOME": configs, "NATS_URL": url, "NATS_CONTEXT": "bad", "BRIDGE_NATS_LISTEN": "127.0.0.1:1"}, nil},
		"NATS_CONTEXT":                         {map[string]string{"XDG_CONFIG_HOME": configs, "NATS_CONTEXT": "good", "BRIDGE_NATS_LISTEN": "127.0.0.1:1"}, nil},
		"BRIDGE_NATS_LISTEN":                   {map[string]string{"BRIDGE_NATS_LISTEN": listen}, nil},
		"BRIDGE_NATS_LISTEN of any address":    {map[string]string{"BRIDGE_NATS_LISTEN": strings.Replace(listen, "127.0.0.1", "0.0.0.0", 1)}, nil},
		"BRIDGE_DATA_DIR":                      {map[string]string{"BRIDGE_DATA_DIR": dir}, nil},
		"BRIDGE_DATA_DIR, port 0":              {map[string]string{"BRIDGE_DATA_DIR": dir, "BRIDGE_NATS_LISTEN": "127.0.0.1:0"}, nil},
		"BRIDGE_NATS_CONFIG":                   {map[string]string{"BRIDGE_NATS_CONFIG": conf, "BRIDGE_NATS_LISTEN": "127.0.0.1:1"}, nil},
		"the default data directory":           {map[string]string{"XDG_STATE_HOME": state}, nil},
		"the same before the selected context": {map[string]string{"XDG_STATE_HOME": state, "XDG_CONFIG_HOME": cliContexts(t, "bad", map[string]string{"bad": `{"url":"` + nowhere + `"}`})}, nil},
		"the selected context":                 {map[string]string{"XDG_CONFIG_HOME": configs}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			vars := map[string]string{"HOME": t.TempDir(), "BRIDGE_SUBJECT_PREFIX": "other.v1"}
			maps.Copy(vars, test.vars)
			for _, args := range [][]string{{"whoami"}, {"devices"}, {"keys", "check"}, {"list"}} {
				cliOK(t, vars, append(append(args, "--prefix", "house.v2"), test.args...)...)
			}
		})
	}
	// What says where it is is named where nothing is there.
	for words, vars := range map[string]map[string]string{
		"the address is that of NATS_URL":                                {"NATS_URL": nowhere},
		"the address is that of BRIDGE_NATS_LISTEN":                      {"BRIDGE_NATS_LISTEN": "127.0.0.1:1"},
		"the address is that of the NATS context bad, which is selected": {"XDG_CONFIG_HOME": cliContexts(t, "bad", map[string]string{"bad": `{"url":"` + nowhere + `"}`})},
		"the address is that of --server":                                {"--server": nowhere},
	} {
		args := []string{"whoami"}
		if server := vars["--server"]; server != "" {
			vars, args = map[string]string{}, append(args, "--server", server)
		}
		vars["HOME"] = t.TempDir()
		if r := cliRun(t, vars, args...); r.code != exitUnavailable || !strings.Contains(r.stderr, words) || !strings.Contains(r.stderr, "127.0.0.1:1") {
			t.Errorf("exit %d, %q, want %q", r.code, r.stderr, words)
		}
	}
}

// TestWhoAClientIs: who signs in comes from one place as a whole, and nothing of the
// environment goes to the server of a context that a flag names.
func TestWhoAClientIs(t *testing.T) {
	creds, nkey := cliFile(t, "creds", "x"), cliFile(t, "nkey", "x")
	configs := cliContexts(t, "", map[string]string{
		"c": `{"url":"nats://c","user":"carl","password":"secret-of-c","inbox_prefix":"_carl","tls_first":true}`,
	})
	for name, test := range map[string]struct {
		vars map[string]string
		want natsConfig
	}{
		"the environment": {
			map[string]string{"NATS_URL": "nats://e", "NATS_USER": "eva", "NATS_PASSWORD": "p"},
			natsConfig{URL: "nats://e", User: "eva", Password: "p", from: "NATS_URL"},
		},
		"--creds": {
			map[string]string{"NATS_URL": "nats://e", "NATS_USER": "eva", "NATS_PASSWORD": "p", "NATS_TOKEN": "t", flagCreds: creds},
			natsConfig{URL: "nats://e", Creds: creds, from: "NATS_URL"},
		},
		"--nkey": {
			map[string]string{"NATS_URL": "nats://e", "NATS_CREDS": creds, flagNKey: nkey},
			natsConfig{URL: "nats://e", NKey: nkey, from: "NATS_URL"},
		},
		"--context": {
			map[string]string{"NATS_URL": "nats://e", "NATS_TOKEN": "t", "NATS_CREDS": creds, flagContext: "c"},
			natsConfig{URL: "nats://c", User: "carl", Password: "secret-of-c", from: "the NATS context c", inboxPrefix: "_carl", tlsFirst: true},
		},
		"--context and --creds": {
			map[string]string{flagContext: "c", flagCreds: creds, flagServer: "nats://s"},
			natsConfig{URL: "nats://s", Creds: creds, from: "--server", inboxPrefix: "_carl", tlsFirst: true},
		},
		"NATS_CONTEXT and NATS_USER": {
			map[string]string{"NATS_CONTEXT": "c", "NATS_USER": "eva"},
			natsConfig{URL: "nats://c", User: "eva", from: "the NATS context c", inboxPrefix: "_carl", tlsFirst: true},
		},
		"nothing": {map[string]string{"NATS_USER": "eva"}, natsConfig{URL: defaultNATS, User: "eva", from: "the default", local: true}},
	} {
		vars := map[string]string{"XDG_CONFIG_HOME": configs, "HOME": t.TempDir()}
		maps.Copy(vars, test.vars)
		c, err := loadClient(vars)
		if err != nil || c.NATS != test.want {
			t.Errorf("%s: %+v, %v, want %+v", name, c.NATS, err, test.want)
		}
	}
	broken := cliContexts(t, "gone", map[string]string{"nsc": `{"nsc":"nsc://o/a/u","password":"secret"}`, "no": `{"password":"secret",`, "cred": `{"creds":"/nowhere/x.creds"}`})
	for words, args := range map[string][]string{
		`--context: there is no NATS context "x"; there are cred, no, nsc`: {"--context", "x"},
		`--context: "../x" is no name of a NATS context`:                   {"--context", "../x"},
		`the NATS context "nsc" has nsc, which only the nats command`:      {"--context", "nsc"},
		`the file of the NATS context "no" is not as the nats command`:     {"--context", "no"},
		`the NATS context cred: open /nowhere/x.creds`:                     {"--context", "cred"},
		`the selected context: there is no NATS context "gone"`:            nil,
		`--creds: open /nowhere`:                                           {"--creds", "/nowhere", "-s", "nats://x"},
		`--nkey: open /nowhere`:                                            {"--nkey", "/nowhere", "-s", "nats://x"},
		`--server: address 1 is not nats://host:port`:                      {"--server", "nats://"},
		`--creds and --nkey: give one of them`:                             {"--creds", creds, "--nkey", nkey, "-s", "nats://x"},
		`--prefix: `:                                                       {"--prefix", "a b", "-s", "nats://x"},
	} {
		r := cliRun(t, map[string]string{"XDG_CONFIG_HOME": broken, "HOME": t.TempDir()}, append([]string{"whoami"}, args...)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, words) || strings.Contains(r.stderr, "secret") {
			t.Errorf("%v: exit %d, %q, want %q", args, r.code, r.stderr, words)
		}
	}
}

// TestANoteThatABridgeLeftBehind is not believed, whether another bridge listens at its
// address by now or not, and an orderly stop leaves none.
func TestANoteThatABridgeLeftBehind(t *testing.T) {
	dir := t.TempDir()
	for _, address := range []string{"nats://127.0.0.1:1", cliNATS(t)} {
		remove, err := running.Write(dir, running.Note{NATS: address})
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, "running.json")
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o600); err != nil { // as after kill -9: the system released the lock
			t.Fatal(err)
		}
		c, err := loadClient(map[string]string{"BRIDGE_DATA_DIR": dir})
		if err != nil || c.NATS.URL != defaultNATS || !c.NATS.local {
			t.Errorf("%s: %+v, %v", address, c.NATS, err)
		}
	}
	t.Run("in order", func(t *testing.T) {
		_, graphURL := cliEmulator(t, emulator.Options{})
		b := cliRunBridge(t, graphURL, map[string]string{"BRIDGE_DATA_DIR": dir})
		note, runs := running.Find(dir)
		if !runs || note.NATS != b.vars["NATS_URL"] || "http://"+note.Admin != b.admin {
			t.Errorf("%+v, %t", note, runs)
		}
		cliOK(t, map[string]string{"BRIDGE_DATA_DIR": dir, "BRIDGE_ADMIN_ADDR": "127.0.0.1:0"}, "healthcheck")
	})
	if left, err := filepath.Glob(filepath.Join(dir, "*running*")); err != nil || len(left) != 1 || filepath.Base(left[0]) != "running.lock" {
		t.Errorf("left behind are %v, %v", left, err)
	}
	if r := cliRun(t, map[string]string{"BRIDGE_DATA_DIR": dir, "BRIDGE_ADMIN_ADDR": "127.0.0.1:0"}, "healthcheck"); r.code != exitUsage || !strings.Contains(r.stderr, "has port 0") {
		t.Errorf("exit %d, %q", r.code, r.stderr)
	}
}

// TestAWrongPrefixIsToldAtOnce: a guest of the embedded server may not publish under
// another prefix, and is not left to wait for an answer.
func TestAWrongPrefixIsToldAtOnce(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	id := strings.Repeat("a", 26)
	for _, args := range [][]string{
		{"whoami"}, {"get", id}, {"send", "--device", "id:d", "--uri", "x:y"}, {"send", "--device", "id:d", "--uri", "x:y", "--wait", "1m"},
		{"send", "--device", "id:d", "--uri", "x:y", "--queue"}, {"devices"}, {"erase", id, "--yes"}, {"quarantine", "--before", "now"}, {"keys", "check"},
	} {
		r := b.fails(exitRefused, "forbidden: NATS does not permit this client to publish to house.v2.", append(args, "--prefix", "house.v2")...)
		if !strings.Contains(r.stderr, "is house.v2 the subject prefix of the bridge (--prefix, BRIDGE_SUBJECT_PREFIX)?") || strings.Contains(r.stderr, "ask again") {
			t.Errorf("%v: %s", args, r.stderr)
		}
	}
	b.fails(exitUnavailable, "there is no stream HOUSE_V2_EVENTS", "watch", "--prefix", "house.v2")
}
