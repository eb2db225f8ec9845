package bus

import (
	"bytes"
	"cmp"
	"context"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"devicebridge/events"
)

// contents are the sequences that .blk files hold.
type contents struct {
	whole   [][2]uint64 // stretches, both ends included, of messages with a good checksum
	deleted []uint64
	marked  []uint64 // those of whole whose subject ends as asked
}

// readBlocks goes through every .blk file of a stream, side by side: a third of a
// second for a gigabyte that is in the page cache.
func readBlocks(ctx context.Context, dir, stream, ending string) (contents, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var found []*contents
	err := eachBlock(dir, func(name string, index uint64) error {
		c := new(contents)
		found = append(found, c)
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return readBlock(name, stream, index, func(r record) { c.take(r, []byte(ending)) })
		})
		return nil
	})
	if waited := group.Wait(); waited != nil {
		err = waited
	}
	var all contents
	for _, c := range found {
		all.whole, all.deleted, all.marked = append(all.whole, c.whole...), append(all.deleted, c.deleted...), append(all.marked, c.marked...)
	}
	slices.SortFunc(all.whole, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
	slices.Sort(all.deleted)
	return all, err
}

func (c *contents) take(r record, ending []byte) {
	if r.deleted {
		c.deleted = append(c.deleted, r.sequence)
		return
	}
	if n := len(c.whole); n > 0 && c.whole[n-1][1]+1 == r.sequence {
		c.whole[n-1][1] = r.sequence
	} else {
		c.whole = append(c.whole, [2]uint64{r.sequence, r.sequence})
	}
	if bytes.HasSuffix(r.subject, ending) {
		c.marked = append(c.marked, r.sequence)
	}
}

// earlyContents are the contents of the event stream's files as they are read while
// the server starts, which takes as long and uses one processor.
type earlyContents struct {
	stop func()
	done chan struct{}
	held contents
	err  error
}

// readEarly begins to read.
func (s *Server) readEarly() *earlyContents {
	ctx, stop := context.WithCancel(context.Background())
	e := &earlyContents{stop: stop, done: make(chan struct{})}
	stream := s.o.Subjects.EventStream()
	go func() {
		defer close(e.done)
		e.held, e.err = readBlocks(ctx, s.blocks(stream), stream, erasedEnding)
	}()
	return e
}

// end stops the reading and waits for it.
func (e *earlyContents) end() {
	e.stop()
	<-e.done
}

// erasedEnding ends the subject of the last event of an erased command.
const erasedEnding = "." + string(events.StateErased)

// contents gives what the files of a stream hold: once what was read while the server
// started, if that is of this stream, then as it is now.
func (s *Server) contents(ctx context.Context, stream string) (contents, error) {
	if e := s.early.Swap(nil); e != nil {
		<-e.done
		e.stop()
		if e.err == nil && stream == s.o.Subjects.EventStream() {
			return e.held, nil
		}
	}
	return readBlocks(ctx, s.blocks(stream), stream, erasedEnding)
}
