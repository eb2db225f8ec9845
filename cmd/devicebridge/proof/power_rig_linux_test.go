package proof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/cmd/devicebridge/proof/lossy"
	"devicebridge/events"
)

const (
	// powerCallers are as many as make appends go to the disk in groups.
	powerCallers = 40
	// powerLife is how long a command may take that Graph does not end.
	powerLife = 20 * time.Second
	// powerPace is the longest pause of a caller.
	powerPace = 300 * time.Millisecond
)

// powered is a rig whose one bridge has its data directory on a disk that forgets
// what was not synced.
type powered struct {
	*rig
	disk    *lossy.Disk
	rng     *rand.Rand
	dir     string
	unmount func() error
	// cuts of the power, and faults: times in which the disk failed.
	cuts, faults int
}

func newPowered(t *testing.T, seed uint64, vars map[string]string) *powered {
	t.Helper()
	p := &powered{disk: lossy.New(seed), rng: rand.New(rand.NewPCG(seed, 7)), dir: t.TempDir()}
	p.mount(t)
	t.Cleanup(func() { _ = p.unmount() }) // after the bridge was killed
	all := map[string]string{"BRIDGE_DATA_DIR": filepath.Join(p.dir, "data")}
	for name, value := range vars {
		all[name] = value
	}
	p.rig = newRig(t, setup{Vars: all, Emulator: emulator.Options{
		Devices: crashDevices(), InlineResponse: true, StepDelay: 30 * time.Millisecond, MaxCommands: 1_000_000,
		PostbackRetries: 200, PostbackBackoff: 200 * time.Millisecond,
	}})
	return p
}

func (p *powered) mount(t testing.TB) {
	t.Helper()
	var err error
	if p.unmount, err = p.disk.Mount(p.dir); err != nil {
		t.Fatalf("mount: %v", err)
	}
}

// cut kills the bridge and cuts the power.
func (p *powered) cut() {
	p.t.Helper()
	p.bridges[0].kill()
	if err := p.unmount(); err != nil {
		p.t.Fatalf("unmount: %v", err)
	}
	p.disk.Cut()
	p.cuts++
	p.mount(p.t)
}

// powerFaultKinds are the ways in which the disk fails, in the order in which they come.
func powerFaultKinds() []lossy.Fault {
	return []lossy.Fault{
		{Sync: syscall.EIO},
		{Sync: syscall.ENOSPC},
		{Write: syscall.EIO},
		{Sync: syscall.EIO, Read: syscall.EIO},
		{Write: syscall.EROFS},
		{Sync: syscall.EIO, Write: syscall.EIO, Read: syscall.EIO},
		{Write: syscall.ENOSPC},
	}
}

// breakDisk has the disk fail in the next way.
func (p *powered) breakDisk() {
	kinds := powerFaultKinds()
	p.disk.Fail(kinds[p.faults%len(kinds)])
	p.faults++
}

// failFor has the disk fail for about a second, and at least once.
func (p *powered) failFor(ctx context.Context) {
	p.t.Helper()
	before := p.disk.Figures().Failed
	p.breakDisk()
	pace(ctx, 300*time.Millisecond+time.Duration(p.rng.Int64N(int64(1200*time.Millisecond))))
	for p.disk.Figures().Failed == before && pace(ctx, 10*time.Millisecond) {
	}
	p.disk.Fail(lossy.Fault{})
}

// receipts counts the requests that were acknowledged.
func (p *powered) receipts() int {
	books, _ := p.ledger.read()
	count := 0
	for _, a := range books.Asked {
		if a.Acknowledged {
			count++
		}
	}
	return count
}

// more waits until n further requests are acknowledged.
func (p *powered) more(ctx context.Context, n int) {
	p.t.Helper()
	for want := p.receipts() + n; p.receipts() < want; {
		if !pace(ctx, 5*time.Millisecond) {
			p.t.Fatalf("no %d further receipts: %v", n, ctx.Err())
		}
	}
}

// load asks for commands until asking ends, and then until each has its receipt.
// Three quarters of the callers use the service, the others the queue.
func (p *powered) load(ctx, asking context.Context, seed uint64) *errgroup.Group {
	group, ctx := errgroup.WithContext(ctx)
	devices := []string{promptDevice, promptDevice, retryDevice, silentDevice}
	for i := range powerCallers {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		group.Go(func() error {
			for n := 1; asking.Err() == nil; n++ {
				typ := []events.Type{events.TypeLaunchURI, events.TypeAppService}[n%2]
				marker := fmt.Sprintf("caller-%d-%d", i, n)
				q := request(marker, devices[rng.IntN(len(devices))], typ, powerLife)
				if i%4 == 3 {
					_ = p.enqueue(ctx, q) // without an acknowledgement it is left alone
				} else if _, err := p.send(ctx, q); err != nil {
					return err
				}
				pace(asking, time.Duration(rng.Int64N(int64(powerPace))))
				// Not more than can be sent, on however slow a machine.
				for end := time.Now().Add(powerLife); !p.ledger.wasSent(marker) && time.Now().Before(end) && pace(asking, tryEvery); {
				}
			}
			return nil
		})
	}
	return group
}

// line is the line of figures.
func (p *powered) line(seed uint64, b books, record []event, violations []violation, took time.Duration) string {
	broken := map[law]int{}
	for _, v := range violations {
		broken[v.Law]++
	}
	taken := 0
	for _, b := range b.Postbacks {
		if b.Status >= 200 && b.Status < 300 {
			taken++
		}
	}
	f := p.disk.Figures()
	var laws strings.Builder
	for _, l := range []law{lost, multiplied, doubled, unclaimed, gap, repeated, unreflected, open} {
		_, _ = fmt.Fprintf(&laws, ", %s %d", l, broken[l])
	}
	return fmt.Sprintf("seed %d, %s: power cuts %d, times with a failing disk %d; syncs %d, failures %d, of pages %d dropped by failed syncs, %d lost and %d torn by the cuts; "+
		"%s, of the postbacks taken %d, receipts %d%s",
		seed, took.Round(time.Second), p.cuts, p.faults, f.Syncs, f.Failed, f.Dropped, f.Lost, f.Torn, summary(b, record), taken, p.receipts(), laws.String())
}
