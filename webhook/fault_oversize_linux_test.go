//go:build !race

package webhook_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"devicebridge/webhook"
)

// TestFaultOversizeAndDepth sends more than a gigabyte of bodies, 64 at once: announced
// and chunked ones of 10 MiB, and some at the limit that nest without end. Each is
// refused, and the process never holds more than a small part of them. It is left out
// under the race detector, whose own memory is many times that of the program.
func TestFaultOversizeAndDepth(t *testing.T) {
	const at, bound = 64, 400 << 20
	never := &sink{}
	address := listen(t, server(t, webhook.Options{
		Sink: never, BodyMemory: 8 << 20, Rate: 1e6, Burst: 1e6, RequestTimeout: 5 * time.Minute, WriteTimeout: 6 * time.Minute, // a slow machine is no fault
	}).Handler())
	deep := []byte(strings.Repeat(`{"value":[`, 1<<20/10))
	types := []byte(`{"status":[` + strings.Repeat(`{"a":null},`, 95_000) + `0]}`)
	huge := bytes.Repeat([]byte(" "), 10<<20)
	forgetPeak(t)
	before := peak(t)
	var senders sync.WaitGroup
	for i := range at {
		senders.Go(func() {
			for _, c := range []struct {
				body    []byte
				chunked bool
				want    int
			}{{huge, false, 413}, {huge, true, 413}, {deep, false, 400}, {types, true, 400}} {
				if c.want == http.StatusBadRequest && i%8 != 0 {
					continue // what is read and refused takes its time
				}
				var body io.Reader = bytes.NewReader(c.body)
				if c.chunked {
					body = io.MultiReader(body)
				}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path(t), body)
				if err != nil {
					t.Error(err)
					return
				}
				// A refused sender may be cut off while it still sends.
				if got, err := roundTrip(tcp(address), r); err == nil && got.status != c.want {
					t.Errorf("%d bytes, chunked %v: %d, want %d", len(c.body), c.chunked, got.status, c.want)
				}
			}
		})
	}
	senders.Wait()
	t.Logf("from %d to %d MiB", before>>20, peak(t)>>20)
	if after := peak(t); after > before+bound {
		t.Errorf("the process grew from %d to %d MiB", before>>20, after>>20)
	}
	if len(never.told()) != 0 {
		t.Errorf("the sink was told %v", never.told())
	}
}

// forgetPeak has the kernel measure the peak of the memory anew.
func forgetPeak(t *testing.T) {
	t.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Skipf("the peak of the memory cannot be measured here: %v", err)
	}
}

// peak gives the most resident memory of the process since then, in bytes.
func peak(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(after + " -")[0])
	if err != nil {
		t.Fatalf("no VmHWM in %s", text)
	}
	return kib << 10
}
