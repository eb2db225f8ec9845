package main

import (
	"cmp"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/events"
	"devicebridge/webhook"
)

// metrics counts what happens, by Prometheus' conventions: counters end in
// _total, times are in seconds, and no label holds an id or anything else that a
// caller can make up. Every series stands from the start, so that a rate over it
// is right at its first increase.
type metrics struct {
	registry   *prometheus.Registry
	trouble    *prometheus.GaugeVec
	poisoned   *prometheus.CounterVec
	unreadable prometheus.Counter
	postbacks  *prometheus.HistogramVec
	events     *prometheus.CounterVec
	sends      *prometheus.CounterVec
	armed      prometheus.Counter
	degraded   *prometheus.GaugeVec
	graph      *graphMetrics
	inventory  *inventoryMetrics
	policy     *prometheus.CounterVec
}

// newMetrics makes the metrics of one bridge, in a registry of their own.
func newMetrics(b build) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		trouble: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "devicebridge_nats_trouble",
			Help: "1 while NATS has this trouble, else 0.",
		}, []string{"trouble"}),
		poisoned: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "devicebridge_poisoned_messages_total",
			Help: "Deliveries whose handling broke down; their messages were set aside.",
		}, []string{"consumer"}),
		unreadable: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "devicebridge_unreadable_events_total",
			Help: "Stored events that were met and cannot be read; their commands are left alone.",
		}),
		postbacks: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "devicebridge_postback_duration_seconds",
			Help: "Time from a postback's header to its answer, by what came of it.",
			// What is usual is a millisecond or two; the answer is due within 8 s.
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"result"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "devicebridge_events_total",
			Help: "Events that this replica stored.",
		}, []string{"kind"}),
		sends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "devicebridge_sends_total",
			Help: "POSTs of commands to Graph, by what came of them.",
		}, []string{"outcome"}),
		armed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "devicebridge_sweep_armed_total",
			Help: "Timers that were lost and that a sweep set anew.",
		}),
		degraded: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "devicebridge_degraded",
			Help: "1 while this keeps the bridge from doing all of its work, though postbacks are stored; else 0.",
		}, []string{"condition"}),
		graph: newGraphMetrics(),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "devicebridge_build_info",
		Help: "1, with what this binary was made of.",
		ConstLabels: prometheus.Labels{
			"version": b.Version, "revision": cmp.Or(b.Commit, "unknown"), "goversion": b.Go, "natsserver": cmp.Or(b.NATS, "unknown"),
		},
	})
	info.Set(1)
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), info,
		m.trouble, m.poisoned, m.unreadable, m.postbacks, m.events, m.sends, m.armed, m.degraded,
	)
	m.graph.register(m.registry)
	m.inventory = newInventoryMetrics(m.registry)
	m.policy = newPolicyReloads(m.registry)
	for _, t := range bus.AllTroubles() {
		m.trouble.WithLabelValues(string(t))
	}
	for _, c := range conditions() {
		m.degraded.WithLabelValues(c)
	}
	for _, r := range webhook.Results() {
		m.postbacks.WithLabelValues(string(r))
	}
	for _, k := range events.Kinds() {
		m.events.WithLabelValues(string(k))
	}
	for _, o := range []bridge.SendOutcome{bridge.SendTaken, bridge.SendNotTaken, bridge.SendRefused, bridge.SendUnknown} {
		m.sends.WithLabelValues(string(o))
	}
	return m
}

// handler answers a scrape.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, MaxRequestsInFlight: 4, Timeout: adminTimeout})
}

// hooks count what the bridge does.
func (m *metrics) hooks() bridge.Hooks {
	return bridge.Hooks{
		Event:      func(k events.Kind) { m.events.WithLabelValues(string(k)).Inc() },
		Sent:       func(o bridge.SendOutcome) { m.sends.WithLabelValues(string(o)).Inc() },
		Swept:      func(r bridge.SweepReport) { m.armed.Add(float64(r.Armed)) },
		Unreadable: m.observeUnreadable,
	}
}

func (m *metrics) observePostback(r webhook.Result, elapsed time.Duration) {
	m.postbacks.WithLabelValues(string(r)).Observe(elapsed.Seconds())
}

func (m *metrics) observeTrouble(t bus.Trouble, stands bool) {
	value := 0.0
	if stands {
		value = 1
	}
	m.trouble.WithLabelValues(string(t)).Set(value)
}

func (m *metrics) observeUnreadable() { m.unreadable.Inc() }

// consumer gives the function that counts the poisoned messages of a consumer.
func (m *metrics) consumer(durable string) func() { return m.poisoned.WithLabelValues(durable).Inc }
