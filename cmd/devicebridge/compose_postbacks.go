package main

import (
	"devicebridge/webhook"
)

// postbacks gives the postback endpoint, and adds what keeps its keys and its
// certificate as their files are.
func (m *composer) postbacks(keys *webhook.Keyring, sink webhook.Sink, prefix string) (*webhook.Server, error) {
	certificate, err := newServerTLS(m.c, m.operator, m.log)
	if err != nil {
		return nil, err
	}
	if certificate != nil {
		m.parts.run(done(certificate.run))
	}
	m.parts.run(done(newKeyWatch(m.c, keys, m.bus, m.operator, m.log).run))
	o, err := m.c.doors(certificate)
	if err != nil {
		return nil, err
	}
	o.Keys, o.Sink, o.PathPrefix, o.DrainTimeout, o.Log = keys, sink, prefix, m.operator.stop.work(), m.log
	o.Secrets = m.secrets
	o.Observe, o.Trace = m.operator.metrics.observePostback, m.operator.tracer.Postback
	return webhook.New(o)
}
