package proof

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/events"
)

// kindCounts counts the events of a kind without reading them: by what is pending
// for a consumer that never asks for any.
type kindCounts map[events.State]jetstream.Consumer

func newKindCounts(ctx context.Context, t testing.TB, r *rig, states ...events.State) kindCounts {
	t.Helper()
	c := kindCounts{}
	for _, s := range states {
		consumer, err := r.js.CreateConsumer(ctx, r.subjects.EventStream(), jetstream.ConsumerConfig{
			FilterSubject: r.subjects.KindFilter(events.KindOf(s), ""), AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		c[s] = consumer
	}
	return c
}

func (c kindCounts) now(ctx context.Context, t testing.TB, s events.State) int {
	t.Helper()
	info, err := c[s].Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.NumPending)
}

// await waits until there are n events of the kind.
func (c kindCounts) await(ctx context.Context, t testing.TB, s events.State, n int) {
	t.Helper()
	for {
		have := c.now(ctx, t, s)
		if have >= n {
			return
		}
		if !pace(ctx, 250*time.Millisecond) {
			t.Fatalf("%d commands of %d became %s: %v", have, n, s, ctx.Err())
		}
	}
}

// memory reads a size that Linux gives in the status of a process, in MiB.
func memory(t testing.TB, pid int, field string) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib / 1024
		}
	}
	t.Fatalf("process %d has no %s", pid, field)
	return 0
}
