package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// everyCommand gives the command and all below it.
func everyCommand(cmd *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		list = append(list, everyCommand(sub)...)
	}
	return list
}

// TestWhatIsGivenAndEmptyIsRefused: every flag that takes a text, of every command,
// and every argument.
func TestWhatIsGivenAndEmptyIsRefused(t *testing.T) {
	vars := map[string]string{"NATS_URL": "nats://127.0.0.1:1", "HOME": t.TempDir()}
	flags := 0
	for _, cmd := range everyCommand(newRoot(nil, t.Output(), t.Output())) {
		path := strings.Fields(cmd.CommandPath())[1:]
		var args []string
		if strings.Contains(cmd.Use, "<command>") || strings.Contains(cmd.Use, "<id>") {
			args = []string{events.RequestCommandID("x")}
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if kind := f.Value.Type(); kind != "string" && kind != "stringSlice" {
				return
			}
			flags++
			r := cliRun(t, vars, append(append(path, args...), "--"+f.Name, "")...)
			if want := "--" + f.Name + ": is given and empty"; r.code != exitUsage || !strings.Contains(r.stderr, want) {
				t.Errorf("%s --%s '': exit %d, %q", cmd.CommandPath(), f.Name, r.code, r.stderr)
			}
		})
	}
	if flags < 30 {
		t.Errorf("only %d flags were tried", flags)
	}
	for _, args := range [][]string{
		{"get", ""}, {"watch", ""}, {"cancel", ""}, {"erase", "", "--yes"}, {"keys", "check", ""}, {"policy", "check", ""}, {"directory", "get", ""},
		{"directory", "list", "--select", "id,"},
	} {
		if r := cliRun(t, vars, args...); r.code != exitUsage || !strings.Contains(r.stderr, "given and empty") {
			t.Errorf("%q: exit %d, %q", args, r.code, r.stderr)
		}
	}
}

// TestACommandIsNamedByItsRequestID: by its own id or by the request id, wherever one
// command is meant.
func TestACommandIsNamedByItsRequestID(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	id := events.RequestCommandID("order 1")
	looksLikeAnID := events.RequestCommandID("any")
	b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--request-id", "order 1", "--wait", "1m")
	b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--request-id", looksLikeAnID, "--wait", "1m")
	b.run("send", "--device", cliStays, "--uri", "x:y", "--request-id", "open", "--expires-in", "1s", "--wait", "1m")

	if got := cliField(t, b.ok("get", "order 1"), "command"); got != id {
		t.Errorf("get shows %s, want %s", got, id)
	}
	if got := cliField(t, b.ok("get", "request:"+looksLikeAnID), "command"); got != events.RequestCommandID(looksLikeAnID) {
		t.Errorf("get request:… shows %s", got)
	}
	b.fails(exitRefused, "notFound: no such command", "get", looksLikeAnID)
	if got := b.ok("watch", "order 1", "--until-end"); !strings.Contains(got, id) {
		t.Errorf("watch shows %s", got)
	}
	b.fails(exitRefused, "it is completed", "cancel", "order 1")
	receipt := b.ok("send", "--device", cliStays, "--uri", "x:y", "--retry-of", "open", "--json")
	if c := cliJSON[events.Receipt](t, receipt).Command; c.RetryOf != events.RequestCommandID("open") {
		t.Errorf("it repeats %q", c.RetryOf)
	}
	if out := b.ok("erase", "order 1", "--yes"); cliField(t, out, "command") != id || !strings.HasPrefix(cliField(t, out, "state"), "erased ") {
		t.Errorf("erase shows %s", out)
	}
	unknown := fmt.Sprintf("no command was asked for under the request id %q, which would be command %s", "order 2", events.RequestCommandID("order 2"))
	for _, args := range [][]string{{"get", "order 2"}, {"cancel", "order 2"}, {"erase", "order 2", "--yes"}} {
		b.fails(exitRefused, unknown, args...)
	}
}

// cliRunReading runs the command line with a standard input.
func cliRunReading(t *testing.T, stdin string, vars map[string]string, args ...string) cliResult {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := newRoot(vars, &stdout, &stderr)
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	code := exitOK
	if err != nil {
		code = exitCode(err)
		stderr.WriteString(err.Error())
	}
	return cliResult{code, stdout.String(), stderr.String()}
}

func TestPayloadFromAFileOrTheStandardInput(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	args := []string{"send", "--device", cliStays, "--app-service", "a", "--package", "p", "--json", "--payload"}
	const payload = `{"Type":"Toast"}`
	for from, stdin := range map[string]string{
		payload: "", "-": payload, "@-": "\n" + payload + "\n",
		"@" + cliFile(t, "payload", payload+"\n"): "", "@" + cliFile(t, "marked", "\xef\xbb\xbf"+payload): "",
	} {
		r := cliRunReading(t, stdin, b.vars, append(args, from)...)
		if r.code != exitOK {
			t.Fatalf("%q: exit %d, %s", from, r.code, r.stderr)
		}
		if got := cliJSON[events.Receipt](t, r.stdout).Command.Payload; string(got) != payload {
			t.Errorf("%q: the payload is %s", from, got)
		}
	}
	empty, broken := cliFile(t, "empty", " \n"), cliFile(t, "broken", "{")
	for from, words := range map[string]string{
		"-": "--payload: the standard input is empty", "@" + empty: "--payload: the file " + empty + " is empty", "@": "--payload: @ is followed by",
		"@/nowhere/at/all": "--payload: open /nowhere/at/all", "@" + broken: "--payload: the file " + broken + " is not JSON", "{": "--payload is not JSON",
	} {
		if r := cliRunReading(t, "", b.vars, append(args, from)...); r.code != exitUsage || !strings.Contains(r.stderr, words) {
			t.Errorf("%q: exit %d, %q, want %q", from, r.code, r.stderr, words)
		}
	}
	if r := b.run("send", "--device", cliStays, "--app-service", "a", "--package", "p"); r.code != exitUsage || !strings.Contains(r.stderr, "--payload is missing") {
		t.Errorf("without one: exit %d, %q", r.code, r.stderr)
	}
}
