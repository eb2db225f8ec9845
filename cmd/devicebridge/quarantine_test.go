package main

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

func TestParseBefore(t *testing.T) {
	now := time.Date(2026, 11, 22, 20, 0, 0, 0, time.FixedZone("", 3600))
	for text, want := range map[string]time.Time{
		"now":                         now,
		"2026-11-22T10:00:00Z":        time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
		"2026-11-22T10:00:00.5+02:00": time.Date(2026, 11, 22, 8, 0, 0, 5e8, time.UTC),
	} {
		if got, err := parseBefore(text, now); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%q is %s (%v), want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "NOW", "yesterday", "2026-11-22", "2026-11-22T10:00:00", "1h"} {
		if got, err := parseBefore(text, now); err == nil || !strings.HasPrefix(err.Error(), "--before") {
			t.Errorf("%q is %s (%v)", text, got, err)
		}
	}
}

func TestQuarantineGoesThroughEveryPage(t *testing.T) {
	before := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	pages := map[string]events.QuarantineReply{
		"":   {Examined: 500, Quarantined: 2, Cursor: "70"},
		"70": {Examined: 500, Cursor: "9"}, // none on a page is not the end
		"9":  {Examined: 3, Quarantined: 1},
	}
	ask := func(_ context.Context, endpoint string, request, reply any) error {
		r, ok := request.(events.QuarantineRequest)
		if !ok || endpoint != "commands.quarantine" || !r.Before.Equal(before) {
			t.Errorf("%s is asked %+v", endpoint, request)
		}
		page, ok := pages[r.Cursor]
		if !ok {
			return errors.New("not stored")
		}
		*reply.(*events.QuarantineReply) = page
		return nil
	}
	done, err := quarantine(t.Context(), ask, before)
	if want := (quarantined{Before: before, Examined: 1003, Quarantined: 3}); err != nil || done != want {
		t.Errorf("%+v (%v), want %+v", done, err, want)
	}

	delete(pages, "9")
	if _, err = quarantine(t.Context(), ask, before); err == nil || !strings.Contains(err.Error(), "after 1000 commands, of which 2 are quarantined; run it again with --before 2026-11-22T10:00:00Z for the rest: not stored") {
		t.Errorf("broken off: %v", err)
	}
	pages["70"] = events.QuarantineReply{Cursor: "70"}
	if _, err = quarantine(t.Context(), ask, before); err == nil || !strings.Contains(err.Error(), "lead nowhere") {
		t.Errorf("a cursor that stands still: %v", err)
	}
}

// cliTestPaused is the restore procedure from the outside: a paused bridge sends
// nothing, quarantine makes outcomeUnknown of what it holds, and a bridge that
// sends again leaves those alone and sends the others.
func cliTestPaused(t *testing.T, binary string) {
	site := cliNewSite(t, binary, emulator.Options{})
	site.vars["BRIDGE_DISPATCH"] = "paused"
	serve := cliSpawn(t, binary, site.vars, "serve")
	if line := serve.await(serve.stderr, `"level":"WARN"`); !strings.Contains(line, "BRIDGE_DISPATCH") || !strings.Contains(line, "quarantine") {
		t.Errorf("the start warns of %s", line)
	}
	b := site.client(serve)
	send := func() string { return cliField(t, b.ok("send", "--device", cliCompletes, "--uri", "x:y"), "command") }
	old := []string{send(), send()}
	out := b.ok("quarantine", "--before", "now")
	if !strings.HasPrefix(out, "quarantined 2 of 2 commands; those accepted before 20") {
		t.Errorf("quarantine prints %q", out)
	}
	later := send()
	if got := cliJSON[quarantined](t, b.ok("quarantine", "--before", "2020-01-01T00:00:00Z", "--json")); got.Examined != 3 || got.Quarantined != 0 {
		t.Errorf("quarantine of what is older than all: %+v", got)
	}
	b.fails(exitRefused, "invalid: before is in the future", "quarantine", "--before", "2999-01-01T00:00:00Z")
	serve.signal(syscall.SIGTERM)
	serve.end(exitOK)

	delete(site.vars, "BRIDGE_DISPATCH")
	_, b = site.serve()
	if out := b.ok("watch", later, "--until-end"); !strings.Contains(out, "completed ") {
		t.Errorf("the command of after the quarantine went\n%s", out)
	}
	for _, id := range old {
		if state := cliField(t, b.ok("get", id), "state"); !strings.HasPrefix(state, "outcomeUnknown ") {
			t.Errorf("a quarantined command is %s", state)
		}
	}
	if posts := len(site.emulator.Commands()); posts != 1 {
		t.Errorf("Graph saw %d POSTs, want the one of after the quarantine", posts)
	}
	b.fails(exitRefused, "conflict: ", "quarantine", "--before", "now")
}
