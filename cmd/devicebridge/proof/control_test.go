package proof

import (
	"syscall"
	"testing"
	"time"

	"devicebridge/bridge/crash"
	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// TestControl is the soak's negative control. A replica is killed when Graph has
// taken its POST and nothing of that is stored. With its claim stored before, the
// command is sent once and ends; without, it is sent again, and the check must
// find it: a check that cannot fail is worth nothing.
func TestControl(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		vars    map[string]string
		faults  emulator.Faults
		doubled bool
	}{
		"claimed before it is sent": {},
		// Its postbacks would tell the bridge that it was sent: they are lost.
		"sent without a claim": {
			vars:    map[string]string{"CRASH_WITHOUT": string(crash.ClaimFirst)},
			faults:  emulator.Faults{PostbackLost: 1},
			doubled: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := within(t)
			r := newRig(t, setup{Crash: true, Vars: test.vars, Emulator: emulator.Options{Faults: test.faults, PostbackRetries: 20}})
			r.start(map[string]string{"CRASH_AT": string(crash.DispatchPosted)})
			if _, err := r.send(ctx, request("control", emulator.DefaultDevices()[0].ID, events.TypeAppService, 20*time.Second)); err != nil {
				t.Fatal(err)
			}
			if how, err := r.bridges[0].end(ctx); err != nil || how.Signal() != syscall.SIGKILL {
				t.Fatalf("the bridge should have killed itself; it ended with %v, %v", how, err)
			}
			r.start(nil)
			record, err := r.settle(ctx)
			if err != nil {
				t.Fatal(err)
			}
			books, _ := r.ledger.read()
			violations := check(books, record)
			if !test.doubled {
				report(t, books, record, violations)
				return
			}
			for _, v := range violations {
				if v.Law == doubled {
					return
				}
			}
			t.Errorf("the check found %v, not the second POST\n%s", violations, history(books, record, events.RequestCommandID("control")))
		})
	}
}
