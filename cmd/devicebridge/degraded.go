package main

import (
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/bridge/graph/signin"
)

const (
	// conditionCircuitOpen: Graph failed several times in a row and is left alone.
	conditionCircuitOpen = "circuitOpen"
	// conditionSignIn: there is no token for Graph.
	conditionSignIn = "signIn"
)

// conditions lists what degrades the bridge without keeping a postback from being
// stored.
func conditions() []string { return []string{conditionCircuitOpen, conditionSignIn} }

// degrade notes, for readiness and metrics, that a condition stands, and why in
// words for the operator. The same condition again takes the new words.
func (o *operator) degrade(condition, reason string) {
	o.health.degrade(condition, reason)
	o.metrics.degraded.WithLabelValues(condition).Set(1)
}

// recovered notes that a condition stands no more.
func (o *operator) recovered(condition string) {
	o.health.recovered(condition)
	o.metrics.degraded.WithLabelValues(condition).Set(0)
}

// observeCircuit is told by the Graph client what its circuit became.
func (o *operator) observeCircuit(s graph.CircuitState) {
	if !s.Open {
		o.metrics.graph.open.Set(0)
		o.recovered(conditionCircuitOpen)
		return
	}
	o.metrics.graph.open.Set(1)
	o.degrade(conditionCircuitOpen, "Graph failed several times in a row ("+s.Reason+"): commands wait; it is tried again from "+
		s.Until.UTC().Format(time.RFC3339)+" on, by one request at a time")
}

// observeSignIn is told how the sign-in stands.
func (o *operator) observeSignIn(s signin.Status) {
	if s.State == signin.Usable {
		o.recovered(conditionSignIn)
		return
	}
	o.degrade(conditionSignIn, s.Reason+" (commands wait, unclaimed)")
}
