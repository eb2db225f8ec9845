package main

import "github.com/prometheus/client_golang/prometheus"

// newPolicyReloads counts what became of changes to the policy file.
func newPolicyReloads(r *prometheus.Registry) *prometheus.CounterVec {
	reloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "devicebridge_policy_reloads_total",
		Help: "Changes of the policy file: taken, or refused because of a fault.",
	}, []string{"result"})
	r.MustRegister(reloads)
	for _, taken := range []bool{true, false} {
		reloads.WithLabelValues(reloadResult(taken))
	}
	return reloads
}

func (m *metrics) observePolicy(taken bool) { m.policy.WithLabelValues(reloadResult(taken)).Inc() }

func reloadResult(taken bool) string {
	if taken {
		return "taken"
	}
	return "refused"
}
