package main

import (
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/bridge/graph/signin"
	"devicebridge/events"
)

// hindered tells what keeps anything from being sent to Graph: no token, or a Graph
// that is left alone.
func hindered(s signin.Status, c graph.CircuitState) []events.Wait {
	var list []events.Wait
	if s.State != signin.Usable && s.State != signin.Starting && !s.Serves(time.Now()) {
		list = append(list, events.Wait{For: events.WaitSignIn, Reason: s.Reason})
	}
	if c.Open {
		list = append(list, events.Wait{For: events.WaitCircuitOpen, Reason: "Graph failed several times in a row (" + c.Reason + ") and is left alone", Until: utc(c.Until)})
	}
	return list
}

// waits tells what keeps this replica from sending commands; nothing where commands
// are off.
func (m *composer) waits() []events.Wait {
	if m.parts.bridge == nil {
		return nil
	}
	return m.parts.bridge.Waits("")
}

// standing is what this replica says of itself to who asks every replica.
func (m *composer) standing() events.Standing {
	s := events.Standing{Waits: m.waits()}
	if m.keys != nil {
		prints := m.keys.Prints()
		for i, id := range m.keys.IDs() {
			s.CallbackKeys = append(s.CallbackKeys, events.KeyPrint{ID: id, Print: prints[i]})
		}
	}
	return s
}
