package proof

import (
	"fmt"
	"strings"
	"time"

	"devicebridge/events"
)

// figures is the one line about a soak.
func figures(b books, record []event, violations []violation, c *chaos, seed uint64, took time.Duration) string {
	var receipts, queued, unknown, timedOut, sent, taken, repeats int
	for _, a := range b.Asked {
		switch {
		case a.Acknowledged && a.Queued:
			queued++
		case a.Acknowledged:
			receipts++
		}
	}
	timelines, ids := timelinesOf(record)
	for _, id := range ids {
		timeline := timelines[id]
		if timeline[len(timeline)-1].Command.State == events.StateTimedOut {
			timedOut++
		}
		for _, e := range timeline {
			if e.Kind == events.KindOf(events.StateOutcomeUnknown) {
				unknown++
			}
		}
	}
	seen := map[string]bool{}
	for _, p := range b.Postbacks {
		sent++
		if p.Status >= 200 && p.Status < 300 {
			taken++
			key := p.Command + string(p.Body)
			if seen[key] {
				repeats++
			}
			seen[key] = true
		}
	}
	broken := map[law]int{}
	for _, v := range violations {
		broken[v.Law]++
	}
	var kills, pauses, unready [2]int
	for _, v := range c.victims {
		kind := 0
		if strings.HasPrefix(v.name, "nats") {
			kind = 1
		}
		kills[kind], pauses[kind], unready[kind] = kills[kind]+v.kills, pauses[kind]+v.pauses, unready[kind]+v.unready
	}
	return fmt.Sprintf("seed %d, %s: commands %d (receipts %d, queued %d of those acknowledged), kill -9 bridge %d NATS %d, "+
		"SIGSTOP bridge %d NATS %d, starts in vain bridge %d NATS %d, POSTs %d, postbacks sent %d taken %d duplicates %d, "+
		"outcomeUnknown %d, timedOut %d, lost %d, multiplied %d, doubled %d, unclaimed %d, gaps %d, repeated %d, unreflected %d, open %d",
		seed, took.Round(time.Second), len(ids), receipts, queued, kills[0], kills[1], pauses[0], pauses[1], unready[0], unready[1],
		len(b.Posts), sent, taken, repeats, unknown, timedOut,
		broken[lost], broken[multiplied], broken[doubled], broken[unclaimed], broken[gap], broken[repeated], broken[unreflected], broken[open])
}
