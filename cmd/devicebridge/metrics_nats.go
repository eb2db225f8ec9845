package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"devicebridge/bridge/bus"
)

// natsMetrics count what passes between the bridge and NATS.
type natsMetrics struct {
	trouble    *prometheus.GaugeVec
	connected  prometheus.Gauge
	reconnects prometheus.Counter
	appends    *prometheus.HistogramVec
	used       *prometheus.GaugeVec
}

func newNATSMetrics(r *prometheus.Registry) *natsMetrics {
	m := &natsMetrics{
		trouble: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "devicebridge_nats_trouble",
			Help: "1 while NATS has this trouble, else 0.",
		}, []string{"trouble"}),
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "devicebridge_nats_connected",
			Help: "1 while there is a connection to NATS, else 0.",
		}),
		reconnects: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "devicebridge_nats_reconnects_total",
			Help: "Times that a lost connection to NATS was made again.",
		}),
		appends: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "devicebridge_append_duration_seconds",
			Help: "Time that an append to the event stream took, by what came of it; conflict: another event of the command was first, or may have been.",
			// One that goes without an answer is given up after several times 5 s.
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"result"}),
		// Its series stand from the first look at the streams.
		used: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "devicebridge_stream_used_ratio",
			Help: "How full a stream is, as a part of its limit. Every replica tells the same: take the greatest, not the sum.",
		}, []string{"stream"}),
	}
	r.MustRegister(m.trouble, m.connected, m.reconnects, m.appends, m.used)
	for _, t := range bus.AllTroubles() {
		m.trouble.WithLabelValues(string(t))
	}
	for _, a := range bus.AppendResults() {
		m.appends.WithLabelValues(string(a))
	}
	return m
}

func (m *natsMetrics) observeTrouble(t bus.Trouble, stands bool) {
	m.trouble.WithLabelValues(string(t)).Set(bit(stands))
}

func (m *natsMetrics) hooks() bus.Hooks {
	return bus.Hooks{
		Appended: func(r bus.AppendResult, took time.Duration) {
			m.appends.WithLabelValues(string(r)).Observe(took.Seconds())
		},
		Connected:   func(up bool) { m.connected.Set(bit(up)) },
		Reconnected: m.reconnects.Inc,
		Filled:      func(stream string, part float64) { m.used.WithLabelValues(stream).Set(part) },
	}
}

// bit gives a condition as a gauge has it.
func bit(stands bool) float64 {
	if stands {
		return 1
	}
	return 0
}
