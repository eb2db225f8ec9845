package proof

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"devicebridge/bridge/crash"
	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// TestEraseKilled kills the bridge at each step of an erasure. It starts again on the
// holes, its sweep finishes what was begun, nothing of the command is left in a file,
// and the device is not commanded again.
func TestEraseKilled(t *testing.T) {
	t.Parallel()
	for _, at := range []string{string(crash.EraseMarked), string(crash.ErasePart) + ":1", string(crash.ErasePart) + ":3"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			ctx := within(t)
			r := newRig(t, setup{Crash: true, Emulator: emulator.Options{Devices: crashDevices()}})
			r.start(map[string]string{"CRASH_AT": at})
			const marker = "a-marker-that-nothing-else-has"
			q := request(marker, crashDevices()[0].ID, events.TypeLaunchURI, time.Minute)
			receipt, err := r.send(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			id := receipt.Command.ID
			before, err := r.ending(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if files := r.filesWith(marker); len(files) == 0 {
				t.Fatal("the marker is in no file of the store")
			}
			var reply events.EraseReply
			if err := r.client.Request(ctx, "commands.erase", events.EraseRequest{ID: id}, &reply, 0); err == nil {
				t.Fatalf("the erasure went through: %+v", reply)
			}
			if how, err := r.bridges[0].end(ctx); err != nil || how.Signal() != syscall.SIGKILL {
				t.Fatalf("the bridge should have killed itself; it ended with %v, %v", how, err)
			}
			r.start(nil)
			for len(r.filesWith(marker)) > 0 {
				if !pace(ctx, tryEvery) {
					t.Fatalf("the marker is still in %v", r.filesWith(marker))
				}
			}
			sequences, latest, err := r.left(ctx, id)
			if err != nil || len(sequences) != 1 || latest.Command.State != events.StateErased || latest.Command.Sequence != before.Sequence+1 {
				t.Errorf("of the command there is %+v at %v (%v)", latest.Command, sequences, err)
			}
			q.RequestID = marker
			if err := r.client.Request(ctx, "commands.send", q, &receipt, 0); !events.HasCode(err, events.CodeConflict) {
				t.Errorf("its request id is taken again: %v", err)
			}
			if books, _ := r.ledger.read(); len(books.Posts) != 1 {
				t.Errorf("Graph saw %d POSTs, want 1", len(books.Posts))
			}
		})
	}
}

// left gives what the stream has of a command, once the bridge answers again.
func (r *rig) left(ctx context.Context, id string) (sequences []uint64, latest events.Stored, err error) {
	for {
		if latest, err = r.client.Latest(ctx, id); err == nil {
			sequences, err = r.client.Sequences(ctx, id)
		}
		if err == nil || !pace(ctx, tryEvery) {
			return sequences, latest, err
		}
	}
}

// ending waits until a command has ended and gives its record.
func (r *rig) ending(ctx context.Context, id string) (events.Command, error) {
	for {
		var reply events.CommandReply
		err := r.client.Request(ctx, "commands.get", events.IDRequest{ID: id}, &reply, 0)
		if err == nil && reply.Command.Ended() {
			return reply.Command, nil
		}
		if !pace(ctx, tryEvery) {
			return reply.Command, fmt.Errorf("command %s is %s: %w, %w", id, reply.Command.State, ctx.Err(), err)
		}
	}
}

// filesWith gives the files of the first bridge's store that have a text.
func (r *rig) filesWith(text string) (found []string) {
	r.t.Helper()
	err := filepath.WalkDir(r.bridges[0].vars["BRIDGE_DATA_DIR"], func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // the server replaces files while it runs
		}
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(text)) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Sort(found)
	return found
}
