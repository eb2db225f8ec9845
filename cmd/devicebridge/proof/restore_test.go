package proof

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// TestRestore follows the README's restore procedure. A backup is made while
// commands wait for Graph; they are sent after it; then the backup takes the
// store's place, in which they are still to be sent. With the quarantine none is
// sent twice. Without it each is: the check would see it.
func TestRestore(t *testing.T) {
	t.Parallel()
	for name, quarantined := range map[string]bool{"with the quarantine": true, "without it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := within(t)
			r := newRig(t, setup{Emulator: emulator.Options{
				StepDelay: -1, Faults: emulator.Faults{Throttle: 1, RetryAfter: time.Second, PostbackLost: 1},
			}})
			data := r.bridges[0].vars["BRIDGE_DATA_DIR"]
			r.start(nil)
			const commands = 12
			for i := range commands {
				q := request(fmt.Sprint("restored-", i), emulator.DefaultDevices()[0].ID, events.TypeLaunchURI, 25*time.Second)
				if _, err := r.send(ctx, q); err != nil {
					t.Fatal(err)
				}
			}
			r.until(ctx, events.StateDeferred, 1)
			r.stop(ctx)
			kept := t.TempDir()
			if err := os.CopyFS(kept, os.DirFS(data)); err != nil {
				t.Fatal(err)
			}

			if err := r.graph.SetFaults(emulator.Faults{PostbackLost: 1}); err != nil {
				t.Fatal(err)
			}
			r.start(nil)
			r.until(ctx, events.StateCompleted, commands)
			r.stop(ctx)

			if err := errors.Join(os.RemoveAll(data), os.CopyFS(data, os.DirFS(kept))); err != nil {
				t.Fatal(err)
			}
			if quarantined {
				r.start(map[string]string{"BRIDGE_DISPATCH": "paused"})
				out := r.run(ctx, "quarantine", "--before", "now")
				if want := fmt.Sprintf("quarantined %d of %d commands", commands, commands); !strings.HasPrefix(out, want) {
					t.Errorf("it says %q, want %q", out, want)
				}
				r.stop(ctx)
			}
			r.start(nil)
			record, err := r.settle(ctx)
			if err != nil {
				t.Fatal(err)
			}
			books, _ := r.ledger.read()
			twice := slices.DeleteFunc(check(books, record), func(v violation) bool { return v.Law != doubled })
			if quarantined && len(twice) > 0 {
				t.Errorf("sent twice: %v", twice)
			}
			if !quarantined && len(twice) == 0 {
				t.Error("nothing is sent twice without the quarantine: the check sees nothing")
			}
		})
	}
}

// until waits until so many commands have reached a state.
func (r *rig) until(ctx context.Context, state events.State, commands int) {
	r.t.Helper()
	reached := map[string]bool{}
	err := r.follow(ctx, func(e event) (bool, error) {
		if e.Command.State == state {
			reached[e.Command.ID] = true
		}
		return len(reached) < commands, nil
	})
	if err != nil {
		r.t.Fatalf("%d of %d commands are %s: %v", len(reached), commands, state, err)
	}
}

// stop ends the replicas in order.
func (r *rig) stop(ctx context.Context) {
	r.t.Helper()
	for _, b := range r.bridges {
		if err := b.signal(syscall.SIGTERM); err != nil {
			r.t.Fatal(err)
		}
		if how, err := b.end(ctx); err != nil || how.ExitStatus() != 0 {
			r.t.Fatalf("%s ended with %v, %v", b.name, how, err)
		}
	}
}

// run runs a client subcommand and gives what it prints.
func (r *rig) run(ctx context.Context, args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(ctx, r.bridges[0].path, args...)
	cmd.Env = []string{"NATS_URL=" + r.natsURL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
