package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
	"devicebridge/schemas/validate"
)

func readReadme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readmeBlocks returns the contents of the README's code blocks, in their order, and the language of each.
func readmeBlocks(t *testing.T) (blocks, languages []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$").FindAllStringSubmatch(readReadme(t), -1) {
		blocks, languages = append(blocks, m[2]), append(languages, m[1])
	}
	return blocks, languages
}

// readmeCommands returns the command lines of a block: without prompts and comments, each with its continuations.
func readmeCommands(block string) []string {
	var list []string
	for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
		line, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "$ "), " #")
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}

// TestReadmeBlocksCanBePasted: a command that goes on until it is stopped is the last of its block.
func TestReadmeBlocksCanBePasted(t *testing.T) {
	endless := regexp.MustCompile(`devicebridge (serve|emulator|demo --keep|watch)\b|nats .*\bsub\b`)
	blocks, languages := readmeBlocks(t)
	found := 0
	for i, block := range blocks {
		if languages[i] != "sh" && languages[i] != "console" {
			continue
		}
		commands := readmeCommands(block)
		for n, command := range commands {
			if !endless.MatchString(command) || strings.Contains(command, "--until-end") || strings.Contains(command, "--count") {
				continue
			}
			if found++; n < len(commands)-1 {
				t.Errorf("%q does not end, and %q stands after it in its block", command, commands[n+1])
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d commands that do not end were found", found)
	}
}

// TestReadmeListsEveryEndpoint holds the table of subjects against what the micro service announces, and the members
// that it names against the schemas.
func TestReadmeListsEveryEndpoint(t *testing.T) {
	r := startRig(t, rigOptions{vars: map[string]string{"BRIDGE_DIRECTORY": "write"}})
	answer, err := r.connect().Request("$SRV.INFO.devicebridge", nil, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var info micro.Info
	if err := json.Unmarshal(answer.Data, &info); err != nil {
		t.Fatal(err)
	}
	rows := readmeEndpoints(t)
	seen := map[string]bool{}
	for _, e := range info.Endpoints {
		row, ok := rows[e.Subject]
		if seen[e.Subject] = true; !ok {
			t.Errorf("no row of the README has %s", e.Subject)
			continue
		}
		for what, members := range map[string]*string{"schema.request": row.request, "schema.response": row.reply} {
			if members != nil {
				compareMembers(t, e.Subject, e.Metadata[what], *members, what == "schema.request")
			}
		}
	}
	for subject := range rows {
		if !seen[subject] && subject != (events.Subjects{}).Intake() {
			t.Errorf("the README has %s, which is no endpoint", subject)
		}
	}
}

// readmeEndpoint is what the README says of an endpoint: the members of its request and its reply, nil where it
// describes them in words or elsewhere.
type readmeEndpoint struct{ request, reply *string }

// readmeEndpoints returns the endpoints in the README's tables, by subject.
func readmeEndpoints(t *testing.T) map[string]readmeEndpoint {
	t.Helper()
	quoted, braces := regexp.MustCompile("`([^`]+)`"), regexp.MustCompile(`\{([^}]*)\}`)
	rows := map[string]readmeEndpoint{}
	directory := false // within the table of its endpoints
	for line := range strings.Lines(readReadme(t)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			directory = false
			continue
		}
		directory = directory || strings.HasPrefix(line, "| endpoint under `directory.devices.` |")
		names := quoted.FindAllStringSubmatch(cells[1], -1)
		if len(names) == 0 {
			continue
		}
		first := names[0][1]
		isDirectory := directory && !strings.Contains(first, "directory.devices.")
		isRequest := strings.HasPrefix(first, "devicebridge.v1.") && strings.Contains(cells[2], "→")
		if !isRequest && !isDirectory {
			continue
		}
		requests, replies, _ := strings.Cut(cells[2], "→")
		asked, answered := braces.FindAllStringSubmatch(requests, -1), braces.FindAllStringSubmatch(replies, -1)
		for i, name := range names {
			subject := name[1]
			if rest, ok := strings.CutPrefix(subject, "."); ok {
				before := names[i-1][1]
				subject = before[:strings.LastIndex(before, ".")+1] + rest
			}
			if isDirectory {
				subject = "devicebridge.v1.directory.devices." + subject
			}
			var e readmeEndpoint
			if isRequest && len(asked) == len(names) {
				e.request = &asked[i][1]
			}
			if isRequest && len(answered) > 0 {
				e.reply = &answered[min(i, len(answered)-1)][1]
			}
			rows[subject] = e
		}
	}
	return rows
}

// compareMembers holds members such as "id, cursor?" against a schema: each is there, and every required one is named;
// with all also every other.
func compareMembers(t *testing.T, subject, file, members string, all bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Required   []string
		Properties map[string]any
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{} // whether it is required
	for member := range strings.FieldsFuncSeq(members, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, optional := strings.CutSuffix(member, "?")
		named[name] = !optional
	}
	for name, required := range named {
		if _, ok := schema.Properties[name]; !ok || required != slices.Contains(schema.Required, name) {
			t.Errorf("%s: the README has {%s}, %s says otherwise of %s", subject, members, file, name)
		}
	}
	for name := range schema.Properties {
		if _, ok := named[name]; !ok && (all || slices.Contains(schema.Required, name)) {
			t.Errorf("%s: the README has {%s} without %s of %s", subject, members, name, file)
		}
	}
}

// TestReadmeShowsAnEvent holds the event that the README shows against the schema, and against the same event of a
// run: the headers and members are those, and their values where they do not depend on the run.
func TestReadmeShowsAnEvent(t *testing.T) {
	readme := readReadme(t)
	_, shown, _ := strings.Cut(readme, "Its headers:\n\n```\n")
	head, rest, _ := strings.Cut(shown, "\n```\n")
	_, rest, _ = strings.Cut(rest, "```json\n")
	body, _, ok := strings.Cut(rest, "```\n")
	if !ok {
		t.Fatal("the README shows no event")
	}
	header := map[string][]string{}
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		header[name] = []string{value}
	}
	set, err := validate.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Validate("command", []byte(body)); err != nil {
		t.Errorf("the body: %v", err)
	}
	kind, command, err := events.Decode(header, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if subject := (events.Subjects{}).Event(command.ID, command.DeviceID, kind); !strings.Contains(readme, "`"+subject+"`") {
		t.Errorf("its subject is %s", subject)
	}

	r := startRig(t, rigOptions{})
	again := r.mustSend(events.Request{
		RequestID: command.RequestID, DeviceID: command.DeviceID, Type: string(command.Type), Payload: json.RawMessage(`{"Type":"Toast","Title":"Hello"}`),
		AppServiceName: command.AppServiceName, PackageFamilyName: command.PackageFamilyName,
	}).Command.ID
	r.drive(again)
	r.until(again, func(e events.Stored) bool { return e.Kind == kind })
	js, err := jetstream.New(r.connect())
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "DEVICEBRIDGE_V1_EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(t.Context(), r.client.Subjects().CommandFilter(again))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{jetstream.StreamHeader, jetstream.SequenceHeader, jetstream.TimeStampHeaer, jetstream.SubjectHeader} {
		msg.Header.Del(name) // of the answer to this question, not of the event
	}
	if got, want := slices.Sorted(maps.Keys(msg.Header)), slices.Sorted(maps.Keys(header)); !slices.Equal(got, want) {
		t.Errorf("an event has the headers %q, the README shows %q", got, want)
	}
	differs := regexp.MustCompile(`^(ce-time|Bridge-Writer|Nats-Expected-Last-Subject-Sequence)$`)
	for name := range header {
		if got := msg.Header[name]; !differs.MatchString(name) && !slices.Equal(got, header[name]) {
			t.Errorf("%s is %q, the README shows %q", name, got, header[name])
		}
	}
	compareBodies(t, msg.Data, []byte(body))
}

// compareBodies compares the members of a record with those that the README shows, and their values but for times, what
// the emulator drew at random and who told of the response first.
func compareBodies(t *testing.T, got, shown []byte) {
	t.Helper()
	var of, want map[string]any
	if err := json.Unmarshal(got, &of); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(shown, &want); err != nil {
		t.Fatal(err)
	}
	if a, b := slices.Sorted(maps.Keys(of)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) {
		t.Errorf("a record has the members %q, the README shows %q", a, b)
	}
	for name := range want {
		switch name {
		case "createdAt", "updatedAt", "expiresAt", "graphId", "seen", "responsePayload":
		default:
			if a, b := fmt.Sprint(of[name]), fmt.Sprint(want[name]); a != b {
				t.Errorf("%s is %s, the README shows %s", name, a, b)
			}
		}
	}
}

// cliTestReadmeDirectory runs the README's walk through the directory beside a demo.
func cliTestReadmeDirectory(t *testing.T, binary string) {
	demo := cliSpawn(t, binary, map[string]string{"TMPDIR": t.TempDir()}, "demo", "--keep")
	said := regexp.MustCompile(`NATS (nats://\S+), Graph emulator http://(\S+)/beta`).FindStringSubmatch(demo.await(demo.stdout, "devicebridge "))
	demo.await(demo.stdout, "Ctrl-C stops it.")

	blocks, _ := readmeBlocks(t)
	i := slices.IndexFunc(blocks, func(block string) bool { return strings.Contains(block, "BRIDGE_SUBJECT_PREFIX=directory.v1") })
	if i < 0 {
		t.Fatal("the README has no walk through the directory")
	}
	vars := map[string]string{}
	for _, word := range strings.Fields(readmeCommands(blocks[i])[0]) {
		if name, value, ok := strings.Cut(word, "="); ok {
			vars[name] = value
		}
	}
	// The demo of the README has the usual ports. Here they are taken, so it has others.
	for _, name := range []string{"BRIDGE_NATS_LISTEN", "BRIDGE_ADMIN_ADDR"} {
		if address := vars[name]; address == "" || slices.Contains([]string{"4222", "8080", "8081", "8089"}, address[strings.LastIndex(address, ":")+1:]) {
			t.Errorf("%s=%s is an address of the tour", name, address)
		}
	}
	graph, err := url.Parse(vars["BRIDGE_GRAPH_URL"])
	if err != nil || graph.Host != "127.0.0.1:8089" || vars["BRIDGE_DATA_DIR"] == "" {
		t.Fatalf("the walk's Graph is %v (%v), its data in %q", graph, err, vars["BRIDGE_DATA_DIR"])
	}
	shown := vars["BRIDGE_NATS_LISTEN"]
	vars["BRIDGE_GRAPH_URL"], vars["BRIDGE_DATA_DIR"] = "http://"+said[2]+graph.Path, t.TempDir()
	vars["BRIDGE_NATS_LISTEN"], vars["BRIDGE_ADMIN_ADDR"] = "127.0.0.1:0", "127.0.0.1:0"
	serve := cliSpawn(t, binary, vars, "serve")
	ready := cliJSON[struct{ NATS string }](t, serve.await(serve.stderr, `"msg":"ready"`))

	for _, command := range readmeCommands(blocks[i+1]) {
		followDirectoryWalk(t, binary, ready.NATS, strings.ReplaceAll(command, shown, ready.NATS))
	}
	(&cliBridge{t: t, vars: map[string]string{"NATS_URL": said[1]}}).ok("send", "--device", emulator.DefaultDevices()[0].ID, "--uri", "https://example.com", "--wait", "1m")
}

// followDirectoryWalk does what a command of the walk does: by the shell where it is our own, else as the nats command
// would.
func followDirectoryWalk(t *testing.T, binary, address, command string) {
	t.Helper()
	nc, err := nats.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	ask := regexp.MustCompile(`^nats .* req (\S+) +'(.*)'$`).FindStringSubmatch(command)
	get := regexp.MustCompile(`^nats .* stream get (\S+) --last-for '(.*)'$`).FindStringSubmatch(command)
	switch {
	case strings.HasPrefix(command, "sleep "): // the event is waited for
	case strings.HasPrefix(command, "./devicebridge "):
		out, err := exec.CommandContext(t.Context(), "sh", "-c", binary+strings.TrimPrefix(command, "./devicebridge")).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "JimSurface") {
			t.Errorf("%s: %v, %s", command, err, out)
		}
	case ask != nil:
		answer, err := nc.Request(ask[1], []byte(ask[2]), 10*time.Second)
		if err != nil || answer.Header.Get(micro.ErrorCodeHeader) != "" {
			t.Errorf("%s: %v, %+v", command, err, answer)
		}
	case get != nil:
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		consumer, err := js.OrderedConsumer(t.Context(), get[1], jetstream.OrderedConsumerConfig{FilterSubjects: []string{get[2]}})
		if err != nil {
			t.Fatal(err)
		}
		if msg, err := consumer.Next(jetstream.FetchMaxWait(time.Minute)); err != nil || !strings.Contains(string(msg.Data()), `"accountEnabled":false`) {
			t.Errorf("%s: %v", command, err)
		}
	default:
		t.Errorf("the walk has a command that is not tried here: %s", command)
	}
}
