package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/events"
	"devicebridge/webhook"
)

// cliStore is a store of one record, in memory.
type cliStore struct {
	mu       sync.Mutex
	value    []byte
	revision uint64
	down     bool
}

func (s *cliStore) State(context.Context, string) ([]byte, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, 0, events.Unavailable("down")
	}
	return s.value, s.revision, nil
}

func (s *cliStore) PutState(_ context.Context, _ string, value []byte, expected uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revision != expected {
		return 0, events.ErrLost
	}
	s.value, s.revision = value, s.revision+1
	return s.revision, nil
}

// watched is a ring that a watch keeps, in a bubble.
type watched struct {
	t        *testing.T
	file     string
	keys     *webhook.Keyring
	store    *cliStore
	operator *operator
	lines    *cliLocked
	stop     func()
}

// cliLocked is a text that several may write.
type cliLocked struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *cliLocked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *cliLocked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func watchKeys(t *testing.T, file string, store *cliStore) *watched {
	t.Helper()
	keys, err := readKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{t: t, file: file, keys: keys, store: store, lines: new(cliLocked)}
	w.operator = &operator{metrics: newMetrics(build{Version: "1", Go: "go"}), health: new(health)}
	w.operator.health.start()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	watch := newKeyWatch(config{callbackKeysFile: file, StreamMaxAge: 24 * time.Hour}, keys, store, w.operator, slog.New(slog.NewTextHandler(w.lines, nil)))
	go func() {
		watch.run(ctx)
		close(ended)
	}()
	w.stop = func() {
		cancel()
		<-ended
	}
	return w
}

// after lets time pass and compares the ring and what readiness says.
func (w *watched) after(d time.Duration, ids, reason string) {
	w.t.Helper()
	<-time.After(d)
	synctest.Wait()
	if got := strings.Join(w.keys.IDs(), " "); got != ids {
		w.t.Errorf("the ring is %s, want %s", got, ids)
	}
	_, text := w.operator.health.readiness()
	if reason == "" && text != "ready\n" || !strings.Contains(text, reason) {
		w.t.Errorf("readiness says %q, want %q", text, reason)
	}
}

func key(id string) string {
	_, secret, _ := strings.Cut(webhook.NewKey(), ":")
	return id + ":" + secret
}

