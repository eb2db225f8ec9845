package bus_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// intimate stands for what is personal: it is in every event of the command that is to
// be erased, and nowhere else.
const intimate = "Dear-Jim-how-are-you"

// confided stores n events of a command that all have the secret, and gives their
// sequences.
func confided(t *testing.T, b *bus.Bus, id string, n int) []uint64 {
	t.Helper()
	var list []uint64
	for i := range n {
		c := record(id, i+1)
		c.Payload, c.RequestID, c.CorrelationID = json.RawMessage(`{"text":"`+intimate+`"}`), intimate, intimate
		kind, last := events.KindOf(events.StateAccepted), uint64(0)
		if i > 0 {
			kind, last = events.KindOf(events.StateExecuting), list[i-1]
		}
		seq, err := b.Append(within(t), kind, c, last)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, seq)
	}
	return list
}

// markErased stores the event that comes before an erasure and gives its sequence.
func markErased(t *testing.T, b *bus.Bus, id string, erased []uint64) uint64 {
	t.Helper()
	now := time.Now().UTC()
	seq, err := b.Append(within(t), events.KindOf(events.StateErased), events.Command{
		ID: id, DeviceID: "device", State: events.StateErased, Terminal: true, Sequence: len(erased) + 1, CreatedAt: now, UpdatedAt: now, ExpiresAt: now,
		Erased: &events.Erasure{State: events.StateCompleted, Events: erased},
	}, erased[len(erased)-1])
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

// filesWith gives the files under dir that have some of the texts.
func filesWith(t *testing.T, dir string, texts ...[]byte) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the server replaces files while it runs
		}
		if slices.ContainsFunc(texts, func(text []byte) bool { return bytes.Contains(data, text) }) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestEraseTakesItOutOfTheFiles: no file of the store has anything of the command
