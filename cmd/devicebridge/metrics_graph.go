package main

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"devicebridge/bridge/graph"
)

// graphMetrics count the HTTP requests to Graph, retries and all.
type graphMetrics struct {
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	throttled prometheus.Counter
	open      *prometheus.GaugeVec
	sendLimit prometheus.Gauge
}

func newGraphMetrics() *graphMetrics {
	m := &graphMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "devicebridge_graph_requests_total",
			Help: "HTTP requests to Graph, by the status code of the answer; none where there was no answer.",
		}, []string{"operation", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "devicebridge_graph_request_duration_seconds",
			Help: "Time from an HTTP request to Graph until its answer was read or failed.",
			// Listing devices takes seconds, and a request is given up after 30 s.
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30},
		}, []string{"operation"}),
		throttled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "devicebridge_graph_throttled_seconds_total",
			Help: "Seconds that Graph asked to be left alone, summed over its answers 429 and 503.",
		}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "devicebridge_graph_circuit_open",
			Help: "1 while this part of Graph is left alone because it failed several times in a row, else 0.",
		}, []string{"part"}),
		sendLimit: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "devicebridge_send_limit",
			Help: "How many commands may be on their way to Graph at once: BRIDGE_WORKERS, and fewer while and after Graph throttles.",
		}),
	}
	m.observeCircuit("commands", false)
	m.observeCircuit("directory", false)
	for _, operation := range slices.Concat(graph.Operations(), graph.DirectoryOperations()) {
		m.duration.WithLabelValues(operation)
		for _, code := range []int{0, 200, 201, 400, 401, 403, 404, 429, 500, 502, 503, 504} {
			m.requests.WithLabelValues(operation, codeLabel(code))
		}
	}
	return m
}

func (m *graphMetrics) register(r *prometheus.Registry) {
	r.MustRegister(m.requests, m.duration, m.throttled, m.open, m.sendLimit)
}

func (m *graphMetrics) observe(e graph.Exchange) {
	m.requests.WithLabelValues(e.Operation, codeLabel(e.StatusCode)).Inc()
	m.duration.WithLabelValues(e.Operation).Observe(e.Duration.Seconds())
	m.throttled.Add(e.Throttled.Seconds())
}

func (m *graphMetrics) observeCircuit(part string, open bool) {
	m.open.WithLabelValues(part).Set(bit(open))
}

func (m *graphMetrics) observeSendLimit(limit int) { m.sendLimit.Set(float64(limit)) }

// codeLabel gives a status code as a label. Whatever is in the place of Graph
// cannot make many series with codes that nobody knows.
func codeLabel(code int) string {
	switch {
	case code == 0:
		return "none"
	case http.StatusText(code) == "":
		return "other"
	default:
		return strconv.Itoa(code)
	}
}
