package main

import (
	"github.com/spf13/cobra"

	"devicebridge/bridge/graph/emulator"
)

// faultFlags gives a command the flags of the emulator's faults.
func faultFlags(cmd *cobra.Command, f *emulator.Faults) {
	flags := cmd.Flags()
	flags.Uint64Var(&f.Seed, "seed", 0, "seed of the faults: the same seed, the same faults")
	flags.DurationVar(&f.DelayMin, "delay-min", 0, "least delay of an answer")
	flags.DurationVar(&f.DelayMax, "delay-max", 0, "greatest delay of an answer")
	flags.DurationVar(&f.RetryAfter, "retry-after", 0, "what Retry-After says (2.128s)")
	for _, p := range []struct {
		to          *float64
		name, usage string
	}{
		{&f.Throttle, "throttle", "429 with Retry-After"},
		{&f.ServiceUnavailable, "unavailable", "503 with Retry-After"},
		{&f.ServiceUnavailableBare, "unavailable-bare", "503 without Retry-After"},
		{&f.ServerError, "server-error", "500, 502 or 504; half of the last two after the command was taken"},
		{&f.AnswerLost, "answer-lost", "the command is taken, the answer is lost"},
		{&f.PostbackBeforeAnswer, "postback-before-answer", "the first postback comes before the 201"},
		{&f.PostbackLost, "postback-lost", "a postback is lost"},
		{&f.PostbackDuplicated, "postback-duplicated", "a postback comes twice"},
		{&f.PostbackReordered, "postback-reordered", "a postback comes after the one that should follow it"},
	} {
		flags.Float64Var(p.to, p.name, 0, "probability from 0 to 1: "+p.usage)
	}
}
