package bus_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// TestPayloadFull: a full store says so, keeps no half of a payload, gives what it
// has, and takes more when there is room.
func TestPayloadFull(t *testing.T) {
	t.Parallel()
	server := embedded(t, bus.ServerOptions{Dir: t.TempDir()})
	b := connect(t, bus.Options{Server: server})
	ensure(t, b, bus.StreamOptions{MaxBytes: 10 << 20}) // a quarter for payloads: six, and a chunk
	_, js := insider(t, server)
	var stored []events.ObjectRef
	var err error
	for i := range 100 {
		var ref events.ObjectRef
		if ref, err = b.PutPayload(within(t), numbered(i), noise(3*chunk+i)); err != nil {
			break
		}
		stored = append(stored, ref)
	}
	wantCode(t, err, events.CodeUnavailable)
	if len(stored) < 3 || !strings.Contains(err.Error(), "no room") {
		t.Fatalf("after %d payloads: %v", len(stored), err)
	}
	// Three chunks and a description, then four and one.
	if n, want := messages(t, js, responseStream), uint64(5*len(stored)-1); n != want {
		t.Errorf("%d messages stay, want the %d of the stored payloads", n, want)
	}
	for i, ref := range stored {
		wantPayload(t, b, ref, noise(3*chunk+i))
	}
	if err := bucket(t, js).Delete(within(t), stored[0].Name); err != nil {
		t.Fatal(err)
	}
	wantPayload(t, b, put(t, b, noise(3*chunk)), noise(3*chunk))
}

// TestPayloadExpires: the server removes what has its age.
func TestPayloadExpires(t *testing.T) {
	t.Parallel()
	server := embedded(t, bus.ServerOptions{Dir: t.TempDir()})
	b := connect(t, bus.Options{Server: server})
	ensure(t, b, bus.StreamOptions{MaxBytes: 8 << 20, MaxAge: 3 * time.Second})
	_, js := insider(t, server)
	ref := put(t, b, noise(2*chunk))
	until(t, "an empty store", func() bool { return messages(t, js, responseStream) == 0 })
	wantGone(t, b, ref)
	put(t, b, noise(2*chunk))
}

func wantGone(t *testing.T, b *bus.Bus, ref events.ObjectRef) {
	t.Helper()
	_, err := b.Payload(within(t), ref)
	wantCode(t, err, events.CodeNotFound)
	_, _, err = b.PayloadChunk(within(t), ref, 0)
	wantCode(t, err, events.CodeNotFound)
}

// TestPayloadGone: who deletes a payload finds it deleted, and it can come again.
func TestPayloadGone(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	ref := put(t, b, noise(10))
	other := ref
	other.Bucket = "OTHER"
	wantGone(t, b, other)
	other = ref
	other.Name = "other"
	wantGone(t, b, other)
	if err := bucket(t, js).Delete(within(t), ref.Name); err != nil {
		t.Fatal(err)
	}
	wantGone(t, b, ref)
	put(t, b, noise(10))
	wantPayload(t, b, ref, noise(10))
}

// TestPayloadHoles: a piece that expired is not skipped.
func TestPayloadHoles(t *testing.T) {
	for hole := range 3 {
		b, server := start(t)
		_, js := insider(t, server)
		ref := put(t, b, noise(3*chunk))
		cursors := []uint64{0}
		for range 2 {
			_, next, err := b.PayloadChunk(within(t), ref, cursors[len(cursors)-1])
			if err != nil {
				t.Fatal(err)
			}
			cursors = append(cursors, next)
		}
		_, _, err := b.PayloadChunk(within(t), ref, cursors[2]+100)
		wantCode(t, err, events.CodeNotFound)
		stream, err := js.Stream(within(t), responseStream)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.DeleteMsg(within(t), uint64(hole+1)); err != nil { // the stream was empty
			t.Fatal(err)
		}
		for i, cursor := range cursors {
			_, _, err := b.PayloadChunk(within(t), ref, cursor)
			if gone := events.HasCode(err, events.CodeNotFound); gone != (i == hole) {
				t.Errorf("hole %d, piece %d: %v", hole, i, err)
			}
		}
		_, err = b.Payload(within(t), ref)
		wantCode(t, err, events.CodeNotFound)
	}
}

