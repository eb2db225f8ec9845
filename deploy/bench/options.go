package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The parts of a run.
const (
	partPostback = "postback"
	partCommand  = "command"
	partIdle     = "idle"
)

type options struct {
	rounds      int
	measured    time.Duration
	warm        time.Duration
	idle        time.Duration
	connections int
	rate        float64
	only        *regexp.Regexp
	parts       []string
	json        string
	dir         string
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	var only, part string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.rounds, "rounds", 5, "how often each variant is run")
	f.DurationVar(&o.measured, "for", 4*time.Second, "how long each measurement takes")
	f.DurationVar(&o.warm, "warm", time.Second, "how long load runs before it is measured")
	f.DurationVar(&o.idle, "idle", 10*time.Second, "how long idleness is measured")
	f.IntVar(&o.connections, "conns", 64, "how many postbacks, or commands, are under way at once")
	f.Float64Var(&o.rate, "rate", 500, "the constant rate, in postbacks a second; half of what the closed loop gave is the other")
	f.StringVar(&only, "only", "", "run the variants whose name matches this expression only")
	f.StringVar(&part, "part", "all", "postback, command, idle or all")
	f.StringVar(&o.json, "json", "", "write the results of each round to this file")
	f.StringVar(&o.dir, "dir", os.TempDir(), "where data folders are made: the disk that is measured")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.only, err = regexp.Compile(only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	all := []string{partPostback, partCommand, partIdle}
	if o.parts = []string{part}; part == "all" {
		o.parts = all
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unknown arguments %q", f.Args())
	case !slices.Contains(all, o.parts[0]):
		return o, fmt.Errorf("-part is one of %s and all", strings.Join(all, ", "))
	case o.rounds < 1 || o.connections < 1 || o.measured <= 0 || o.warm <= 0 || o.idle <= 0 || o.rate <= 0:
		return o, errors.New("-rounds, -for, -warm, -idle, -conns and -rate are more than 0")
	}
	return o, nil
}
