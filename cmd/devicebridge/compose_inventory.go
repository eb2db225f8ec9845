package main

import (
	"context"
	"errors"

	"devicebridge/bridge/graph"
	"devicebridge/bridge/inventory"
)

// inventory adds the feed of what changes among the directory's devices.
func (m *composer) inventory(client *graph.Directory) error {
	poller, err := inventory.New(inventory.Options{
		Source: deltaSource{client}, Feed: m.bus, Devices: m.bus, Every: m.c.InventoryEvery,
		Hooks: m.operator.metrics.inventory.hooks(), Log: m.log,
	})
	if err != nil {
		return err
	}
	m.parts.run(poller.Run)
	return nil
}

// deltaSource gives the feed what the Graph client reads.
type deltaSource struct{ client *graph.Directory }

// Delta implements inventory.Source.
func (s deltaSource) Delta(ctx context.Context, link string) (inventory.Page, error) {
	page, err := s.client.Delta(ctx, link)
	if resync, ok := errors.AsType[*graph.ResyncError](err); ok {
		return inventory.Page{}, &inventory.ResyncError{Restart: resync.Restart, Err: err}
	}
	if err != nil {
		return inventory.Page{}, err
	}
	changes := make([]inventory.Change, len(page.Changes))
	for i, c := range page.Changes {
		changes[i] = inventory.Change(c)
	}
	return inventory.Page{Changes: changes, Next: page.NextLink, Link: page.DeltaLink}, nil
}
