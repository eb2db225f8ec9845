package bus

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// pace lets something be tried at once, and then after growing pauses; at once
// again after a long time without a try.
type pace struct {
	least, most time.Duration
	pause       time.Duration
	next        time.Time
}

func (p *pace) take(now time.Time) bool {
	if now.Before(p.next) {
		return false
	}
	if now.After(p.next.Add(p.most)) {
		p.pause = 0
	}
	p.pause = min(max(2*p.pause, p.least), p.most)
	p.next = now.Add(p.pause)
	return true
}

// later lets the next try wait for the least pause.
func (p *pace) later(now time.Time) { p.pause, p.next = 0, now.Add(p.least) }

func (w *watch) paces(every time.Duration) {
	for _, p := range []*pace{&w.restarts, &w.makes, &w.mends, &w.moves, &w.consumers} {
		p.least, p.most = 2*every, 64*every
	}
	w.restarts.least, w.restarts.most = every/2, 8*every // a disk that fails for a moment is the common case
	w.moves.later(time.Now())
}

// repair does what can be done about the troubles there are. It reports whether
// something was changed.
func (w *watch) repair(ctx context.Context, s sight) bool {
	if _, failed := w.now[StoreFailed]; failed {
		return w.restart(ctx, s) // nothing else would hold
	}
	switch {
	case !s.connected:
		return false
	case s.silent != "":
		w.move(ctx)
		return false // a reconnect tells of itself
	}
	w.moves.later(time.Now()) // a silence has to last: an answer may only be slow
	done := false
	if _, missing := w.now[StreamMissing]; missing && len(s.missing) > 0 && w.makes.take(time.Now()) {
		done = w.make(ctx, s.missing)
	}
	if i := slices.IndexFunc(s.differ, differing.mendable); i >= 0 && w.mends.take(time.Now()) {
		done = w.mend(ctx, s.differ) || done
	}
	if _, differs := w.now[ConsumerDiffers]; differs && !s.unseen && w.consumers.take(time.Now()) {
		done = w.mendConsumers(ctx, s.consumers) || done
	}
	return done
}

// restart starts the embedded server anew, if there is space for it. Its store is
// doubted until all that was acknowledged is found in it.
func (w *watch) restart(ctx context.Context, s sight) bool {
	d := w.b.server.doubt.Load()
	if s.lowDisk(true) || d != nil && d.damage || !w.restarts.take(time.Now()) {
		return false
	}
	begin := time.Now()
	if d == nil {
		w.b.server.distrust(w.now[StoreFailed], false)
	}
	connected := w.b.nc.StatusChanged(nats.CONNECTED)
	defer w.b.nc.RemoveStatusListener(connected)
	if err := w.b.server.Restart(ctx); err != nil {
		w.b.log.Warn("the embedded NATS server could not be started", "error", err, "next_try_in", w.restarts.pause.String())
		return false
	}
	d = w.b.server.doubt.Load()
	w.b.watched.confirmed() // what the old one did not answer says nothing of the new one
	_ = w.b.nc.ForceReconnect()
	select {
	case <-connected:
	case <-time.After(w.b.timeout):
	case <-ctx.Done():
	}
	if err := w.b.retrust(ctx, d); err != nil {
		_, damage := errors.AsType[*DamageError](err)
		w.b.server.distrust(err.Error(), damage)
		w.b.log.Error("the embedded NATS server was started anew, because its store had failed, and cannot be trusted yet", "error", err)
		return false
	}
	w.b.log.Info("the embedded NATS server was started anew, because its store had failed", "took", time.Since(begin).Round(time.Millisecond).String())
	return true
}

// make makes streams that are surely gone.
func (w *watch) make(ctx context.Context, missing []jetstream.StreamConfig) bool {
	done := false
	for _, want := range missing {
		if err := w.b.ensureStream(ctx, want); err != nil {
			w.b.log.Warn("a stream could not be made anew", "error", err, "next_try_in", w.makes.pause.String())
			continue
		}
		done = true
	}
	return done
}

// mendable reports whether something that matters differs and the server lets it
// be changed back.
func (d differing) mendable() bool {
	matter := d.matter()
	return len(matter) > 0 && !slices.ContainsFunc(matter, func(d difference) bool { return d.fixed })
}

// mend sets back what can be set back, and leaves the bounds as they are.
func (w *watch) mend(ctx context.Context, list []differing) bool {
	done := false
	for _, d := range list {
		if !d.mendable() {
			continue
		}
		config := merge(d.have, d.want)
		config.MaxBytes, config.Duplicates, config.Replicas = d.have.MaxBytes, d.have.Duplicates, d.have.Replicas
		if d.want.MaxAge != 0 {
			config.MaxAge = d.have.MaxAge
		}
		if err := w.b.update(ctx, config); err != nil {
			w.b.log.Warn("a stream could not be set back", "stream", config.Name, "error", err, "next_try_in", w.mends.pause.String())
			continue
		}
		w.b.log.Info("stream set back", "stream", config.Name, "changes", describe(d.matter()))
		done = true
	}
	return done
}

func (b *Bus) update(ctx context.Context, config jetstream.StreamConfig) error {
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	_, err := b.js.UpdateStream(ctx, config)
	return err
}

// move connects anew where a silence lasts: the connection may be dead without a
// word, or the server cut off from the others. A single server that answers, only
// not for JetStream, is kept.
func (w *watch) move(ctx context.Context) {
	if w.b.server != nil || !w.moves.take(time.Now()) {
		return
	}
	if len(w.b.nc.Servers()) < 2 && w.b.flush(ctx) == nil {
		return
	}
	if err := w.b.nc.ForceReconnect(); err != nil {
		w.b.log.Debug("reconnect", "error", err) // closed: the bridge is stopping
		return
	}
	w.b.log.Info("connecting to NATS anew, because nothing is answered", "next_try_in", w.moves.pause.String())
}
