package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"devicebridge/bridge/graph/signin"
)

// watchSignIn has each scrape ask how the sign-in stands.
func (m *metrics) watchSignIn(status func() signin.Status) {
	for _, state := range signin.States() {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "devicebridge_signin_state",
			Help:        "1 for the state in which the sign-in to Graph is, else 0; in all but usable nothing is sent, in unreachable not beyond the end of the present token.",
			ConstLabels: prometheus.Labels{"state": string(state)},
		}, func() float64 {
			return bit(status().State == state)
		}))
	}
	at := func(name, help string, of func(signin.Status) time.Time) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			if t := of(status()); !t.IsZero() {
				return float64(t.Unix())
			}
			return 0
		}))
	}
	at("devicebridge_signin_token_expiry_timestamp_seconds", "When the present token for Graph ends, in seconds since 1970; 0 where that is not known.",
		func(s signin.Status) time.Time { return s.TokenExpires })
	at("devicebridge_signin_refreshed_timestamp_seconds", "When a person's sign-in was last refreshed, in seconds since 1970; 0 where nobody signs in.",
		func(s signin.Status) time.Time { return s.Refreshed })
}
