package proof

import (
	"flag"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator"
)

var (
	storedEvents = flag.Int("stored.events", 1_000_000, "how many events BenchmarkStored puts into the stream of commands that have ended")
	storedOpen   = flag.Int("stored.open", 100_000, "how many commands are under way in the sweep it measures")
	storedKeep   = flag.String("stored.keep", "", "a directory in which the filled store is kept and taken from the next time")
	storedAsks   = flag.Int("stored.asks", 1500, "how often each request is made")
)

// BenchmarkStored holds a bridge with many stored events against one with none:
// what its start, its memory and its requests cost.
//
//	go test ./cmd/devicebridge/proof -run '^$' -bench Stored -benchtime 1x -timeout 30m
//
// Both bridges run at the same time and are asked by turns, so that what else the
// machine does meets both. The files come from the page cache: no start reads a
// cold disk.
func BenchmarkStored(b *testing.B) {
	b.ReportMetric(0, "ns/op") // what took how long is below
	for range b.N {
		storedRun(b)
	}
}

// storedStarts is how often each is started in each way.
const storedStarts = 3

func storedRun(b *testing.B) {
	empty, full := newStored(b), newStored(b)
	full.fill(b, *storedEvents)
	b.Logf("the store has %.0f bytes for each event", float64(full.bytes(b))/float64(*storedEvents))
	for _, s := range []*stored{empty, full} {
		s.measureStarts(b)
	}
	first := [2]float64{empty.resident(b), full.resident(b)}
	empty.swept(b)
	b.ReportMetric(full.swept(b).Seconds(), "s-sweep-ended")
	pace(b.Context(), 30*time.Second)
	perEvent := func(full, empty float64) float64 { return (full - empty) * (1 << 20) / float64(*storedEvents) }
	b.ReportMetric(empty.resident(b), "MiB-empty")
	b.ReportMetric(full.resident(b), "MiB-full")
	b.ReportMetric(perEvent(first[1], first[0]), "B/event-at-ready")
	b.ReportMetric(perEvent(full.resident(b), empty.resident(b)), "B/event-30s")
	compare(b, empty, full)
	b.ReportMetric(memory(b, full.pid(), "VmHWM"), "MiB-full-peak")
	b.ReportMetric(perEvent(full.resident(b), empty.resident(b)), "B/event-asked")
	full.measureSweep(b, *storedOpen)
}

// stored is a bridge with the embedded server and a data directory of its own.
type stored struct {
	*rig
	name  string
	admin string
	begun time.Time // of the last start
	ready time.Time
}

func newStored(b *testing.B) *stored {
	b.Helper()
	s := &stored{admin: freeAddress(b), name: "empty"}
	s.rig = newRig(b, setup{
		Vars: map[string]string{
			"BRIDGE_NATS_SYNC": "interval", "BRIDGE_ADMIN_ADDR": s.admin, "BRIDGE_SWEEP_EVERY": "1h", "BRIDGE_POLL_FIRST": "24h", "BRIDGE_POLL_MAX": "24h",
			"BRIDGE_STREAM_MAX_BYTES": strconv.Itoa(storedMaxBytes), "BRIDGE_POSTBACK_RATE": "1000000", "BRIDGE_ADDRESS_RATE": "1000000",
		},
		Emulator: emulator.Options{Devices: crashDevices()},
	})
	return s
}

func (s *stored) pid() int { return s.bridges[0].current().cmd.Process.Pid }

func (s *stored) resident(b *testing.B) float64 { return memory(b, s.pid(), "VmRSS") }

// boot starts the bridge and gives the time until /readyz says that it is ready.
func (s *stored) boot(b *testing.B) time.Duration {
	b.Helper()
	s.begun = time.Now()
	if err := s.bridges[0].launch(nil); err != nil {
		b.Fatal(err)
	}
	s.awaitReady(b)
	s.ready = time.Now()
	took := s.ready.Sub(s.begun)
	if s.client == nil {
		s.connect(within(b))
	}
	s.awaitAnswer(b)
	return took
}

// measureStarts starts the bridge after clean stops and after kills, and leaves
// it running. Something is stored before each kill, or the files would be as at a
// clean stop.
func (s *stored) measureStarts(b *testing.B) {
	b.Helper()
	var clean, killed samples
	s.boot(b)
	for range storedStarts {
		s.stop(within(b))
		clean = append(clean, s.boot(b))
	}
	for range storedStarts {
		s.postback(b)
		s.bridges[0].kill()
		if how, err := s.bridges[0].end(within(b)); err != nil || how.Signal() != syscall.SIGKILL {
			b.Fatalf("the kill: %v, %v", how, err)
		}
		killed = append(killed, s.boot(b))
	}
	s.stop(within(b))
	s.boot(b)
	b.ReportMetric(clean.p50().Seconds()*1000, "ms-ready-"+s.name)
	b.ReportMetric(killed.p50().Seconds()*1000, "ms-ready-killed-"+s.name)
}

// measureSweep has a sweep find many commands under way, and asks for postbacks
// while it goes on.
func (s *stored) measureSweep(b *testing.B, open int) {
	b.Helper()
	s.stop(within(b))
	s.fillOpen(b, open)
	s.boot(b)
	var during samples
	for !s.hasSwept(b) {
		for range 20 {
			during = append(during, s.postback(b))
		}
	}
	b.ReportMetric(time.Since(s.ready).Seconds(), "s-sweep-open")
	b.ReportMetric(during.p50().Seconds()*1e6, "us-postback-in-sweep")
	b.ReportMetric(during.at(99).Seconds()*1e6, "us-postback-in-sweep-p99")
	var after samples
	for range *storedAsks {
		after = append(after, s.postback(b))
	}
	b.ReportMetric(after.p50().Seconds()*1e6, "us-postback-after-sweep")
	pace(b.Context(), 30*time.Second)
	b.ReportMetric(s.resident(b), "MiB-open-30s")
}

// bytes gives the size of the files of the event stream.
func (s *stored) bytes(b *testing.B) (total int64) {
	b.Helper()
	for _, name := range s.blocks(b) {
		info, err := os.Stat(name)
		if err != nil {
			b.Fatal(err)
		}
		total += info.Size()
	}
	return total
}
