package main

import (
	"cmp"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"devicebridge/bridge"
	"devicebridge/webhook"
)

// metrics counts what happens, by Prometheus' conventions: counters end in
// _total, times are in seconds, and no label holds an id or anything else that a
// caller can make up. Every series stands from the start, so that a rate over it
// is right at its first increase.
type metrics struct {
	registry   *prometheus.Registry
	poisoned   *prometheus.CounterVec
	unreadable prometheus.Counter
	postbacks  *prometheus.HistogramVec
	degraded   *prometheus.GaugeVec
	graph      *graphMetrics
	commands   *commandMetrics
	nats       *natsMetrics
	inventory  *inventoryMetrics
	policy     *prometheus.CounterVec
	erased     *prometheus.CounterVec
}

// newMetrics makes the metrics of one bridge, in a registry of their own.
func newMetrics(b build) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
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
		m.poisoned, m.unreadable, m.postbacks, m.degraded,
	)
	m.graph.register(m.registry)
	m.commands = newCommandMetrics(m.registry)
	m.nats = newNATSMetrics(m.registry)
	m.inventory = newInventoryMetrics(m.registry)
	m.policy = newPolicyReloads(m.registry)
	m.erased = newErased(m.registry)
	for _, c := range conditions() {
		m.degraded.WithLabelValues(c)
	}
	for _, r := range webhook.Results() {
		m.postbacks.WithLabelValues(string(r))
	}
	return m
}

// handler answers a scrape.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, MaxRequestsInFlight: 4, Timeout: adminTimeout})
}

// hooks count what the bridge does.
func (m *metrics) hooks() bridge.Hooks {
	hooks := m.commands.hooks(m.observeUnreadable)
	hooks.Erased = m.observeErased
	hooks.SendLimit = m.graph.observeSendLimit
	return hooks
}

func (m *metrics) observePostback(r webhook.Result, elapsed time.Duration) {
	m.postbacks.WithLabelValues(string(r)).Observe(elapsed.Seconds())
}

func (m *metrics) observeUnreadable() { m.unreadable.Inc() }

// consumer gives the function that counts the poisoned messages of a consumer.
func (m *metrics) consumer(durable string) func() { return m.poisoned.WithLabelValues(durable).Inc }
