package bus_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// chunk is the size of a piece where the server's largest message is the usual.
const chunk = 128 << 10

// noise gives n bytes that nothing else resembles, the same ones at every call.
func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(data)
	return data
}

// put stores a payload as the policy does, and checks what it is told.
func put(t *testing.T, b *bus.Bus, payload []byte) events.ObjectRef {
	t.Helper()
	sum := sha256.Sum256(payload)
	digest := hex.EncodeToString(sum[:])
	want := events.ObjectRef{Bucket: responseBucket, Name: numbered(1) + "/" + digest, Size: int64(len(payload)), SHA256: digest}
	ref, err := b.PutPayload(within(t), want.Name, payload)
	if err != nil || ref != want {
		t.Fatalf("put: %+v, %v, want %+v", ref, err, want)
	}
	return ref
}

// wantPayload reads a payload whole and in pieces.
func wantPayload(t *testing.T, b *bus.Bus, ref events.ObjectRef, want []byte) {
	t.Helper()
	if got, err := b.Payload(within(t), ref); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the whole of %s: %d bytes, %v, want %d", ref.Name, len(got), err, len(want))
	}
	var got []byte
	for after, more := uint64(0), true; more; more = after != 0 {
		var piece []byte
		var err error
		if piece, after, err = b.PayloadChunk(within(t), ref, after); err != nil {
			t.Fatal(err)
		}
		if size := base64.StdEncoding.EncodedLen(len(piece)); size == 0 || size > b.MaxPayload()*3/4 {
			t.Fatalf("a piece of %d bytes as base64, in messages of %d", size, b.MaxPayload())
		}
		got = append(got, piece...)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the pieces of %s: %d bytes that differ from the %d stored", ref.Name, len(got), len(want))
	}
}

// bucket gives the object store as the client library sees it.
func bucket(t *testing.T, js jetstream.JetStream) jetstream.ObjectStore {
	t.Helper()
	store, err := js.ObjectStore(within(t), responseBucket)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestPayload(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	for _, size := range []int{1, chunk - 1, chunk, chunk + 1, 3 * chunk, 5 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			payload := noise(size)
			ref := put(t, b, payload)
			wantPayload(t, b, ref, payload)
			// The client library checks the digest, too.
			if got, err := bucket(t, js).GetBytes(within(t), ref.Name); err != nil || !bytes.Equal(got, payload) {
				t.Errorf("by the client library: %d bytes, %v", len(got), err)
			}
			info, err := bucket(t, js).GetInfo(within(t), ref.Name)
			if err != nil || info.Size != uint64(size) || int(info.Chunks) != (size+chunk-1)/chunk {
				t.Errorf("the client library's view: %+v, %v", info, err)
			}
		})
	}
	list, err := bucket(t, js).List(within(t))
	if err != nil || len(list) != 6 {
		t.Errorf("%d objects listed, %v, want 6", len(list), err)
	}
}

func TestPayloadOfNothing(t *testing.T) {
	b, _ := start(t)
	for name, payload := range map[string]string{"": "payload", "name": ""} {
		if ref, err := b.PutPayload(within(t), name, []byte(payload)); err == nil {
			t.Errorf("%d bytes under the name %q: %+v", len(payload), name, ref)
		}
	}
}

// TestPayloadSmallMessages: where messages are small, pieces are smaller.
func TestPayloadSmallMessages(t *testing.T) {
	srv := startNATS(t, &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 64 << 10})
	b := connect(t, bus.Options{URL: srv.ClientURL()})
	ensure(t, b, small())
	payload := noise(300_000)
	wantPayload(t, b, put(t, b, payload), payload)
}

// TestPayloadRepeat: a repeat, after a crash or by another replica, stores nothing
// and gives the same.
func TestPayloadRepeat(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	payload := noise(3*chunk + 1)
	ref := put(t, b, payload)
	if n := messages(t, js, responseStream); n != 5 {
		t.Errorf("%d messages, want four chunks and a description", n)
	}
	before := lastSequence(t, js)
	if again := put(t, b, payload); again != ref {
		t.Errorf("the repeat is at %+v, the first at %+v", again, ref)
	}
	if after := lastSequence(t, js); after != before {
		t.Errorf("a repeat stored %d messages", after-before)
	}
}

// TestPayloadRepeatLate: an object that a crash left behind long ago would expire
// before the event that now names it.
func TestPayloadRepeatLate(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	payload := noise(2 * chunk)
	ref := put(t, b, payload)
	before := lastSequence(t, js)
	if again, err := b.PutPayloadAgain(within(t), ref.Name, payload, time.Nanosecond); err != nil || again != ref {
		t.Fatalf("the repeat: %+v, %v, want %+v", again, err, ref)
	}
	if n, after := messages(t, js, responseStream), lastSequence(t, js); n != 3 || after != before+3 {
		t.Errorf("%d messages up to sequence %d, want 3 new ones after %d, in place of the old", n, after, before)
	}
	wantPayload(t, b, ref, payload)
}

func TestPayloadRace(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	racePut(t, []*bus.Bus{b, b, b, b}, js)
}

// racePut lets several replicas store the same payload at once: all succeed, and
// one copy stays.
func racePut(t *testing.T, buses []*bus.Bus, js jetstream.JetStream) {
	t.Helper()
	payload := noise(4*chunk + 7)
	before := messages(t, js, responseStream)
	var racers sync.WaitGroup
	for _, b := range buses {
		racers.Go(func() {
			if _, err := b.PutPayload(within(t), "raced", payload); err != nil {
				t.Error(err)
			}
		})
	}
	racers.Wait()
	if n := messages(t, js, responseStream) - before; n != 6 {
		t.Errorf("%d messages stay, want five chunks and a description", n)
	}
	sum := sha256.Sum256(payload)
	ref := events.ObjectRef{Bucket: responseBucket, Name: "raced", Size: int64(len(payload)), SHA256: hex.EncodeToString(sum[:])}
	for _, b := range buses {
		wantPayload(t, b, ref, payload)
	}
}

// lastSequence gives the sequence of the last message ever stored in the bucket.
func lastSequence(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	stream, err := js.Stream(within(t), responseStream)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}

// TestPayloadCluster: what one replica stored, the others read at once.
func TestPayloadCluster(t *testing.T) {
	servers := cluster(t)
	options := small()
	options.Replicas = 3
	var buses []*bus.Bus
	for _, s := range servers {
		buses = append(buses, connect(t, bus.Options{URL: s.ClientURL()}))
	}
	ensure(t, buses[0], options)
	_, js := client(t, servers[1].ClientURL())
	if replicas := configOf(t, js, responseStream).Replicas; replicas != 3 {
		t.Errorf("%d replicas of the bucket, want 3", replicas)
	}
	for i := range 50 {
		payload := noise(1000 + i)
		wantPayload(t, buses[(i+1)%3], put(t, buses[i%3], payload), payload)
	}
	for _, size := range []int{chunk, 5 << 20} {
		payload := noise(size)
		ref := put(t, buses[0], payload)
		wantPayload(t, buses[2], ref, payload)
		if got, err := bucket(t, js).GetBytes(within(t), ref.Name); err != nil || !bytes.Equal(got, payload) {
			t.Errorf("by the client library: %d bytes, %v", len(got), err)
		}
	}
	racePut(t, buses, js)
}
