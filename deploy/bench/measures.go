package main

import (
	"context"
	"time"

	"devicebridge/deploy/bench/host"
	"devicebridge/deploy/bench/report"
)

// What is measured. Times are in milliseconds, memory in MB, shares in percent.
const (
	ready         report.Measure = "ready"
	rate          report.Measure = "rate"
	cpuPer1000    report.Measure = "cpuSecondsPer1000"
	p50           report.Measure = "p50"
	p99           report.Measure = "p99"
	doneP50       report.Measure = "doneP50"
	doneP99       report.Measure = "doneP99"
	fixedP50      report.Measure = "fixedP50"
	fixedP99      report.Measure = "fixedP99"
	halfP50       report.Measure = "halfP50"
	halfP99       report.Measure = "halfP99"
	memoryReady   report.Measure = "memoryReady"
	memoryEnd     report.Measure = "memoryEnd"
	memoryAnon    report.Measure = "memoryAnon"
	memoryFile    report.Measure = "memoryFile"
	idleCPU       report.Measure = "idleCPUSeconds"
	binarySize    report.Measure = "binarySize"
	serverBusy    report.Measure = "serverBusy"
	generatorBusy report.Measure = "generatorBusy"
	generator     report.Measure = "generator"
	others        report.Measure = "others"
	steal         report.Measure = "steal"
)

const megabyte = 1e6

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// watched runs load and notes what it cost: the target's CPU time for 1,000 of
// what load says it did, how busy the cores were, and what neither the target nor
// the generator used of them.
func (s *suite) watched(ctx context.Context, t *target, got sample, load func(context.Context) (done int, err error)) error {
	begin, err := s.look(t)
	if err != nil {
		return err
	}
	done, err := load(ctx)
	if err != nil {
		return err
	}
	end, err := s.look(t)
	if err != nil {
		return err
	}
	took := end.machine.Since(begin.machine, s.cores)
	used := end.target - begin.target
	got.values[cpuPer1000] = used.Seconds() / float64(done) * 1000
	got.values[serverBusy], got.values[generatorBusy] = 100*took.ServerBusy, 100*took.GeneratorBusy
	own, cores := end.own-begin.own, len(s.cores.Generator)
	got.values[generator] = 100 * own.Seconds() / (took.Wall * time.Duration(cores)).Seconds()
	got.values[others] = 100 * max(0, (took.Tasks-used-own).Seconds()/(took.Wall*time.Duration(cores+1)).Seconds())
	return nil
}

// seen is what one look gives.
type seen struct {
	machine     host.Machine
	target, own time.Duration
}

func (s *suite) look(t *target) (seen, error) {
	target, err := host.CPU(t.processes...)
	if err != nil {
		return seen{}, err
	}
	own, err := host.Own()
	if err != nil {
		return seen{}, err
	}
	machine, err := host.Now()
	return seen{machine, target, own}, err
}

// memory notes what the target holds.
func memory(t *target, got sample, to report.Measure) error {
	m, err := host.MemoryOf(t.processes...)
	got.values[to] = m.Resident / megabyte
	return err
}
