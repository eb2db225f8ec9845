package main

import (
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/bridge/graph/signin"
)

const (
	// conditionCircuitOpen: Graph failed several times in a row and is left alone.
	conditionCircuitOpen = "circuitOpen"
	// conditionDirectoryCircuitOpen: the same of the directory.
	conditionDirectoryCircuitOpen = "directoryCircuitOpen"
	// conditionPaused: BRIDGE_DISPATCH is paused.
	conditionPaused = "paused"
	// conditionSignIn: there is no token for Graph.
	conditionSignIn = "signIn"
	// conditionInventory: the inventory feed cannot go on.
	conditionInventory = "inventory"
	// conditionInventoryLeftOut: the inventory feed has no event for a device.
	conditionInventoryLeftOut = "inventoryLeftOut"
	// conditionPolicy: the policy file has a fault, and the one before is in force.
	conditionPolicy = "policy"
	// conditionCallbackKeys: the file of callback keys is refused, or lacks a key
	// under which callbacks may come.
	conditionCallbackKeys = "callbackKeys"
	// conditionTLSCertificate: the certificate of the postback endpoint is refused, or
	// ends soon.
	conditionTLSCertificate = "tlsCertificate"
)

// conditions lists what degrades the bridge without keeping a postback from being
// stored.
func conditions() []string {
	return []string{
		conditionCircuitOpen, conditionDirectoryCircuitOpen, conditionPaused, conditionSignIn, conditionInventory, conditionInventoryLeftOut, conditionPolicy,
		conditionCallbackKeys,
		conditionTLSCertificate,
	}
}

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

// observeCircuit is told by the Graph client of commands what its circuit became.
func (o *operator) observeCircuit(s graph.CircuitState) {
	o.metrics.graph.observeCircuit("commands", s.Open)
	o.circuit(conditionCircuitOpen, "commands wait", s)
}

// observeDirectoryCircuit is told the same of the directory's.
func (o *operator) observeDirectoryCircuit(s graph.CircuitState) {
	o.metrics.graph.observeCircuit("directory", s.Open)
	o.circuit(conditionDirectoryCircuitOpen, "questions about the directory are refused", s)
}

func (o *operator) circuit(condition, meanwhile string, s graph.CircuitState) {
	if !s.Open {
		o.recovered(condition)
		return
	}
	o.degrade(condition, "Graph failed several times in a row ("+s.Reason+"): "+meanwhile+"; it is tried again from "+
		s.Until.UTC().Format(time.RFC3339)+" on, by one request at a time")
}

// observeSignIn is told how the sign-in stands.
func (o *operator) observeSignIn(s signin.Status) {
	if s.State == signin.Usable {
		o.recovered(conditionSignIn)
		return
	}
	meanwhile := " (nothing is asked of Graph, and commands wait, unclaimed)"
	if s.Serves(time.Now()) {
		meanwhile = " (the present token is used until it ends, at " + s.TokenExpires.UTC().Format(time.RFC3339) + ")"
	}
	o.degrade(conditionSignIn, s.Reason+meanwhile)
}

// observeInventory is told why the inventory feed cannot go on; nil: it does.
func (o *operator) observeInventory(err error) {
	if err == nil {
		o.recovered(conditionInventory)
		return
	}
	o.degrade(conditionInventory, "the inventory feed cannot go on; it tries again and loses nothing: "+err.Error())
}

// observeLeftOut is told which devices of the directory the inventory feed leaves
// out; nil: none.
func (o *operator) observeLeftOut(which error) {
	if which == nil {
		o.recovered(conditionInventoryLeftOut)
		return
	}
	o.degrade(conditionInventoryLeftOut, "the inventory feed goes on without "+which.Error())
}
