package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
	"devicebridge/webhook"
)

func TestSend(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	out := b.ok("send", "--device", cliCompletes, "--uri", "https://example.com/?a=1&b=%3C2%3E", "--request-id", "one", "--wait", "1m")
	id := events.RequestCommandID("one")
	for name, want := range map[string]string{
		"command": id, "device": cliCompletes, "type": "launchUri", "request": "one", "events": "devicebridge.v1.events." + id + ".>",
	} {
		if got := cliField(t, out, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if state := cliField(t, out, "state"); !strings.HasPrefix(state, "completed (event ") {
		t.Errorf("state is %q", state)
	}
	type body struct{ Payload struct{ URI string } }
	if got := cliJSON[body](t, string(b.emulator.Commands()[0].Body)).Payload.URI; got != "https://example.com/?a=1&b=%3C2%3E" {
		t.Errorf("Graph was sent the URI %q", got)
	}

	service := []string{"send", "--device", cliCompletes, "--app-service", "com.example.ping", "--package", "Example.App_8wekyb3d8bbwe",
		"--payload", `{"Type":"Toast"}`, "--correlation-id", "corr", "--expires-in", "10m", "--wait", "1m"}
	if got := cliField(t, b.ok(service...), "response"); !strings.Contains(got, `"Type":"Ok"`) {
		t.Errorf("response is %q", got)
	}
	receipt := cliJSON[events.Receipt](t, b.ok(append(service, "--json")...))
	c := receipt.Command
	if c.State != events.StateCompleted || c.Response != events.ResponseStored || c.ResponsePayload == nil || c.CorrelationID != "corr" ||
		c.AppServiceName != "com.example.ping" || c.PackageFamilyName != "Example.App_8wekyb3d8bbwe" ||
		c.ExpiresAt.Sub(c.CreatedAt) != 10*time.Minute || receipt.Events != "devicebridge.v1.events."+c.ID+".>" {
		t.Errorf("the receipt is %+v", receipt)
	}
}

func TestSendUnderOneRequestID(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	send := []string{"send", "--device", cliStays, "--request-id", "same", "--uri"}
	first, again := b.ok(append(send, "https://example.com")...), b.ok(append(send, "https://example.com")...)
	if cliField(t, first, "command") != cliField(t, again, "command") {
		t.Errorf("two commands: %s and %s", first, again)
	}
	b.fails(exitRefused, "conflict: ", append(send, "https://example.org")...)
	// Without one, each is a command of its own.
	one, two := b.ok("send", "--device", cliStays, "--uri", "x:y"), b.ok("send", "--device", cliStays, "--uri", "x:y")
	if cliField(t, one, "command") == cliField(t, two, "command") {
		t.Errorf("one command: %s and %s", one, two)
	}
}

func TestSendThroughTheQueue(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	out := b.ok("send", "--queue", "--device", cliCompletes, "--uri", "https://example.com")
	if !strings.HasPrefix(out, "queued    as message 1 of the intake\ncommand   ") {
		t.Errorf("printed %q", out)
	}
	id, _, _ := strings.Cut(cliField(t, out, "command"), ",")
	if got := b.ok("watch", id, "--until-end"); !strings.Contains(got, "completed") {
		t.Errorf("the queued command went %s", got)
	}
	queued := cliJSON[struct {
		Command, Events string
		IntakeSequence  int
	}](t, b.ok("send", "--queue", "--json", "--request-id", "q", "--device", cliFails, "--uri", "https://example.com"))
	if queued.Command != events.RequestCommandID("q") || queued.IntakeSequence != 2 || queued.Events != "devicebridge.v1.events."+queued.Command+".>" {
		t.Errorf("queued %+v", queued)
	}
	b.fails(exitNotCompleted, "the command is failedToSend\n", "watch", queued.Command, "--until-end")
}

func TestExitCodes(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	b.ok("version")
	b.fails(exitUsage, "is no command", "bogus")
	b.fails(exitRefused, "invalid: payload.uri is not an absolute URI", "send", "--device", cliCompletes, "--uri", "nowhere")
	b.fails(exitRefused, "notFound: ", "get", events.RequestCommandID("unknown"))
	b.fails(exitRefused, "notFound: no command was asked for under the request id", "get", "what")
	b.fails(exitNotCompleted, "the command is failedToSend\n", "send", "--device", cliFails, "--uri", "https://example.com", "--wait", "1m")
	r := b.fails(exitNotCompleted, " and has not ended yet\n", "send", "--device", cliStays, "--uri", "https://example.com", "--wait", "50ms")
	if !strings.HasPrefix(r.stdout, "command   ") {
		t.Errorf("no receipt: %q", r.stdout)
	}
	r = cliRun(t, cliMinimal(map[string]string{"BRIDGE_DATA_DIR": cliFile(t, "file", "")}), "serve")
	if r.code != exitFailure || !strings.Contains(r.stderr, "not a directory") {
		t.Errorf("serve on a file: exit %d, %q", r.code, r.stderr)
	}
}

func TestNobodyAnswers(t *testing.T) {
	id := events.RequestCommandID("x")
	clients := [][]string{
		{"get", id}, {"list"}, {"devices"}, {"callback"}, {"cancel", id}, {"watch"}, {"directory", "list"}, {"directory", "get", "x"},
		{"send", "--device", cliCompletes, "--uri", "x:y"}, {"send", "--device", "id:d", "--uri", "x:y", "--queue"},
		{"send", "--device", "a name", "--uri", "x:y", "--queue"}, {"list", "--device", "a name"},
	}
	for _, args := range clients {
		r := cliRun(t, map[string]string{"NATS_URL": "nats://127.0.0.1:1"}, args...)
		if r.code != exitUnavailable || r.stdout != "" || !strings.Contains(r.stderr, "start `devicebridge serve`, or name another server with --server") {
			t.Errorf("%v without NATS: exit %d, %q", args, r.code, r.stderr)
		}
	}
	for _, args := range clients {
		r := cliRun(t, map[string]string{"NATS_URL": cliNATS(t)}, args...)
		if r.code != exitUnavailable || r.stdout != "" || !strings.Contains(r.stderr, "is `devicebridge serve` running on this NATS") {
			t.Errorf("%v on a NATS without a bridge: exit %d, %q", args, r.code, r.stderr)
		}
	}
}

// cliNATS runs a NATS server with JetStream that knows nothing of the bridge.
func cliNATS(t *testing.T) string {
	t.Helper()
	return cliNATSWith(t, server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir()}).ClientURL()
}

func cliNATSWith(t *testing.T, o server.Options) *server.Server {
	t.Helper()
	o.NoSigs, o.NoLog = true, true
	s, err := server.NewServer(&o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the NATS server is not ready")
	}
	return s
}

func TestServeJoinsTheNATSOfItsEnvironment(t *testing.T) {
	b := cliStartWith(t, emulator.Options{}, map[string]string{
		"NATS_URL": cliNATS(t), "BRIDGE_CALLBACK_KEYS": webhook.NewKey(), "BRIDGE_SUBJECT_PREFIX": "house.v2",
	})
	b.vars["BRIDGE_SUBJECT_PREFIX"] = "house.v2"
	out := b.ok("send", "--device", cliCompletes, "--uri", "https://example.com", "--wait", "1m")
	if got := cliField(t, out, "events"); !strings.HasPrefix(got, "house.v2.events.") {
		t.Errorf("events are on %s", got)
	}
	delete(b.vars, "BRIDGE_SUBJECT_PREFIX")
	b.fails(exitUnavailable, "with the subject prefix devicebridge.v1?", "list")
}

func TestBadFlags(t *testing.T) {
	id := events.RequestCommandID("x")
	for words, args := range map[string][]string{
		"--device is missing; `devicebridge devices` lists them":    {"send", "--uri", "x:y"},
		"give --uri, or --app-service":                              {"send", "--device", "d"},
		"use one or the other":                                      {"send", "--device", "d", "--uri", "x:y", "--payload", "{}"},
		"--payload is not JSON":                                     {"send", "--device", "d", "--app-service", "a", "--payload", "{"},
		"leave one out":                                             {"send", "--device", "d", "--uri", "x:y", "--queue", "--wait", "1s"},
		"--wait: 5m1s is not a time up to 5m0s":                     {"send", "--device", "d", "--uri", "x:y", "--wait", "5m1s"},
		"--wait: -1s is not a time":                                 {"send", "--device", "d", "--uri", "x:y", "--wait", "-1s"},
		`invalid argument "soon" for "--wait"`:                      {"send", "--device", "d", "--uri", "x:y", "--wait", "soon"},
		"unknown flag: --urI; see devicebridge send --help":         {"send", "--urI", "x:y"},
		`unknown command "more" for "devicebridge send"`:            {"send", "more"},
		"accepts 1 arg(s), received 0; see devicebridge get --help": {"get"},
		"accepts 1 arg(s), received 2":                              {"cancel", id, id},
		`--state: "done" is no state; they are accepted, sending`:   {"list", "--state", "done"},
		"--limit: 201 is not from 1 to 200":                         {"list", "--limit", "201"},
		"--limit: 0 is not":                                         {"list", "--limit", "0"},
		`--kind: "done" is no kind of event; they are accepted, s`:  {"watch", "--kind", "done"},
		"--since and --all contradict each other":                   {"watch", "--since", "1h", "--all"},
		"--since takes a time in the past":                          {"watch", "--since", "-1h"},
		"--until-end needs a command":                               {"watch", "--until-end"},
		"leave --kind out":                                          {"watch", id, "--until-end", "--kind", "completed"},
		"leave --device out":                                        {"watch", id, "--device", "d"},
		"--before is missing; it is the time of the restore":        {"quarantine"},
		`--before: "yesterday" is not a time with its zone`:         {"quarantine", "--before", "yesterday"},
		`"request:" has no request id behind it`:                    {"erase", "request:", "--yes"},
		"--yes is missing; without a terminal":                      {"erase", id},
		"--json and --payload contradict each other":                {"get", id, "--json", "--payload"},
		"--profile: ": {"emulator", "--profile", "none"},
		"--listen: ":  {"emulator", "--listen", "nowhere"},
		`"wach" is no command (did you mean watch?); see devicebridge --help`: {"wach"},
	} {
		r := cliRun(t, map[string]string{"NATS_URL": "nats://127.0.0.1:1"}, args...)
		if r.code != exitUsage || r.stdout != "" || !strings.Contains(r.stderr, words) {
			t.Errorf("%v: exit %d, %q, want %q", args, r.code, r.stderr, words)
		}
	}
}

func TestGet(t *testing.T) {
	b := cliStart(t, emulator.Options{InlineResponse: true})
	id := cliField(t, b.ok("send", "--device", cliCompletes, "--app-service", "a", "--package", "p", "--payload", "{}", "--wait", "1m"), "command")
	out := b.ok("get", id)
	if cliField(t, out, "command") != id || !strings.Contains(cliField(t, out, "response"), `"Type":"Ok"`) || strings.Contains(out, "expires") {
		t.Errorf("get shows %q", out)
	}
	reply := cliJSON[events.CommandReply](t, b.ok("get", id, "--json"))
	if c := reply.Command; c.ID != id || c.State != events.StateCompleted || cliField(t, out, "graph id") != c.GraphID || c.ResponsePayload == nil {
		t.Errorf("get --json shows %+v", c)
	}
	id = cliField(t, b.ok("send", "--device", cliFails, "--uri", "x:y", "--request-id", "f"), "command")
	b.fails(exitNotCompleted, "", "watch", id, "--until-end")
	if got := cliField(t, b.ok("get", id), "error"); got != "failedToSend: The device could not be reached." {
		t.Errorf("error is %q", got)
	}
}

func TestListAndItsPages(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	if got := b.ok("list"); got != "COMMAND  STATE  TYPE  DEVICE  CREATED\n" {
		t.Errorf("an empty list is %q", got)
	}
	var newest []string
	for i := range 5 {
		id := cliField(t, b.ok("send", "--device", cliStays, "--uri", "x:y", "--request-id", fmt.Sprint(i)), "command")
		newest = slices.Insert(newest, 0, id)
	}
	callback := cliField(t, b.ok("callback"), "command")

	var seen []string
	args := []string{"list", "--limit", "2"}
	for page := 1; ; page++ {
		lines := slices.Collect(strings.Lines(b.ok(args...)))
		more, found := strings.CutPrefix(lines[len(lines)-1], "more: --cursor ")
		if found {
			lines = lines[:len(lines)-1]
		}
		for _, line := range lines[1:] {
			seen = append(seen, strings.Fields(line)[0])
		}
		if !found {
			break
		}
		if len(lines) != 3 || page > 3 {
			t.Fatalf("page %d has the lines %q", page, lines)
		}
		args = []string{"list", "--limit", "2", "--cursor", strings.TrimSpace(more)}
	}
	if want := append([]string{callback}, newest...); !slices.Equal(seen, want) {
		t.Errorf("the pages show %v, want %v", seen, want)
	}

	// A callback has neither type nor device; its columns are there all the same.
	registered := slices.Collect(strings.Lines(b.ok("list", "--state", "registered")))
	if cells := strings.Fields(registered[1]); len(registered) != 2 || len(cells) != 6 || cells[2] != "-" || cells[3] != "-" {
		t.Errorf("the registered callback is listed as %q", registered)
	}
	reply := cliJSON[events.ListReply](t, b.ok("list", "--device", cliStays, "--limit", "3", "--json"))
	if len(reply.Commands) != 3 || reply.Cursor == "" || reply.Commands[0].ID != newest[0] || reply.Commands[2].ID != newest[2] {
		t.Errorf("list --json shows %+v", reply)
	}
	b.fails(exitRefused, "invalid: cursor", "list", "--cursor", "what")
}

func TestWatch(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	one := cliField(t, b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--wait", "1m"), "command")
	two := cliField(t, b.run("send", "--device", cliFails, "--uri", "x:y", "--wait", "1m").stdout, "command")

	var all int
	for _, id := range []string{one, two} {
		for _, args := range [][]string{{id, "--until-end"}, {id, "--since", "1h", "--until-end"}} {
			r := b.run(append([]string{"watch"}, args...)...)
			lines := slices.Collect(strings.Lines(r.stdout))
			if (r.code == exitOK) != (id == one) || len(lines) < 3 {
				t.Errorf("watch %v: exit %d, %q", args, r.code, r.stdout)
			}
			for n, line := range lines {
				want := regexp.MustCompile(fmt.Sprintf(`^\d\d:\d\d:\d\d\.\d{3}  %s  +%d  [a-zA-Z]+ +(by (caller|dispatch|postback|poll)|failedToSend: .+)\n$`, id, n+1))
				if !want.MatchString(line) {
					t.Errorf("line %d is %q, want %s", n+1, line, want)
				}
			}
			if args[1] == "--until-end" {
				all += len(lines)
			}
		}
	}
	if lines := b.follow(all, "--all"); len(lines) != all {
		t.Errorf("watch --all shows %d events, want %d: %q", len(lines), all, lines)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--all", "--kind", "completed"}, one},
		{[]string{"--since", "1h", "--kind", "failedToSend"}, two},
		{[]string{"--all", "--kind", "accepted", "--device", cliFails}, two},
		{[]string{"--all", "--device", cliFails}, two},
		{[]string{one, "--all", "--kind", "completed"}, one},
	} {
		if lines := b.follow(1, test.args...); !strings.Contains(lines[0], test.want) {
			t.Errorf("watch %v shows %q, want %s", test.args, lines, test.want)
		}
	}
	if c := cliJSON[events.Command](t, b.follow(1, one, "--all", "--json")[0]); c.ID != one || c.State != events.StateAccepted || c.Sequence != 1 {
		t.Errorf("watch --json shows %+v", c)
	}
	// Ended by Ctrl-C before the command is.
	id := cliField(t, b.ok("send", "--device", cliStays, "--uri", "x:y"), "command")
	if err := b.watch(1, id, "--until-end").err; exitCode(err) != exitNotCompleted {
		t.Errorf("watch --until-end, interrupted: %v", err)
	}
}

func TestCancel(t *testing.T) {
	b := cliStart(t, emulator.Options{Faults: emulator.Faults{ServiceUnavailable: 1, RetryAfter: time.Hour}})
	waiting := cliField(t, b.ok("send", "--device", cliCompletes, "--uri", "x:y"), "command")
	b.follow(1, waiting, "--all", "--kind", "deferred")
	if state := cliField(t, b.ok("cancel", waiting), "state"); !strings.HasPrefix(state, "canceled ") {
		t.Errorf("the canceled command is %s", state)
	}
	if c := cliJSON[events.CommandReply](t, b.ok("get", waiting, "--json")).Command; c.State != events.StateCanceled || c.Source != events.SourceCaller {
		t.Errorf("the canceled command is %+v", c)
	}
	if c := cliJSON[events.CommandReply](t, b.ok("cancel", waiting, "--json")).Command; c.State != events.StateCanceled {
		t.Errorf("canceled again, it is %+v", c)
	}
	b.fails(exitRefused, "notFound: ", "cancel", events.RequestCommandID("unknown"))

	b = cliStart(t, emulator.Options{})
	sent := cliField(t, b.ok("send", "--device", cliStays, "--uri", "x:y"), "command")
	b.follow(1, sent, "--all", "--kind", "requesting")
	b.fails(exitRefused, "Graph documents no way to cancel it", "cancel", sent)
	ended := cliField(t, b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--wait", "1m"), "command")
	b.fails(exitRefused, "id names a command that has ended already: it is completed", "cancel", ended)
}

func TestCallback(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	out := b.ok("callback", "--request-id", "by-hand", "--device", "id:tv", "--expires-in", "10m", "--correlation-id", "corr")
	id, url := cliField(t, out, "command"), cliField(t, out, "callback")
	if id != events.RequestCommandID("by-hand") || cliField(t, out, "events") != "devicebridge.v1.events."+id+".>" {
		t.Errorf("callback shows %q", out)
	}
	receipt := cliJSON[events.Receipt](t, b.ok("callback", "--request-id", "by-hand", "--device", "id:tv", "--expires-in", "10m", "--json"))
	if receipt.CallbackURL != url || receipt.Command.State != events.StateRegistered || receipt.Command.DeviceID != "tv" {
		t.Errorf("asked again: %+v", receipt)
	}
	if got := cliPost(t, url, `{"status":"completed"}`); got != 202 {
		t.Errorf("the postback is answered with %d", got)
	}
	if got := b.ok("watch", id, "--until-end"); strings.Count(got, "\n") != 2 || !strings.Contains(got, "completed        by postback\n") {
		t.Errorf("the callback went %q", got)
	}
	if got := cliPost(t, url+"x", `{"status":"completed"}`); got != 404 {
		t.Errorf("a forged callback is answered with %d", got)
	}
	b.fails(exitRefused, `expiresIn`, "callback", "--expires-in", "10")
}

func TestDevices(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	lines := slices.Collect(strings.Lines(b.ok("devices")))
	if strings.Fields(lines[0])[0] != "ID" || len(lines) != 1+len(cliDevices()) {
		t.Errorf("devices shows %q", lines)
	}
	if !strings.HasPrefix(lines[1], cliCompletes+"  JimSurface ") || !strings.Contains(lines[1], "  Tablet       Windows   Surface Book    Microsoft Corporation  Unknown\n") {
		t.Errorf("the first device is %q", lines[1])
	}
	if last := strings.Fields(lines[len(lines)-1]); !slices.Equal(last, []string{cliStays, "Stays", "-", "-", "-", "-", "-"}) {
		t.Errorf("the device without a kind is %q", last)
	}
	if reply := cliJSON[events.DevicesReply](t, b.ok("devices", "--json", "--refresh")); len(reply.Devices) != len(cliDevices()) || reply.Devices[0].ID != cliCompletes {
		t.Errorf("devices --json shows %+v", reply)
	}
}

func TestHelpOfEverySubcommandHasAnExample(t *testing.T) {
	root := newRoot(nil, t.Output(), t.Output())
	for _, cmd := range append([]*cobra.Command{root}, root.Commands()...) {
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		help := cliOK(t, nil, args...)
		if !strings.Contains(help, "\nExamples:\n  ") || !strings.Contains(help, "  devicebridge "+cmd.Name()) && cmd != root && cmd.Name() != "serve" {
			t.Errorf("%v shows no example", args)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			kind, usage := pflag.UnquoteUsage(f)
			if strings.Contains(kind, " ") || usage == "" {
				t.Errorf("%s --%s is shown as %q %q", cmd.Name(), f.Name, kind, usage)
			}
		})
	}
	if help := cliOK(t, nil); !strings.Contains(help, exitHelp) || !strings.Contains(help, "devicebridge demo") {
		t.Errorf("without arguments it says %q", help)
	}
}

func TestVersion(t *testing.T) {
	text := cliOK(t, nil, "version")
	if !regexp.MustCompile(`^devicebridge \S+\ncommit \S[^\n]*\S\nbuilt with go1\.\S+, NATS server (v2\.\S+|unknown) inside\n$`).MatchString(text) {
		t.Errorf("version says %q", text)
	}
	b := cliJSON[build](t, cliOK(t, nil, "version", "--json"))
	if b.Version == "" || !strings.HasPrefix(b.Go, "go1.") || !strings.HasPrefix(text, "devicebridge "+b.Version+"\n") {
		t.Errorf("version --json says %+v, version %q", b, text)
	}
	if got := cliOK(t, nil, "--version"); got != "devicebridge version "+b.Version+"\n" {
		t.Errorf("--version says %q", got)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := cliOK(t, nil, "completion", shell); !strings.Contains(got, "__complete") || strings.Contains(got, "__completeNoDesc") {
			t.Errorf("completion %s prints %.80q", shell, got)
		}
	}
	for words, args := range map[string][]string{
		"send\t":       {""},
		"timedOut\n":   {"list", "--state", ""},
		"response\n":   {"watch", "--kind", ""},
		"\n:4\n":       {"list", "--state", ""}, // and no names of files
		"--request-id": {"send", "--r"},
	} {
		r := cliRun(t, nil, append([]string{"__complete"}, args...)...)
		if r.code != exitOK || !strings.Contains(r.stdout, words) {
			t.Errorf("completion of %q offers %q, want %q among them", args, r.stdout, words)
		}
	}
}
