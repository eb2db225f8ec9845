package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc; 100 a second on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// Machine is what the cores did since the machine started.
type Machine struct {
	cores map[int]coreTimes
	at    time.Time
}

// coreTimes are a core's: tasks is what processes used, busy that and interrupts.
type coreTimes struct{ tasks, busy, steal time.Duration }

// Now reads /proc/stat.
func Now() (Machine, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Machine{}, fmt.Errorf("what the cores did: %w", err)
	}
	m := Machine{cores: map[int]coreTimes{}, at: time.Now()}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		core, err := strconv.Atoi(strings.TrimPrefix(fields[0], "cpu"))
		if err != nil || len(fields) < 9 {
			continue // the sum of all, or something else
		}
		var ticks [9]int64 // user nice system idle iowait irq softirq steal, from 1
		for i := 1; i < 9; i++ {
			if ticks[i], err = strconv.ParseInt(fields[i], 10, 64); err != nil {
				return Machine{}, fmt.Errorf("what the cores did: %w", err)
			}
		}
		m.cores[core] = coreTimes{
			tasks: time.Duration(ticks[1]+ticks[2]+ticks[3]) * tick,
			busy:  time.Duration(ticks[1]+ticks[2]+ticks[3]+ticks[6]+ticks[7]) * tick,
			steal: time.Duration(ticks[8]) * tick,
		}
	}
	return m, nil
}

// Took is what went on between two looks.
type Took struct {
	Wall time.Duration
	// ServerBusy and GeneratorBusy are the shares of their cores that were in use,
	// by whomever; Steal is the share of all these cores that the host gave to
	// somebody else.
	ServerBusy, GeneratorBusy, Steal float64
	// Tasks is what all processes used of these cores.
	Tasks time.Duration
}

// Since gives what went on on c from before to m.
func (m Machine) Since(before Machine, c Cores) Took {
	t := Took{Wall: m.at.Sub(before.at)}
	cores := append([]int{c.Server}, c.Generator...)
	for i, core := range cores {
		now, then := m.cores[core], before.cores[core]
		t.Tasks += now.tasks - then.tasks
		t.Steal += (now.steal - then.steal).Seconds() / t.Wall.Seconds() / float64(len(cores))
		busy := (now.busy - then.busy).Seconds() / t.Wall.Seconds()
		if i == 0 {
			t.ServerBusy = busy
		} else {
			t.GeneratorBusy += busy / float64(len(c.Generator))
		}
	}
	return t
}