// any more, neither while the server runs nor after it, and the others are as they
// were.
func TestEraseTakesItOutOfTheFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv, err := bus.StartServer(bus.ServerOptions{Listen: "127.0.0.1:0", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	b := connect(t, bus.Options{Server: srv})
	ensure(t, b, small())
	id := numbered(1)
	var list []uint64
	var others []string
	for i := range 40 {
		others = append(others, numbered(100+i))
		appended(t, b, others[i], 3)
		if i == 5 {
			list = confided(t, b, id, 4)
		}
	}
	payload := noise(3*chunk + 17)
	ref := put(t, b, payload)
	if err := b.Arm(within(t), id, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := b.Ask(within(t), id, time.Now().Add(time.Hour), 1); err != nil {
		t.Fatal(err)
	}
	other := put2(t, b, numbered(100), noise(2*chunk))
	piece := payload[chunk+100 : chunk+200]
	if found := filesWith(t, dir, []byte(intimate), piece); len(found) < 2 {
		t.Fatalf("before the erasure it is in %v only", found)
	}

	last := markErased(t, b, id, list)
	got, err := b.Erase(within(t), id, last)
	if want := (events.Erased{Events: 4, Objects: 1, Timers: 2}); err != nil || got != want {
		t.Errorf("erased %+v, %v, want %+v", got, err, want)
	}
	if found := filesWith(t, dir, []byte(intimate), piece, []byte(ref.SHA256)); len(found) > 0 {
		t.Errorf("it is still in %v", found)
	}
	if left, err := b.Sequences(within(t), id); err != nil || !slices.Equal(left, []uint64{last}) {
		t.Errorf("events at %v, %v, want %d", left, err, last)
	}
	if armed, err := b.Armed(within(t), id); armed || err != nil {
		t.Errorf("armed %t, %v", armed, err)
	}
	if _, _, err := b.PayloadChunk(within(t), ref, 0); !events.HasCode(err, events.CodeNotFound) {
		t.Errorf("the payload: %v", err)
	}
	if got, err := b.Erase(within(t), id, last); err != nil || got != (events.Erased{}) {
		t.Errorf("again: %+v, %v", got, err)
	}
	wantPayload(t, b, other, noise(2*chunk))

	if err := b.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	srv.Stop()
	if found := filesWith(t, dir, []byte(intimate), piece, []byte(ref.SHA256)); len(found) > 0 {
		t.Errorf("after the stop it is in %v", found)
	}
	srv = embedded(t, bus.ServerOptions{Dir: dir})
	b = connect(t, bus.Options{Server: srv})
	for _, other := range others {
		if latest, err := b.Latest(within(t), other); err != nil || latest.Command.Sequence != 3 {
			t.Errorf("another command is at %d, %v", latest.Command.Sequence, err)
		}
	}
	if latest, err := b.Latest(within(t), id); err != nil || latest.Sequence != last {
		t.Errorf("the erased one is at %d, %v", latest.Sequence, err)
	}
}

// put2 stores a payload of a command.
func put2(t *testing.T, b *bus.Bus, id string, payload []byte) events.ObjectRef {
	t.Helper()
	sum := sha256.Sum256(payload)
	ref, err := b.PutPayload(within(t), id+"/"+hex.EncodeToString(sum[:]), payload)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestEraseFindsEveryObject of a command, also those that no event names, and none
// of another's.
func TestEraseFindsEveryObject(t *testing.T) {
	b, srv := start(t)
	_, js := insider(t, srv)
	id := numbered(1)
	last := markErased(t, b, id, confided(t, b, id, 1))
	for i := range 3 {
		put2(t, b, id, noise(chunk+i))
	}
	kept := put2(t, b, numbered(2), noise(chunk))
	if got, err := b.Erase(within(t), id, last); err != nil || got.Objects != 3 {
		t.Errorf("erased %+v, %v", got, err)
	}
	wantPayload(t, b, kept, noise(chunk))
	list, err := bucket(t, js).List(within(t))
	if err != nil || len(list) != 1 {
		t.Errorf("%d objects are left, %v", len(list), err)
	}
	if n := messages(t, js, "OBJ_"+responseBucket); n != 2 {
		t.Errorf("%d messages are left of them, want the chunk and the description", n)
	}
}

// TestEraseWhereDeletionIsForbidden: who looks for the events before is told, so that
// no event tells of an erasure that cannot be.
func TestEraseWhereDeletionIsForbidden(t *testing.T) {
	b, srv := start(t)
	_, js := insider(t, srv)
	id := numbered(1)
	list := confided(t, b, id, 2)
	stream, err := js.Stream(within(t), eventStream)
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.DenyDelete = true
	if _, err := js.UpdateStream(within(t), config); err != nil {
		t.Fatal(err)
	}
	_, err = b.Sequences(within(t), id)
	wantCode(t, err, events.CodeConflict)
	_, err = b.Erase(within(t), id, list[1])
	wantCode(t, err, events.CodeUnavailable)
	if n := messages(t, js, eventStream); n != 2 {
		t.Errorf("%d events are left", n)
	}
}

// TestEraseWithoutAServer gives an error that says to ask again.
func TestEraseWithoutAServer(t *testing.T) {
	srv := startNATS(t, &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir()})
	b := connect(t, bus.Options{URL: srv.ClientURL(), Timeout: 200 * time.Millisecond})
	ensure(t, b, small())
	srv.Shutdown()
	srv.WaitForShutdown()
	_, err := b.Sequences(within(t), numbered(1))
	wantCode(t, err, events.CodeUnavailable)
	_, err = b.Erase(within(t), numbered(1), 7)
	wantCode(t, err, events.CodeUnavailable)
}

// TestErasedCommandsAreFound by a list and by a sweep, once each.
func TestErasedCommandsAreFound(t *testing.T) {
	b, _ := start(t)
	begin := time.Now()
	appended(t, b, numbered(2), 2)
	id := numbered(1)
	last := markErased(t, b, id, confided(t, b, id, 2))
	if _, err := b.Erase(within(t), id, last); err != nil {
		t.Fatal(err)
	}
	page, next, err := b.Newest(within(t), "", 0, 10)
	want := []events.Created{{Command: id, Sequence: last}, {Command: numbered(2), Sequence: 1}}
	if err != nil || next != 0 || !slices.Equal(page, want) {
		t.Errorf("page %v, next %d, %v, want %v", page, next, err, want)
	}
	var opened []string
	err = b.EachOpen(within(t), begin.Add(-time.Minute), func(id string, _ time.Time, _ bool) error { opened = append(opened, id); return nil })
	if err != nil || !slices.Equal(opened, []string{numbered(2), id}) {
		t.Errorf("opened %v, %v", opened, err)
	}
}

// TestEraseOnThreeServers: the stream's files are without it on every server. NATS'
// own log of the replicas' agreement has a copy until it is compacted.
func TestEraseOnThreeServers(t *testing.T) {
	t.Parallel()
	servers := cluster(t)
	b := connect(t, bus.Options{URL: servers[0].ClientURL()})
	o := small()
	o.Replicas = 3
	ensure(t, b, o)
	id := numbered(1)
	last := markErased(t, b, id, confided(t, b, id, 3))
	has := func(s *server.Server) bool {
		return slices.ContainsFunc(filesWith(t, s.StoreDir(), []byte(intimate)), func(file string) bool {
			return strings.Contains(filepath.ToSlash(file), "/streams/")
		})
	}
	for _, s := range servers {
		until(t, "the files of "+s.Name()+" have it", func() bool { return has(s) })
	}
	if got, err := b.Erase(within(t), id, last); err != nil || got.Events != 3 {
		t.Errorf("erased %+v, %v", got, err)
	}
	for _, s := range servers {
		until(t, "the files of "+s.Name()+" are without it", func() bool { return !has(s) })
	}
}

// TestWitnessKnowsWhatWasErased: holes that an erasure made are no damage, wherever
// they are and wherever it was broken off; every other hole still is.
func TestWitnessKnowsWhatWasErased(t *testing.T) {
	t.Parallel()
	store := writtenStore(t)
	file := filepath.Join(t.TempDir(), "witness.json")
	if err := witness(t, store.dir, file, false); err != nil {
		t.Fatal(err)
	}
	server := embedded(t, bus.ServerOptions{Dir: store.dir})
	b := connect(t, bus.Options{Server: server})
	for i, half := range map[int]bool{0: false, 1: true, 20: false, written - 1: true} { // the first of the stream, and its last before
		list, err := b.Sequences(within(t), numbered(i))
		if err != nil || len(list) != 3 {
			t.Fatalf("events at %v, %v", list, err)
		}
		before := markErased(t, b, numbered(i), list)
		if half {
			before = list[2]
		}
		if got, err := b.Erase(within(t), numbered(i), before); err != nil || got.Events < 2 {
			t.Errorf("erased %+v, %v", got, err)
		}
	}
	if err := b.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	for _, indexed := range []bool{true, false} {
		kept := copyOf(t, file)
		dir := store.copied(t, indexed)
		for range 2 { // as the file was before the erasures, and as it is after
			if err := witness(t, dir, kept, false); err != nil {
				t.Errorf("indexed %t: %v", indexed, err)
			}
		}
		damage(t, dir, 64, 60)
		err := witness(t, dir, kept, false)
		if found, ok := errors.AsType[*bus.DamageError](err); !ok || !slices.ContainsFunc(found.Missing, func(hole string) bool { return strings.HasPrefix(hole, "64") }) {
			t.Errorf("indexed %t: damaged at 64: %v", indexed, err)
		}
	}
	// Without the event that tells of it, a hole is a damage.
	dir := store.copied(t, true)
	server = embedded(t, bus.ServerOptions{Dir: dir})
	_, js := insider(t, server)
	stream, err := js.Stream(within(t), eventStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(within(t), stream.CachedInfo().State.LastSeq-1); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if err := witness(t, dir, copyOf(t, file), false); err == nil {
		t.Error("an erasure without its event is taken for one")
	}
}

func copyOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "witness.json")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
