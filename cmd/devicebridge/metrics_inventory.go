package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"devicebridge/bridge/inventory"
	"devicebridge/events"
)

// inventoryMetrics count what the inventory feed does.
type inventoryMetrics struct {
	events  *prometheus.CounterVec
	pages   prometheus.Counter
	resyncs prometheus.Counter
	current prometheus.Gauge
	leftOut prometheus.Gauge
}

func newInventoryMetrics(r *prometheus.Registry) *inventoryMetrics {
	m := &inventoryMetrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "devicebridge_inventory_events_total",
			Help: "Events about the directory's devices that this replica stored.",
		}, []string{"kind"}),
		pages: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "devicebridge_inventory_pages_total",
			Help: "Pages of the directory that this replica read and stored.",
		}),
		resyncs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "devicebridge_inventory_resyncs_total",
			Help: "Times that Graph had forgotten where the feed was, so that the directory was read anew.",
		}),
		current: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "devicebridge_inventory_current_timestamp_seconds",
			Help: "The time up to which the feed has told all that Graph knew, in seconds since 1970; 0 before the first.",
		}),
		leftOut: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "devicebridge_inventory_left_out_devices",
			Help: "Devices of the directory that the feed has no event for, since what Graph gave of them cannot be published.",
		}),
	}
	r.MustRegister(m.events, m.pages, m.resyncs, m.current, m.leftOut)
	for _, k := range events.InventoryKinds() {
		m.events.WithLabelValues(string(k))
	}
	return m
}

func (m *inventoryMetrics) hooks() inventory.Hooks {
	return inventory.Hooks{
		Published: func(k events.InventoryKind) { m.events.WithLabelValues(string(k)).Inc() },
		Page:      m.pages.Inc,
		Resync:    m.resyncs.Inc,
		Current:   func(t time.Time) { m.current.Set(float64(t.Unix())) },
		LeftOut:   func(n int, _ error) { m.leftOut.Set(float64(n)) },
	}
}
