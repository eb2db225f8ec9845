package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"devicebridge/deploy/bench/host"
	"devicebridge/deploy/bench/report"
)

// idleVariants is the bridge as it is started without settings: the embedded
// server, sync always.
func idleVariants() []variant {
	return []variant{{part: partIdle, name: alwaysName, measure: func(ctx context.Context, s *suite, dir string) (sample, error) {
		t := new(target)
		if err := s.startBridge(ctx, t, dir, noGraph, vars(alwaysName)); err != nil {
			return sample{}, err
		}
		defer t.stop()
		return s.idleness(ctx, t)
	}}}
}

func (s *suite) idleness(ctx context.Context, t *target) (sample, error) {
	got := sample{values: map[report.Measure]float64{ready: milliseconds(t.ready)}}
	if err := memory(t, got, memoryReady); err != nil {
		return got, err
	}
	before, err := host.CPU(t.processes...)
	if err != nil {
		return got, err
	}
	timer := time.NewTimer(s.options.idle)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return got, ctx.Err()
	}
	after, err := host.CPU(t.processes...)
	if err != nil {
		return got, err
	}
	m, err := host.MemoryOf(t.processes...)
	if err != nil {
		return got, err
	}
	file, err := os.Stat(s.binaries.bridge)
	if err != nil {
		return got, fmt.Errorf("the size of the binary: %w", err)
	}
	got.values[idleCPU] = (after - before).Seconds()
	got.values[memoryEnd], got.values[memoryAnon], got.values[memoryFile] = m.Resident/megabyte, m.Anon/megabyte, m.File/megabyte
	got.values[binarySize] = float64(file.Size()) / megabyte
	return got, nil
}
