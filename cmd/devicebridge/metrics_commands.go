package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// commandMetrics count what becomes of commands.
type commandMetrics struct {
	events   *prometheus.CounterVec
	age      *prometheus.HistogramVec
	ended    *prometheus.CounterVec
	sends    *prometheus.CounterVec
	polls    *prometheus.CounterVec
	lateness prometheus.Histogram
	armed    prometheus.Counter
	inFlight prometheus.Gauge
	oldest   prometheus.Gauge
	swept    prometheus.Gauge
}

func newCommandMetrics(r *prometheus.Registry) *commandMetrics {
	m := &commandMetrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "devicebridge_events_total",
			Help: "Events that this replica stored.",
		}, []string{"kind"}),
		age: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "devicebridge_command_age_seconds",
			Help: "Time from a command's acceptance, or a callback's registration, to each event of it that this replica stored.",
			// From a quick device to the longest life that commands usually have.
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600},
		}, []string{"kind"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "devicebridge_commands_total",
			Help: "Commands whose end this replica stored, by terminal state and by who told of it. " +
				"One that ends by Graph's word after timedOut counts again.",
		}, []string{"outcome", "source"}),
		sends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "devicebridge_sends_total",
			Help: "POSTs of commands to Graph, by what came of them.",
		}, []string{"outcome"}),
		polls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "devicebridge_polls_total",
			Help: "Times that Graph was asked for a command's status, by what came of it.",
		}, []string{"result"}),
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "devicebridge_timer_lateness_seconds",
			Help: "Time from when a timer was due until this replica began to work on it.",
			// The server looks for due timers about once a second.
			Buckets: []float64{.1, .25, .5, 1, 2, 5, 10, 30, 60, 300, 1800},
		}),
		armed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "devicebridge_sweep_armed_total",
			Help: "Timers that were lost and that a sweep set anew.",
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "devicebridge_commands_in_flight",
			Help: "Commands of all replicas that have not ended, as this replica's last sweep (BRIDGE_SWEEP_EVERY) found. " +
				"Every replica tells the same: take the greatest, not the sum.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "devicebridge_commands_oldest_timestamp_seconds",
			Help: "When the oldest command in flight was accepted, in seconds since 1970, as the last sweep found; 0 where none is in flight.",
		}),
		swept: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "devicebridge_sweep_finished_timestamp_seconds",
			Help: "When this replica last swept to the end, in seconds since 1970; 0 before the first time.",
		}),
	}
	r.MustRegister(m.events, m.age, m.ended, m.sends, m.polls, m.lateness, m.armed, m.inFlight, m.oldest, m.swept)
	m.stand()
	return m
}

// stand makes every series.
func (m *commandMetrics) stand() {
	for _, k := range events.Kinds() {
		m.events.WithLabelValues(string(k))
		if !begins(k) {
			m.age.WithLabelValues(string(k))
		}
		for _, s := range events.Sources() {
			if ends(k) {
				m.ended.WithLabelValues(string(k), string(s))
			}
		}
	}
	for _, o := range []bridge.SendOutcome{bridge.SendTaken, bridge.SendNotTaken, bridge.SendRefused, bridge.SendUnknown} {
		m.sends.WithLabelValues(string(o))
	}
	for _, p := range []bridge.PollResult{bridge.PollAnswered, bridge.PollNotFound, bridge.PollFailed} {
		m.polls.WithLabelValues(string(p))
	}
}

// begins reports whether a command begins with the kind: it has no age then.
func begins(k events.Kind) bool {
	return k == events.KindOf(events.StateAccepted) || k == events.KindOf(events.StateRegistered)
}

func (m *commandMetrics) observeEvent(f bridge.EventFacts) {
	m.events.WithLabelValues(string(f.Kind)).Inc()
	if !begins(f.Kind) {
		m.age.WithLabelValues(string(f.Kind)).Observe(f.Age.Seconds())
	}
	if ends(f.Kind) {
		m.ended.WithLabelValues(string(f.Kind), string(f.Source)).Inc()
	}
}

func (m *commandMetrics) observeSweep(r bridge.SweepReport) {
	m.armed.Add(float64(r.Armed))
	if !r.Finished {
		return // what it did not look at may be in flight, too
	}
	oldest := 0.0
	if r.Open > 0 {
		oldest = float64(r.Oldest.Unix())
	}
	m.inFlight.Set(float64(r.Open))
	m.oldest.Set(oldest)
	m.swept.SetToCurrentTime()
}

// observeTimer counts the first delivery of a due timer. A later one comes after a
// pause that was asked for.
func (m *commandMetrics) observeTimer(d bus.Delivery) {
	if due := d.Due(); d.Delivered == 1 && !due.IsZero() {
		m.lateness.Observe(max(time.Since(due), 0).Seconds())
	}
}

func (m *commandMetrics) hooks(unreadable func()) bridge.Hooks {
	return bridge.Hooks{
		Event:      m.observeEvent,
		Sent:       func(o bridge.SendOutcome) { m.sends.WithLabelValues(string(o)).Inc() },
		Swept:      m.observeSweep,
		Unreadable: unreadable,
		Polled:     func(p bridge.PollResult) { m.polls.WithLabelValues(string(p)).Inc() },
	}
}

// ends says whether an event of this kind ends a command. An erasure comes after
// that.
func ends(k events.Kind) bool {
	return events.State(k).Terminal() && events.State(k) != events.StateErased
}
