package emulator_test

import (
	"devicebridge/bridge/graph/emulator"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLedgerIsInOrder(t *testing.T) {
	g := start(t, emulator.Options{})
	var ids []string
	for range 5 {
		ids = append(ids, g.send(tablet, launch))
	}
	for i, rec := range g.Commands() {
		if rec.Seq != i+1 || rec.CommandID != ids[i] || !rec.Taken || !rec.Answered || rec.HTTPStatus != 201 || string(rec.Body) != launch {
			t.Errorf("%+v", rec)
		}
	}
	g.Commands()[0].Body[0] = 'X'
	if g.Commands()[0].Body[0] != launch[0] {
		t.Error("the ledger's body can be changed from outside")
	}
}

func TestLedgerForgetsTheOldest(t *testing.T) {
	script := []emulator.Step{{Status: emulator.StatusCompleted, After: time.Hour}}
	for name, o := range map[string]emulator.Options{
		"by number": {MaxCommands: 3, Devices: one(script...)},
		"by size":   {MaxBytes: int64(3*len(posted) + 1), Devices: one(script...)},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, o, inTurn(), func(t *testing.T, b *inBubble) {
				for range 5 {
					b.post(t.Context(), "d", posted)
				}
				got := b.Commands()
				if len(got) != 3 || got[0].Seq != 3 || got[2].Seq != 5 {
					t.Fatalf("%+v", got)
				}
				<-time.After(2 * time.Hour)
				synctest.Wait()
				// The scripts of the forgotten ones were stopped.
				for _, ev := range b.of(emulator.EventStatus) {
					if ev.Seq < 3 {
						t.Errorf("%+v", ev)
					}
				}
				if n := len(b.of(emulator.EventPostbackDelivered)); n != 3 {
					t.Errorf("%d postbacks", n)
				}
			})
		})
	}
}

func TestForgottenCommandIsNotFound(t *testing.T) {
	g := start(t, emulator.Options{MaxCommands: 1})
	first, second := g.send(tablet, launch), g.send(tablet, launch)
	mustRefuse(t, g.get(commands(tablet)+"/"+first), 404, "itemNotFound", first)
	if a := g.get(commands(tablet) + "/" + second); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if err := g.Drive(first, emulator.Step{Status: "completed"}); err == nil {
		t.Error("a forgotten command can be driven")
	}
}

// One body that is larger than all that may be remembered is remembered alone.
func TestLedgerKeepsTheNewest(t *testing.T) {
	g := start(t, emulator.Options{MaxBytes: 10})
	id := g.send(tablet, launch)
	if a := g.get(commands(tablet) + "/" + id); a.status != http.StatusOK || len(g.Commands()) != 1 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
}

// Everything at once, for the race detector.
func TestManyClients(t *testing.T) {
	rc := receive(t)
	g := start(t, emulator.Options{MaxCommands: 40, Faults: emulator.Faults{
		Throttle: .1, ServerError: .1, PostbackLost: .1, PostbackDuplicated: .1, PostbackReordered: .3, PostbackBeforeAnswer: .1,
	}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				id, _ := g.do(http.MethodPost, commands(tablet), rc.withApp()).json["id"].(string)
				g.get(commands(tablet) + "/" + id + "/responsePayload")
				g.get("/emulator/commands")
				_ = g.Drive(id, emulator.Step{Status: emulator.StatusCustom})
				_ = g.SetScript(tablet, emulator.DefaultScript())
			}
		})
	}
	wg.Wait()
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := g.Commands(); len(got) != 40 || got[39].Seq != 80 {
		t.Fatalf("%d entries up to %d", len(got), got[len(got)-1].Seq)
	}
	for _, s := range rc.seen() {
		if !slices.Contains([]string{"sentToTarget", "executing", "completed", "custom"}, s) {
			t.Errorf("posted back %q", s)
		}
	}
}
