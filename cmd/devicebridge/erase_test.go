package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// TestErase goes the whole way: refused while under way, erased after the end, told
// to a subscriber and counted; a late postback is taken, a repeat is not.
func TestErase(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	callback := b.ok("callback", "--request-id", "jim")
	id, url := cliField(t, callback, "command"), cliField(t, callback, "callback")
	b.fails(exitRefused, "conflict: id names a command that is under way (registered); ask again when it has ended", "erase", id, "--yes")
	if got := cliPost(t, url, `{"status":"completed","responsePayload":{"text":"Yours, Jim"}}`); got != http.StatusAccepted {
		t.Fatalf("the postback is answered with %d", got)
	}
	out := b.ok("erase", id, "--yes", "--reason", "request 17")
	if cliField(t, out, "was") != "completed; erased because: request 17" || !strings.HasPrefix(cliField(t, out, "erased"), "3 events, 0 objects, ") ||
		!strings.HasPrefix(cliField(t, out, "state"), "erased (event 4, ") || strings.Contains(out, "jim") {
		t.Errorf("erase prints %q", out)
	}
	if got := cliPost(t, url, `{"status":"failedToSend","error":"for Jim"}`); got != http.StatusAccepted {
		t.Errorf("a late postback is answered with %d", got)
	}
	b.fails(exitRefused, "conflict: requestId names command "+id+", which was erased; use a new request id", "callback", "--request-id", "jim")
	if out := b.fails(exitNotCompleted, "the command is erased", "watch", id, "--all", "--until-end").stdout; strings.Count(out, id) != 1 || !strings.Contains(out, "  4  erased ") {
		t.Errorf("the stream shows %q", out)
	}
	if out := b.ok("list", "--state", "erased"); !strings.Contains(out, id) {
		t.Errorf("list shows %q", out)
	}
	again := cliJSON[events.EraseReply](t, b.ok("erase", id, "--yes", "--json"))
	if again.Erased != (events.Erased{}) || again.Command.Erased == nil || again.Command.Erased.Reason != "request 17" {
		t.Errorf("again: %+v", again)
	}
	if out := b.ok("erase", id, "--yes"); cliField(t, out, "erased") != "nothing more; it was erased before" {
		t.Errorf("again: %q", out)
	}
}

func TestEraseAsksBefore(t *testing.T) {
	for answer, want := range map[string]bool{"yes\n": true, " yes \n": true, "yes": true, "y\n": false, "YES\n": false, "no\n": false, "\n": false, "": false} {
		var out bytes.Buffer
		err := askErasure(t.Context(), strings.NewReader(answer), &out, commandName{id: "abc"})
		if (err == nil) != want || out.String() != "Erase command abc for good? Type yes: " {
			t.Errorf("%q after %q: %v", answer, out.String(), err)
		}
	}
	// A signal ends the question.
	in, end := io.Pipe()
	t.Cleanup(func() { _ = end.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := askErasure(ctx, in, io.Discard, commandName{id: "abc"}); err == nil {
		t.Error("erased without an answer")
	}
	// Without a terminal nobody is asked.
	err := confirmErasure(t.Context(), strings.NewReader("yes\n"), io.Discard, commandName{id: "abc"})
	if _, ok := errors.AsType[usageError](err); !ok || !strings.Contains(err.Error(), "--yes is missing") {
		t.Errorf("without a terminal: %v", err)
	}
}

// cliTestErased: a bridge with an embedded server starts on the holes that an erasure
// made.
func cliTestErased(t *testing.T, binary string) {
	site := cliNewSite(t, binary, emulator.Options{})
	serve, b := site.serve()
	id := cliField(t, b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--request-id", "kept", "--wait", "1m"), "command")
	b.ok("send", "--device", cliCompletes, "--uri", "x:z", "--wait", "1m")
	b.ok("erase", id, "--yes")
	if line := serve.await(serve.stderr, `"command erased"`); !strings.Contains(line, id) {
		t.Errorf("the log has %s", line)
	}
	serve.signal(syscall.SIGTERM)
	serve.end(exitOK)
	_, b = site.serve()
	if got := cliField(t, b.ok("get", id), "state"); !strings.HasPrefix(got, "erased ") {
		t.Errorf("after the restart it is %s", got)
	}
	b.fails(exitRefused, "which was erased", "send", "--device", cliCompletes, "--uri", "x:y", "--request-id", "kept")
	if posts := len(site.emulator.Commands()); posts != 2 {
		t.Errorf("Graph saw %d POSTs, want 2", posts)
	}
}
