package directory

import (
	"time"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

type faultJSON struct {
	On         Operation     `json:"on,omitempty"`
	Kind       FaultKind     `json:"kind,omitempty"`
	RetryAfter wire.Duration `json:"retryAfter,omitempty"`
	Delay      wire.Duration `json:"delay,omitempty"`
}

// faultsJSON is Faults with camelCase members and durations as text.
type faultsJSON struct {
	Chance     map[FaultKind]float64 `json:"chance"`
	RetryAfter wire.Duration         `json:"retryAfter"`
	Next       []faultJSON           `json:"next"`
}

func newFaultsJSON(f Faults) faultsJSON {
	v := faultsJSON{Chance: f.Chance, RetryAfter: wire.Duration(f.RetryAfter), Next: []faultJSON{}}
	for _, n := range f.Next {
		v.Next = append(v.Next, faultJSON{n.On, n.Kind, wire.Duration(n.RetryAfter), wire.Duration(n.Delay)})
	}
	return v
}

func (v faultsJSON) faults() Faults {
	f := Faults{Chance: v.Chance, RetryAfter: time.Duration(v.RetryAfter)}
	for _, n := range v.Next {
		f.Next = append(f.Next, Fault{n.On, n.Kind, time.Duration(n.RetryAfter), time.Duration(n.Delay)})
	}
	return f
}
