package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Machine is what the cores did since the machine started.
type Machine struct {
	cores map[int]coreTimes
	at    time.Time
}

type coreTimes struct{ busy, steal time.Duration }

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
}

// Since gives what went on on c from before to m.
func (m Machine) Since(before Machine, c Cores) Took {
	t := Took{Wall: m.at.Sub(before.at)}
	of := func(core int) (busy, steal float64) {
		now, then := m.cores[core], before.cores[core]
		return (now.busy - then.busy).Seconds() / t.Wall.Seconds(), (now.steal - then.steal).Seconds() / t.Wall.Seconds()
	}
	var steal float64
	t.ServerBusy, steal = of(c.Server)
	t.Steal += steal
	for _, core := range c.Generator {
		busy, steal := of(core)
		t.GeneratorBusy += busy / float64(len(c.Generator))
		t.Steal += steal
	}
	t.Steal /= float64(1 + len(c.Generator))
	return t
}
