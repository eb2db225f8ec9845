package bus_test

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"
)

// register is what a command is to those who append to it: a compare-and-set
// register that holds its latest event, the zero value before the first.
type register struct {
	sequence uint64
	writer   string
}

// registerInput is an append of writer's event onto expected, or, without a
// writer, a read.
type registerInput struct {
	command  string
	writer   string
	expected uint64
}

// commandRegisters says what appends and reads may do, for each command apart.
// The output is what a read saw, or the register with the append's own event, or
// the zero value where the append lost.
func commandRegisters() porcupine.Model {
	return porcupine.Model{
		Partition: byCommand,
		Init:      func() any { return register{} },
		Step: func(state, input, output any) (bool, any) {
			is, in, out := state.(register), input.(registerInput), output.(register)
			switch {
			case in.writer == "":
				return out == is, is
			case out == register{}:
				return in.expected != is.sequence, is
			default:
				return in.expected == is.sequence && out.sequence > is.sequence, out
			}
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v gives %+v", input, output) },
	}
}

// linearizable asks for one order of the operations that explains them all.
func linearizable(history []porcupine.Operation) bool {
	for _, part := range byCommand(history) {
		narrowed := narrow(part)
		if slices.ContainsFunc(narrowed, func(o porcupine.Operation) bool { return o.Call > o.Return }) {
			return false
		}
		if !porcupine.CheckOperations(commandRegisters(), narrowed) {
			return false
		}
	}
	return true
}

func byCommand(history []porcupine.Operation) (parts [][]porcupine.Operation) {
	at := make(map[string]int)
	for _, o := range history {
		id := o.Input.(registerInput).command
		if _, known := at[id]; !known {
			at[id] = len(parts)
			parts = append(parts, nil)
		}
		parts[at[id]] = append(parts[at[id]], o)
	}
	return parts
}

// narrow cuts the time of each append that won down to what the other operations
// leave for it: it follows every read of the event before it and every win before
// it, and precedes every read of its own event, every win after it and everybody
// who lost against it. No order is gained or lost by that; but without it the
// search, which tries operations as they were called, takes the power of two of
// the clients.
func narrow(history []porcupine.Operation) []porcupine.Operation {
	list := slices.Clone(history)
	made, onto := make(map[uint64]*porcupine.Operation), make(map[uint64]*porcupine.Operation)
	var wins []*porcupine.Operation
	for i := range list {
		o := &list[i]
		o.Call *= 2 // room for a call just after another
		if o.Return < never {
			o.Return *= 2
		}
		if won(*o) {
			made[o.Output.(register).sequence], onto[o.Input.(registerInput).expected] = o, o
			wins = append(wins, o)
		}
	}
	for _, o := range list {
		in, out := o.Input.(registerInput), o.Output.(register)
		switch {
		case in.writer == "":
			if next := onto[out.sequence]; next != nil {
				next.Call = max(next.Call, o.Call+1)
			}
			if own := made[out.sequence]; own != nil {
				own.Return = min(own.Return, o.Return)
			}
		case !won(o):
			winner, before := onto[in.expected], made[in.expected]
			if winner != nil && (before == nil && in.expected == 0 || before != nil && before.Return < o.Call) {
				winner.Return = min(winner.Return, o.Return)
			}
		}
	}
	slices.SortFunc(wins, func(a, b *porcupine.Operation) int {
		return cmp.Compare(a.Output.(register).sequence, b.Output.(register).sequence)
	})
	for i := 1; i < len(wins); i++ {
		wins[i].Call = max(wins[i].Call, wins[i-1].Call+1)
	}
	for i := len(wins) - 1; i > 0; i-- {
		wins[i-1].Return = min(wins[i-1].Return, wins[i].Return)
	}
	return list
}
