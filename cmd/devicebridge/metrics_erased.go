package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"devicebridge/events"
)

// The parts of what is erased, as the metric has them.
const (
	erasedEvents  = "events"
	erasedObjects = "objects"
	erasedTimers  = "timers"
)

// newErased counts what erasures took away.
func newErased(r *prometheus.Registry) *prometheus.CounterVec {
	erased := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "devicebridge_erased_total",
		Help: "Events, response payloads in the object store and timers that this replica erased.",
	}, []string{"part"})
	r.MustRegister(erased)
	for _, part := range []string{erasedEvents, erasedObjects, erasedTimers} {
		erased.WithLabelValues(part)
	}
	return erased
}

func (m *metrics) observeErased(e events.Erased) {
	m.erased.WithLabelValues(erasedEvents).Add(float64(e.Events))
	m.erased.WithLabelValues(erasedObjects).Add(float64(e.Objects))
	m.erased.WithLabelValues(erasedTimers).Add(float64(e.Timers))
}
