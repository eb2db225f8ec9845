package main

import (
	"context"
	"errors"
	"net/http"

	"devicebridge/bridge/graph"
	"devicebridge/bridge/inventory"
)

// inventory adds the feed of what changes among the directory's devices.
func (m *composer) inventory(client *graph.Directory) error {
	hooks := m.operator.metrics.inventory.hooks()
	hooks.Trouble = m.operator.observeInventory
	leftOut := hooks.LeftOut
	hooks.LeftOut = func(n int, which error) {
		leftOut(n, which)
		m.operator.observeLeftOut(which)
	}
	poller, err := inventory.New(inventory.Options{
		Source: deltaSource{client}, Feed: m.bus, Devices: m.bus, Every: m.c.InventoryEvery,
		Hooks: hooks, Log: m.log,
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
	if link != "" && !s.client.Follows(link) {
		return inventory.Page{}, &inventory.ResyncError{Err: errors.New("the cursor is of another Graph than BRIDGE_DIRECTORY_URL names now")}
	}
	page, err := s.client.Delta(ctx, link)
	if resync, ok := errors.AsType[*graph.ResyncError](err); ok {
		return inventory.Page{}, &inventory.ResyncError{Restart: resync.Restart, Err: err}
	}
	if link != "" && refused(err) {
		return inventory.Page{}, &inventory.ResyncError{Err: err}
	}
	if answer, ok := errors.AsType[*graph.Error](err); ok && answer.RetryAfter > 0 {
		return inventory.Page{}, &inventory.WaitError{Wait: answer.RetryAfter, Err: err}
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

// refused reports whether Graph calls a link bad that it gave itself. The codes of
// ResyncError are examples, say Graph's pages, and expired page tokens were seen to
// be answered with others; a feed that kept such a link would stand still for good.
// Where the fault is another, the read that begins anew meets it too.
func refused(err error) bool {
	answer, ok := errors.AsType[*graph.Error](err)
	return ok && (answer.StatusCode == http.StatusBadRequest || answer.StatusCode == http.StatusNotFound)
}
