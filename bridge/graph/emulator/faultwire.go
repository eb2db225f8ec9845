package emulator

import "time"

type faultJSON struct {
	On         Operation `json:"on,omitempty"`
	Kind       FaultKind `json:"kind,omitempty"`
	RetryAfter duration  `json:"retryAfter,omitempty"`
	Status     int       `json:"status,omitempty"`
	Taken      bool      `json:"taken,omitempty"`
	Delay      duration  `json:"delay,omitempty"`
}

// faultsJSON is Faults with camelCase members and durations as text.
type faultsJSON struct {
	Seed                   uint64      `json:"seed"`
	DelayMin               duration    `json:"delayMin"`
	DelayMax               duration    `json:"delayMax"`
	Throttle               float64     `json:"throttle"`
	RetryAfter             duration    `json:"retryAfter"`
	ServiceUnavailable     float64     `json:"serviceUnavailable"`
	ServiceUnavailableBare float64     `json:"serviceUnavailableBare"`
	ServerError            float64     `json:"serverError"`
	AnswerLost             float64     `json:"answerLost"`
	PostbackBeforeAnswer   float64     `json:"postbackBeforeAnswer"`
	PostbackLost           float64     `json:"postbackLost"`
	PostbackDuplicated     float64     `json:"postbackDuplicated"`
	PostbackReordered      float64     `json:"postbackReordered"`
	Next                   []faultJSON `json:"next"`
}

func newFaultsJSON(f Faults) faultsJSON {
	v := faultsJSON{
		Seed: f.Seed, DelayMin: duration(f.DelayMin), DelayMax: duration(f.DelayMax),
		Throttle: f.Throttle, RetryAfter: duration(f.RetryAfter),
		ServiceUnavailable: f.ServiceUnavailable, ServiceUnavailableBare: f.ServiceUnavailableBare, ServerError: f.ServerError,
		AnswerLost: f.AnswerLost, PostbackBeforeAnswer: f.PostbackBeforeAnswer,
		PostbackLost: f.PostbackLost, PostbackDuplicated: f.PostbackDuplicated, PostbackReordered: f.PostbackReordered,
		Next: make([]faultJSON, len(f.Next)),
	}
	for i, n := range f.Next {
		v.Next[i] = faultJSON{
			On: n.On, Kind: n.Kind, RetryAfter: duration(n.RetryAfter), Status: n.Status, Taken: n.Taken, Delay: duration(n.Delay),
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
