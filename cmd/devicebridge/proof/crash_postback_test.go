package proof

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// TestPostbackThenKill kills the bridge right after it answered a postback with
// 2xx, and starts it again on what is left of its files: on all of them, on none,
// on a copy from before the postback. The check must find what those lost.
func TestPostbackThenKill(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		// meddle makes dir, the data directory, something else; before is a copy of it
		// from before the postback.
		meddle func(dir, before string) error
		want   []law
	}{
		"all is kept": {},
		"all is gone": {
			meddle: func(dir, _ string) error { return os.RemoveAll(dir) },
			want:   []law{lost, lost, unclaimed, unreflected},
		},
		"the postback is gone": {
			meddle: func(dir, before string) error {
				if err := os.RemoveAll(dir); err != nil {
					return err
				}
				return os.Rename(before, dir)
			},
			want: []law{unreflected},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := within(t)
			dir, before := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "before")
			r := newRig(t, setup{Vars: map[string]string{"BRIDGE_DATA_DIR": dir}, Emulator: emulator.Options{Devices: crashDevices()}})
			bridge := r.bridges[0]
			r.start(nil)
			sent, err := r.send(ctx, request("sent", silentDevice, events.TypeLaunchURI, crashLife))
			if err != nil {
				t.Fatal(err)
			}
			if err := r.reached(ctx, sent.Command.ID, events.KindOf(events.StateRequesting)); err != nil {
				t.Fatal(err)
			}
			receipt, err := r.callback(ctx, "minted", crashLife)
			if err != nil {
				t.Fatal(err)
			}
			bridge.kill()
			if err := os.CopyFS(before, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			r.start(nil)
			if err := tell(ctx, receipt.CallbackURL, emulator.StatusCompleted); err != nil {
				t.Fatal(err)
			}
			bridge.kill()
			if test.meddle != nil {
				if err := test.meddle(dir, before); err != nil {
					t.Fatal(err)
				}
			}
			r.start(nil)
			if !slices.Contains(test.want, lost) { // else it would be waited for
				if err := r.ended(ctx); err != nil {
					t.Fatal(err)
				}
			}
			record, err := r.record(ctx)
			if err != nil {
				t.Fatal(err)
			}
			books, _ := r.ledger.read()
			violations := check(books, record)
			var found []law
			for _, v := range violations {
				found = append(found, v.Law)
			}
			if !slices.Equal(found, test.want) {
				report(t, books, record, violations)
				t.Errorf("the check found %v, want %v", found, test.want)
			}
		})
	}
}

// callback has a callback minted for a command that somebody else sends.
func (r *rig) callback(ctx context.Context, requestID string, expiresIn time.Duration) (events.Receipt, error) {
	acknowledge := r.ledger.ask(asked{})
	q := events.CallbackRequest{RequestID: requestID, DeviceID: promptDevice, ExpiresIn: expiresIn.String()}
	for {
		var receipt events.Receipt
		err := r.client.Request(ctx, "callbacks.create", q, &receipt, 0)
		if err == nil {
			acknowledge(receipt.Command.ID)
			return receipt, nil
		}
		if !pace(ctx, tryEvery) {
			return receipt, fmt.Errorf("callback %s: %w", requestID, err)
		}
	}
}

// tell posts a status to a callback, and fails unless it is answered with 2xx.
func tell(ctx context.Context, callback, status string) error {
	body := fmt.Sprintf(`{"id":"somebody-elses","status":%q}`, status)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, callback, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("postback: %w", err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("a postback of %s was answered with %s", status, answer.Status)
	}
	return nil
}
