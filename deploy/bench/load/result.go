package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are those of one run.
type Latencies struct{ histogram *hdrhistogram.Histogram }

// longest is the longest latency that is told apart.
const longest = time.Minute

func newLatencies(parts ...[]time.Duration) Latencies {
	l := Latencies{hdrhistogram.New(1, int64(longest), 3)}
	for _, part := range parts {
		for _, d := range part {
			_ = l.histogram.RecordValue(int64(max(1, min(d, longest)))) // within its bounds
		}
	}
	return l
}

// Quantile gives the latency that q of all, 0 to 1, did not exceed.
func (l Latencies) Quantile(q float64) time.Duration {
	return time.Duration(l.histogram.ValueAtQuantile(q * 100))
}

// Count gives how many there are.
func (l Latencies) Count() int { return int(l.histogram.TotalCount()) }

// Result is what came of one run.
type Result struct {
	Latencies Latencies
	// Took is the time from the first request to the last answer.
	Took time.Duration
	// RanOut says that there was nothing more to post before the time was over.
	RanOut bool
	// Behind is by how much the last request was sent after it was meant to be.
	Behind time.Duration
}

// Rate gives the answers per second.
func (r Result) Rate() float64 { return float64(r.Latencies.Count()) / r.Took.Seconds() }
