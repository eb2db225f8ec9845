package emulator

import (
	"time"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

type faultJSON struct {
	On         Operation     `json:"on,omitempty"`
	Kind       FaultKind     `json:"kind,omitempty"`
	RetryAfter wire.Duration `json:"retryAfter,omitempty"`
	Status     int           `json:"status,omitempty"`
	Taken      bool          `json:"taken,omitempty"`
	Delay      wire.Duration `json:"delay,omitempty"`
}

// faultsJSON is Faults with camelCase members and durations as text.
type faultsJSON struct {
	Seed                   uint64        `json:"seed"`
	DelayMin               wire.Duration `json:"delayMin"`
	DelayMax               wire.Duration `json:"delayMax"`
	Throttle               float64       `json:"throttle"`
	RetryAfter             wire.Duration `json:"retryAfter"`
	ServiceUnavailable     float64       `json:"serviceUnavailable"`
	ServiceUnavailableBare float64       `json:"serviceUnavailableBare"`
	ServerError            float64       `json:"serverError"`
	AnswerLost             float64       `json:"answerLost"`
	PostbackBeforeAnswer   float64       `json:"postbackBeforeAnswer"`
	PostbackLost           float64       `json:"postbackLost"`
	PostbackDuplicated     float64       `json:"postbackDuplicated"`
	PostbackReordered      float64       `json:"postbackReordered"`
	Next                   []faultJSON   `json:"next"`
}

func newFaultsJSON(f Faults) faultsJSON {
	v := faultsJSON{
		Seed: f.Seed, DelayMin: wire.Duration(f.DelayMin), DelayMax: wire.Duration(f.DelayMax),
		Throttle: f.Throttle, RetryAfter: wire.Duration(f.RetryAfter),
		ServiceUnavailable: f.ServiceUnavailable, ServiceUnavailableBare: f.ServiceUnavailableBare, ServerError: f.ServerError,
		AnswerLost: f.AnswerLost, PostbackBeforeAnswer: f.PostbackBeforeAnswer,
		PostbackLost: f.PostbackLost, PostbackDuplicated: f.PostbackDuplicated, PostbackReordered: f.PostbackReordered,
		Next: make([]faultJSON, len(f.Next)),
	}
	for i, n := range f.Next {
		v.Next[i] = faultJSON{
			On: n.On, Kind: n.Kind, RetryAfter: wire.Duration(n.RetryAfter), Status: n.Status, Taken: n.Taken, Delay: wire.Duration(n.Delay),
		}
	}
	return v
}

func (v faultsJSON) faults() Faults {
	f := Faults{
		Seed: v.Seed, DelayMin: time.Duration(v.DelayMin), DelayMax: time.Duration(v.DelayMax),
		Throttle: v.Throttle, RetryAfter: time.Duration(v.RetryAfter),
		ServiceUnavailable: v.ServiceUnavailable, ServiceUnavailableBare: v.ServiceUnavailableBare, ServerError: v.ServerError,
		AnswerLost: v.AnswerLost, PostbackBeforeAnswer: v.PostbackBeforeAnswer,
		PostbackLost: v.PostbackLost, PostbackDuplicated: v.PostbackDuplicated, PostbackReordered: v.PostbackReordered,
		Next: make([]Fault, len(v.Next)),
	}
	for i, n := range v.Next {
		f.Next[i] = Fault{
			On: n.On, Kind: n.Kind, RetryAfter: time.Duration(n.RetryAfter), Status: n.Status, Taken: n.Taken, Delay: time.Duration(n.Delay),
		}
	}
	return f
}
