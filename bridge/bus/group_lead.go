package bus

import "context"

// lead stores a batch for all in it and gives what came of the first, who leads. Where
// the server refuses it, nothing is stored: the rest goes at once without the one that
// it was refused for, and if that is not known, or is not enough, each goes alone.
func (g *group) lead(ctx context.Context, batch []*entry) (uint64, error) {
	first := batch[0]
	var alone []*entry
	for tries := 0; len(batch) > 0; tries++ {
		sequence, err := g.to.together(batch)
		if err == nil {
			g.stored(batch, sequence)
			break
		}
		command, refused := g.to.culprit(err)
		if !refused {
			g.tell(batch, result{err: err})
			break
		}
		rest, culprit := apart(batch, command)
		if culprit == nil || tries > 0 || len(rest) < 2 {
			alone = append(alone, batch...)
			break
		}
		batch, alone = rest, append(alone, culprit)
	}
	g.release(alone)
	// The leader is told like everybody.
	last := <-first.turn
	if last.result != nil {
		return last.result.sequence, last.result.err
	}
	return g.goAlone(ctx, first)
}

// stored tells those of a batch their sequences.
func (g *group) stored(batch []*entry, first uint64) {
	sequences := make(map[string]uint64, len(batch))
	for i, e := range batch {
		sequence := first + uint64(i)
		sequences[e.command] = sequence
		e.turn <- turn{result: &result{sequence: sequence}}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.overtake(sequences)
}

func (g *group) tell(batch []*entry, r result) {
	for _, e := range batch {
		e.turn <- turn{result: &r}
	}
}

// release ends the batch and lets go alone what could not go in it.
func (g *group) release(alone []*entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.batched = false
	for _, e := range alone {
		if e.gone {
			continue
		}
		g.depart(e)
		e.turn <- turn{}
	}
	g.proceed()
}

// apart gives a batch without the entry of a command, and that entry.
func apart(batch []*entry, command string) (rest []*entry, culprit *entry) {
	for _, e := range batch {
		if e.command == command {
			culprit = e
		} else {
			rest = append(rest, e)
		}
	}
	return rest, culprit
}
