package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"devicebridge/deploy/bench/host"
	"devicebridge/deploy/bench/report"
	"devicebridge/webhook"
)

// suite is one run of the benchmark.
type suite struct {
	options  options
	binaries binaries
	cores    host.Cores
	keys     string
	// dir is removed at the end.
	dir    string
	stderr io.Writer
	rounds report.Rounds
}

// variant is something that is measured.
type variant struct {
	part, name string
	measure    func(ctx context.Context, s *suite, dir string) (sample, error)
}

// sample is what one round of one variant gave.
type sample struct {
	values map[report.Measure]float64
	notes  []string
}

// measure runs everything and prints the tables. What it starts and writes is gone
// when it returns.
func measure(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	cores, err := host.SplitCores()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "devicebridge-bench-")
	if err != nil {
		return fmt.Errorf("the data folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	_, _ = fmt.Fprintln(stderr, "building")
	b, err := build(ctx, dir)
	if err != nil {
		return err
	}
	s := &suite{options: o, binaries: b, cores: cores, keys: webhook.NewKey(), dir: dir, stderr: stderr}
	header, err := s.header(ctx)
	if err != nil {
		return err
	}
	if err := cores.PinSelf(); err != nil {
		return err
	}
	if err := s.all(ctx); err != nil {
		return err
	}
	if err := s.keep(header); err != nil {
		return err
	}
	return s.print(stdout, header)
}

// all runs the rounds. The order of the variants turns by one each round, so that
// none always comes after the same other.
func (s *suite) all(ctx context.Context) error {
	variants := slices.DeleteFunc(slices.Concat(postbackVariants(), commandVariants(), idleVariants()), func(v variant) bool {
		return !slices.Contains(s.options.parts, v.part) || !s.options.only.MatchString(v.name)
	})
	if len(variants) == 0 {
		return errors.New("no variant has such a name")
	}
	for number := range s.options.rounds {
		for i := range variants {
			v := variants[(i+number)%len(variants)]
			_, _ = fmt.Fprintf(s.stderr, "round %d of %d: %s: %s\n", number+1, s.options.rounds, v.part, v.name)
			if err := s.one(ctx, v, number); err != nil {
				return fmt.Errorf("%s: %s: %w", v.part, v.name, err)
			}
		}
	}
	return nil
}

func (s *suite) one(ctx context.Context, v variant, number int) (err error) {
	dir, err := os.MkdirTemp(s.dir, "round-")
	if err != nil {
		return fmt.Errorf("the data folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	before, err := host.Now()
	if err != nil {
		return err
	}
	got, err := v.measure(ctx, s, dir)
	if err != nil {
		return err
	}
	after, err := host.Now()
	if err != nil {
		return err
	}
	got.values[steal] = 100 * after.Since(before, s.cores).Steal
	s.rounds = append(s.rounds, report.Round{Part: v.part, Variant: v.name, Number: number + 1, Values: got.values, Notes: got.notes})
	return nil
}

// keep writes the raw results where that is asked for.
func (s *suite) keep(header []string) error {
	if s.options.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(map[string]any{"header": header, "rounds": s.rounds}, "", "  ")
	if err != nil {
		return fmt.Errorf("-json: %w", err)
	}
	if err := os.WriteFile(s.options.json, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("-json: %w", err)
	}
	return nil
}

// header says where and what was measured.
func (s *suite) header(ctx context.Context) ([]string, error) {
	fsync, err := host.FsyncTime(s.dir)
	if err != nil {
		return nil, err
	}
	o := s.options
	return []string{
		fmt.Sprintf("devicebridge, %s, %s", commit(ctx), time.Now().UTC().Format(time.DateTime+" UTC")),
		host.About(),
		fmt.Sprintf("core %d is the server's, %v the load generator's; 4 KiB and fsync in %s: %.2f ms (median)",
			s.cores.Server, s.cores.Generator, o.dir, fsync.Seconds()*1000),
		fmt.Sprintf("%d rounds in turn, %s warm-up, %s measured, %d connections", o.rounds, o.warm, o.measured, o.connections),
	}, nil
}
