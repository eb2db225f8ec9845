package main

import (
	"fmt"

	"devicebridge/bridge/directory"
	"devicebridge/bridge/graph"
)

// directory adds what the directory's devices take: a Graph client of its own, and
// the endpoints.
func (m *composer) directory() error {
	c := m.c
	client, err := graph.NewDirectory(graph.Options{
		BaseURL: c.DirectoryURL, Credential: m.signIn, Scopes: c.scopes(), Transport: m.transport, Log: m.log,
		UserAgent: "devicebridge/" + version(), Observe: m.operator.metrics.graph.observe, OnCircuit: m.operator.observeDirectoryCircuit,
		Trace: m.operator.tracer.Exchange, Secrets: m.secrets,
	})
	if err != nil {
		return usageError{fmt.Errorf("BRIDGE_DIRECTORY_URL: %w", err)}
	}
	m.parts.idle = append(m.parts.idle, client.CloseIdleConnections)
	service, err := directory.New(directory.Options{
		Graph: client, Write: c.Directory == directoryWrite, MaxMessage: m.bus.MaxPayload(), Log: m.log,
	})
	if err != nil {
		return err
	}
	if c.feeds() {
		if err := m.inventory(client); err != nil {
			return err
		}
	}
	return m.parts.answer(service.Endpoints())
}
