package proof

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

const (
	// waitLife is how long a command may take.
	waitLife = 12 * time.Second
	// waitPause is how long Graph asks to be left alone.
	waitPause = 6 * time.Second
)

// newTimerRig is one bridge on one NATS server of its own, where a client may do
// anything.
func newTimerRig(t *testing.T, sweepEvery string) *rig {
	t.Helper()
	path, err := natsServer()
	if err != nil {
		t.Fatal(err)
	}
	dir, address := t.TempDir(), freeAddress(t)
	config := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, "listen: %q\njetstream { store_dir: %q }\n", address, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	server := newProgram(t, program{name: "nats", path: path, args: []string{"-c", config}, ready: "Server is ready"})
	if err := server.start(within(t), nil); err != nil {
		t.Fatal(err)
	}
	url := "nats://" + address
	r := newRig(t, setup{
		Vars: map[string]string{
			"NATS_URL": url, "BRIDGE_CALLBACK_KEYS": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
			// A claim that is left stands for 35 s.
			"BRIDGE_GRAPH_POST_TIMEOUT": "5s", "BRIDGE_POLL_FIRST": "3s", "BRIDGE_SWEEP_EVERY": sweepEvery,
		},
		Emulator: emulator.Options{Devices: crashDevices(), StepDelay: 50 * time.Millisecond},
	})
	r.nats, r.natsURL = []*program{server}, url
	return r
}

func noFaults() emulator.Faults { return emulator.Faults{} }

// everyWait brings a command into each kind of wait that ends by a timer, and
// gives the kind of the latest event of each. claimed adds one that is being
// sent, for as long as a POST may take.
func (r *rig) everyWait(ctx context.Context, claimed bool) (map[string]events.Kind, error) {
	waiting := map[string]events.Kind{}
	receipt, err := r.callback(ctx, "registered", waitLife)
	if err != nil {
		return nil, err
	}
	waiting[receipt.Command.ID] = events.KindOf(events.StateRegistered)

	// Until the timers are deleted nobody gives the response payload.
	noPayload := slices.Repeat([]emulator.Fault{{On: emulator.OpResponse, Kind: emulator.FaultNotFound}}, 200)
	steps := []struct {
		marker, device string
		typ            events.Type
		fault          emulator.Fault
		kind           events.State
	}{
		{"outcomeUnknown", silentDevice, events.TypeLaunchURI, emulator.Fault{Kind: emulator.FaultAnswerLost}, events.StateOutcomeUnknown},
		{"polled", silentDevice, events.TypeAppService, emulator.Fault{}, events.StateRequesting},
		{"payload", promptDevice, events.TypeAppService, emulator.Fault{}, events.StateCompleted},
		{"claimed", silentDevice, events.TypeLaunchURI, emulator.Fault{Delay: time.Minute}, events.StateSending},
		{"deferred", promptDevice, events.TypeLaunchURI, emulator.Fault{Kind: emulator.FaultThrottle, RetryAfter: waitPause}, events.StateDeferred},
		{"throttled", promptDevice, events.TypeAppService, emulator.Fault{}, events.StateAccepted},
	}
	for _, s := range steps {
		if s.marker == "claimed" && !claimed {
			continue
		}
		if err := r.graph.SetFaults(emulator.Faults{Next: append(slices.Clone(noPayload), s.fault)}); err != nil {
			return nil, err
		}
		receipt, err := r.send(ctx, request(s.marker, s.device, s.typ, waitLife))
		if err != nil {
			return nil, err
		}
		kind := events.KindOf(s.kind)
		if err := r.reached(ctx, receipt.Command.ID, kind); err != nil {
			return nil, err
		}
		// A claim is stored before its POST leaves, which must meet its own fault and
		// not the next command's.
		if s.kind == events.StateSending {
			if err := r.taken(ctx, s.marker); err != nil {
				return nil, err
			}
		}
		waiting[receipt.Command.ID] = kind
	}
	return waiting, nil
}

// taken waits until Graph has taken the command with a marker.
func (r *rig) taken(ctx context.Context, marker string) error {
	for !slices.ContainsFunc(r.graph.Commands(), func(c emulator.Received) bool {
		return c.Taken && strings.Contains(string(c.Body), `"`+marker+`"`)
	}) {
		if !pace(ctx, 50*time.Millisecond) {
			return fmt.Errorf("Graph did not take command %s: %w", marker, ctx.Err())
		}
	}
	return nil
}

// reached waits for an event of a command.
func (r *rig) reached(ctx context.Context, command string, kind events.Kind) error {
	err := r.follow(ctx, func(e event) (bool, error) { return e.Command.ID != command || e.Kind != kind, nil })
	if err != nil {
		return fmt.Errorf("command %s did not become %s: %w", command, kind, err)
	}
	return nil
}