// TestFaultKeyRotationByFile goes through a rotation with the file that a running
// bridge has: nothing is lost in the overlap, and what would be lost is said.
func TestFaultKeyRotationByFile(t *testing.T) {
	file, k1, k2, k3 := filepath.Join(t.TempDir(), "callback-keys"), key("k1"), key("k2"), key("k3")
	cliReplace(t, file, k1+"\n")
	synctest.Test(t, func(t *testing.T) {
		store := new(cliStore)
		w := watchKeys(t, file, store)
		w.after(time.Second, "k1", "")
		command, soon := events.RequestCommandID("x"), time.Now().Add(24*time.Hour)
		old := w.keys.Token(command, soon)

		cliReplace(t, file, k2+"\n"+k1+"\n")
		w.after(reloadEvery, "k1 k2", "") // verifies at once, and signs when every replica has it
		w.after(settleTime, "k2 k1", "")
		if !w.keys.Verify(command, old, time.Now()) || !strings.HasPrefix(w.keys.Token(command, soon), "k2.") {
			t.Error("the old callback is lost in the overlap, or the newest key does not sign")
		}

		cliReplace(t, file, k3+",broken\n")
		w.after(reloadEvery, "k2 k1", "callbackKeys: callback keys in "+file+": callback key 2: is not <key id>:<base64>: the keys from before are kept")
		w.after(time.Minute, "k2 k1", "callbackKeys: ")
		if n := strings.Count(w.lines.String(), "the keys from before are kept"); n != 1 {
			t.Errorf("said %d times", n)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		w.after(reloadEvery, "k2 k1", "no such file")
		cliReplace(t, file, k2+"\n"+k1+"\n")
		w.after(reloadEvery, "k2 k1", "")

		cliReplace(t, file, k2+"\n") // too early
		w.after(reloadEvery, "k2", "callbackKeys: callbacks may come under keys that this bridge does not have (k1 until ")
		if w.keys.Verify(command, old, time.Now()) || strings.Count(w.lines.String(), "level=WARN msg=\"callbacks may come under keys") != 1 {
			t.Errorf("a removed key verifies, or its removal is not said once: %s", w.lines)
		}
		w.stop()

		// A start with the same ring knows of it too.
		w = watchKeys(t, file, store)
		w.after(time.Second, "k2", "(k1 until ")
		// Its life later there is nothing more to say.
		w.after(25*time.Hour, "k2", "")
		w.stop()
		if strings.Contains(w.lines.String()+w.operatorText(), k2[3:]) {
			t.Error("a key is shown")
		}
	})
}

func (w *watched) operatorText() string {
	_, text := w.operator.health.verbose()
	return text
}

// The order of things that may go wrong on the way.
func TestKeysThatChangeInOtherWays(t *testing.T) {
	file, k1, k2 := filepath.Join(t.TempDir(), "callback-keys"), key("k1"), key("k2")
	cliReplace(t, file, k1)
	synctest.Test(t, func(t *testing.T) {
		store := &cliStore{down: true} // NATS is away
		w := watchKeys(t, file, store)
		w.after(time.Second, "k1", "")
		cliReplace(t, file, k2)
		w.after(reloadEvery, "k2", "") // the one that signed is gone, so the new one signs at once
		store.mu.Lock()
		store.down = false
		store.mu.Unlock()
		w.after(2*reloadEvery, "k2", "")
		if store.revision == 0 {
			t.Error("it was not noted once the store was back")
		}
		cliReplace(t, file, key("k2"))
		w.after(reloadEvery, "k2", "")
		if !strings.Contains(w.lines.String(), "has other bytes than before") {
			t.Errorf("a key that changed under its id is not told: %s", w.lines)
		}
		w.stop()
	})
}

// TestTwoReplicasWithOtherBytesUnderOneID: the first that notices says so, and the
// other within a minute; it is over when they are alike again.
func TestTwoReplicasWithOtherBytesUnderOneID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(cliStore)
		key := func(id string) string {
			_, secret, _ := strings.Cut(webhook.NewKey(), ":")
			return id + ":" + secret + "\n"
		}
		// The signer is the same; that only an older key differs is found as well.
		signs, old := key("k2"), key("k1")
		first := watchKeys(t, cliFile(t, "keys", signs+old), store)
		first.after(time.Second, "k2 k1", "")
		second := watchKeys(t, cliFile(t, "keys", signs+key("k1")), store)
		const words = "callbackKeys: another replica has, or had a few minutes ago, other bytes under the key id k1 than this bridge"
		second.after(time.Second, "k2 k1", words)
		first.after(noteEvery+reloadEvery, "k2 k1", words)
		if got := strings.Count(first.lines.String(), "other bytes under the key id k1"); got != 1 {
			t.Errorf("it is told %d times: %s", got, first.lines)
		}
		cliReplace(t, second.file, signs+old)
		first.after(noteAhead+noteEvery+reloadEvery, "k2 k1", "")
		second.after(0, "k2 k1", "")
		first.stop()
		second.stop()
	})
}

func TestKeyNeeds(t *testing.T) {
	ctx, store, at := t.Context(), new(cliStore), time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	life := 24 * time.Hour
	var rings []*webhook.Keyring
	for i := range 8 {
		_, secret, _ := strings.Cut(webhook.NewKey(), ":")
		ring, err := webhook.ParseKeyring(fmt.Sprintf("k%d:%s", i, secret))
		if err != nil {
			t.Fatal(err)
		}
		rings = append(rings, ring)
	}
	var replicas sync.WaitGroup
	for i := range 8 {
		replicas.Go(func() {
			if _, err := noteKeys(ctx, store, noted{rings[i], at.Add(life), at}); err != nil {
				t.Error(err)
			}
		})
	}
	replicas.Wait()
	needs, revision, err := loadKeyNeeds(ctx, store)
	if err != nil || len(needs.Until) != 8 || revision != 8 {
		t.Fatalf("%+v at %d, %v", needs, revision, err)
	}
	if got := needs.of("never noted"); !got.Equal(at.Add(life)) {
		t.Errorf("a key from before the notes is needed until %v", got)
	}
	// The same again is not written again; a later one forgets what is needed no more.
	if _, err := noteKeys(ctx, store, noted{rings[1], at.Add(life + time.Second), at}); err != nil || store.revision != 8 {
		t.Errorf("revision %d, %v", store.revision, err)
	}
	later := at.Add(2 * life)
	needs, err = noteKeys(ctx, store, noted{rings[1], later.Add(life), later})
	if err != nil || len(needs.Until) != 1 || !needs.of("k2").Before(later) {
		t.Errorf("%+v, %v", needs, err)
	}
	if got := needs.orphans([]string{"k9"}, later); strings.Join(got, " ") != "k1" {
		t.Errorf("orphans %v", got)
	}
	store.value = []byte("{")
	if _, err := noteKeys(ctx, store, noted{rings[1], later.Add(2 * life), later}); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("%v", err)
	}
}