// TestPayloadOther: what is not the payload that was asked for is not given out,
// and the payload itself takes its place.
func TestPayloadOther(t *testing.T) {
	b, server := start(t)
	_, js := insider(t, server)
	ref := put(t, b, noise(chunk+1))
	t.Run("another object under the name", func(t *testing.T) {
		for _, content := range [][]byte{noise(chunk + 2), noise(chunk + 1)} {
			if _, err := bucket(t, js).PutBytes(within(t), ref.Name, content); err != nil {
				t.Fatal(err)
			}
			if _, _, err := b.PayloadChunk(within(t), ref, 0); err == nil || !strings.Contains(err.Error(), "is another one") {
				t.Errorf("a piece: %v", err)
			}
			wantPayload(t, b, put(t, b, noise(chunk+1)), noise(chunk+1))
			if n := messages(t, js, responseStream); n != 3 {
				t.Errorf("%d messages, want two chunks and a description", n)
			}
		}
	})
	t.Run("other bytes in a chunk", func(t *testing.T) {
		falsify(t, js, ref)
		if _, err := b.Payload(within(t), ref); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("the whole: %v", err)
		}
	})
}

// falsify puts another chunk in place of an object's.
func falsify(t *testing.T, js jetstream.JetStream, ref events.ObjectRef) {
	t.Helper()
	info, err := bucket(t, js).GetInfo(within(t), ref.Name)
	if err != nil {
		t.Fatal(err)
	}
	info.NUID = "falsified"
	ack, err := js.Publish(within(t), "$O."+ref.Bucket+".C."+info.NUID, []byte("not it"), jetstream.WithExpectLastSequencePerSubject(0))
	if err != nil {
		t.Fatal(err)
	}
	for key := range info.Metadata {
		info.Metadata[key] = strconv.FormatUint(ack.Sequence, 10)
	}
	data, err := json.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	subject := "$O." + ref.Bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(ref.Name))
	if _, err := js.PublishMsg(within(t), &nats.Msg{Subject: subject, Header: nats.Header{"Nats-Rollup": {"sub"}}, Data: data}); err != nil {
		t.Fatal(err)
	}
}

// TestPayloadLostAnswers takes one acknowledgement away: of a chunk, and the
// payload is not stored and leaves nothing; of the description, and it is.
func TestPayloadLostAnswers(t *testing.T) {
	t.Parallel()
	for lost, stored := range map[int32]bool{1: false, 2: false, 3: true} {
		far, near, p := separated(t)
		_, js := client(t, near.URL())
		_, err := far.Payload(within(t), events.ObjectRef{Bucket: responseBucket, Name: "none"}) // the client's subscription for answers is in place
		wantCode(t, err, events.CodeNotFound)
		var seen atomic.Int32
		p.losing(func(toServer bool, piece []byte) bool {
			return !toServer && bytes.Contains(piece, []byte(`"seq":`)) && seen.Add(1) == lost
		})
		ref, err := far.PutPayload(within(t), "name", noise(chunk+1))
		if stored {
			if err != nil {
				t.Fatalf("without the answer to the description: %v", err)
			}
			wantPayload(t, near, ref, noise(chunk+1))
			continue
		}
		wantCode(t, err, events.CodeUnavailable)
		if n := messages(t, js, responseStream); n != 0 {
			t.Errorf("without acknowledgement %d: %d messages stay", lost, n)
		}
	}
}

// TestPayloadCutOff: a bridge that is cut off, or dies, in the middle leaves chunks
// that nothing names; the repeat stores the payload.
func TestPayloadCutOff(t *testing.T) {
	t.Parallel()
	far, near, p := separated(t)
	_, js := client(t, near.URL())
	_, err := far.Payload(within(t), events.ObjectRef{Bucket: responseBucket, Name: "none"})
	wantCode(t, err, events.CodeNotFound)
	var cut atomic.Bool
	p.losing(func(toServer bool, piece []byte) bool {
		if !toServer && bytes.Contains(piece, []byte(`"seq":`)) {
			cut.Store(true)
		}
		return cut.Load()
	})
	_, err = far.PutPayload(within(t), "name", noise(chunk+1))
	wantCode(t, err, events.CodeUnavailable)
	if n := messages(t, js, responseStream); n != 1 {
		t.Errorf("%d messages stay, want the first chunk", n)
	}
	ref, err := near.PutPayload(within(t), "name", noise(chunk+1))
	if err != nil {
		t.Fatal(err)
	}
	wantPayload(t, near, ref, noise(chunk+1))
	if n := messages(t, js, responseStream); n != 4 {
		t.Errorf("%d messages, want the chunk left behind, two chunks and a description", n)
	}
}
