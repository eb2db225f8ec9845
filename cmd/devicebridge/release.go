package main

import (
	"context"
	"runtime/debug"
	heap "runtime/metrics"
	"time"
)

const (
	// releaseEvery is how often memory that is needed no more is looked for, and
	// releaseFrom how much of it, in bytes, is worth a collection. Who took more than
	// releaseBusy since the last look will take it again.
	releaseEvery = 30 * time.Second
	releaseFrom  = 32 << 20
	releaseBusy  = 128 << 20
)

// releasing gives memory back to the system until ctx ends: what a start, a sweep or a
// burst took and need no more, which can be more than what stays. The runtime would
// keep most of it for garbage to come, and a sidecar is there for its neighbour.
func releasing(ctx context.Context) {
	tick := time.NewTicker(releaseEvery)
	defer tick.Stop()
	_, before := heapUse()
	for {
		select {
		case <-tick.C:
			spare, taken := heapUse()
			if spare >= releaseFrom && taken-before <= releaseBusy {
				debug.FreeOSMemory()
			}
			before = taken
		case <-ctx.Done():
			return
		}
	}
}

// heapUse gives how much of the heap is free and not given back, or garbage as far
// as it was live at the last collection, and how much was ever taken, in bytes.
func heapUse() (spare, taken uint64) {
	samples := []heap.Sample{
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
	}
	heap.Read(samples)
	free, objects, live := samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()
	return free + max(objects, live) - live, samples[3].Value.Uint64()
}
