package main

import (
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// TestCompletionAsksTheBridge for what a person would otherwise copy, and is silent
// where none answers.
func TestCompletionAsksTheBridge(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--request-id", "order-1", "--wait", "1m")
	id := events.RequestCommandID("order-1")
	for _, args := range [][]string{{"get", ""}, {"watch", ""}, {"cancel", ""}, {"erase", ""}, {"send", "--retry-of", ""}, {"get", "--server", b.vars["NATS_URL"], ""}} {
		out := b.completes(append([]string{"__complete"}, args...)...)
		if !strings.Contains(out, "\n"+id+"\tcompleted ") && !strings.HasPrefix(out, id+"\tcompleted ") || !strings.Contains(out, "order-1\tcompleted ") || !strings.Contains(out, "\n:4\n") {
			t.Errorf("%v: %q", args, out)
		}
	}
	for _, args := range [][]string{{"send", "--device", ""}, {"list", "--device", ""}, {"watch", "--device", ""}, {"callback", "--device", ""}} {
		if out := b.completes(append([]string{"__complete"}, args...)...); !strings.Contains(out, cliCompletes+"\tJimSurface") || !strings.Contains(out, "JimSurface\t"+cliCompletes) {
			t.Errorf("%v: %q", args, out)
		}
	}
	if out := b.completes("__complete", "get", "x", ""); strings.Contains(out, id) {
		t.Errorf("a second argument is offered %q", out)
	}
	none := map[string]string{"NATS_URL": "nats://127.0.0.1:1", "HOME": t.TempDir(), "XDG_CONFIG_HOME": cliContexts(t, "", map[string]string{"prod": "{}"})}
	for _, args := range [][]string{{"get", ""}, {"send", "--device", ""}} {
		r := cliRun(t, none, append([]string{"__complete"}, args...)...)
		if r.code != exitOK || r.stdout != ":4\n" || strings.Contains(r.stderr, "connect") {
			t.Errorf("%v: exit %d, %q, %q", args, r.code, r.stdout, r.stderr)
		}
	}
	if r := cliRun(t, none, "__complete", "get", "--context", ""); !strings.Contains(r.stdout, "prod\n") {
		t.Errorf("the contexts are %q", r.stdout)
	}
}

// completes is ok for a command that says something on its standard error as well.
func (b *cliBridge) completes(args ...string) string {
	b.t.Helper()
	r := b.run(args...)
	if r.code != exitOK {
		b.t.Fatalf("%v: exit %d, %q", args, r.code, r.stderr)
	}
	return r.stdout
}
