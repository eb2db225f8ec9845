package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"devicebridge/events"
	"devicebridge/webhook"
)

// settleTime is how long a key that comes into the ring only verifies before it
// signs: every replica is to know it when the first callback under it arrives, and
// Kubernetes brings a changed secret to its pods within about two minutes.
const settleTime = 3 * time.Minute

// keyWatch keeps the ring of callback keys as its file is, and notes which key
// signs. Only run touches its fields.
type keyWatch struct {
	file     string // empty where the keys come from a variable
	keys     *webhook.Keyring
	store    stateStore
	life     time.Duration // of a callback, from its signing on
	operator *operator
	log      *slog.Logger

	// wanted is the ring that the file has, fault why it is refused as it is now.
	wanted *webhook.Keyring
	fault  string
	// since has when each key of wanted came; zero for those of the start.
	since map[string]time.Time
	// replaced has when a key took other bytes under its id.
	replaced map[string]time.Time
	// signer is the print of the key that was noted last, at noted; needs are what was read then.
	signer string
	noted  time.Time
	needs  keyNeeds
	told   string
}

func newKeyWatch(c config, keys *webhook.Keyring, store stateStore, o *operator, log *slog.Logger) *keyWatch {
	w := &keyWatch{
		file: c.keysFile(), keys: keys, store: store, life: c.StreamMaxAge + webhook.Leeway, operator: o, log: log,
		wanted: new(webhook.Keyring), since: map[string]time.Time{}, replaced: map[string]time.Time{},
	}
	w.wanted.Replace(keys)
	for _, id := range keys.IDs() {
		w.since[id] = time.Time{}
	}
	return w
}

func (w *keyWatch) run(ctx context.Context) { repeatedly(ctx, reloadEvery, w.look) }

func (w *keyWatch) look(ctx context.Context) {
	now := time.Now()
	w.read(now)
	w.arrange(now)
	w.note(ctx, now)
	w.tell(now)
}

// read takes the ring of the file, or, where it has a fault, none of it.
func (w *keyWatch) read(now time.Time) {
	if w.file == "" {
		return
	}
	ring, err := readKeys(w.file)
	if err != nil {
		w.fault = err.Error() + ": the keys from before are kept"
		return
	}
	w.wanted, w.fault = ring, ""
	since := map[string]time.Time{}
	for _, id := range ring.IDs() {
		since[id] = now
		if known, there := w.since[id]; there {
			since[id] = known
		}
	}
	w.since = since
}

// arrange puts the wanted ring in use; a key that came just now does not sign yet,
// unless the one that signs is gone.
func (w *keyWatch) arrange(now time.Time) {
	ring, before := w.wanted, w.keys.IDs()
	if first := ring.IDs()[0]; now.Sub(w.since[first]) < settleTime {
		ring = ring.SigningWith(before[0])
	}
	ids, gone := ring.IDs(), w.unlike(ring, now)
	if slices.Equal(ids, before) && len(gone) == 0 {
		return
	}
	w.keys.Replace(ring)
	w.log.Info("the callback keys have changed", "keys", strings.Join(ids, " "), "signs", ids[0], "before", strings.Join(before, " "))
	for _, id := range gone {
		if slices.Contains(ids, id) {
			w.replaced[id] = now
			w.log.Warn("a callback key has other bytes than before: callbacks in flight under it are answered with 404; a new key needs a new id", "key", id)
		}
	}
}

// unlike gives the ids of the keys in use whose callbacks next does not take.
func (w *keyWatch) unlike(next *webhook.Keyring, now time.Time) []string {
	probe := events.RequestCommandID("probe")
	return slices.DeleteFunc(w.keys.IDs(), func(id string) bool {
		return next.Verify(probe, w.keys.SigningWith(id).Token(probe, now), now)
	})
}

// note has the other replicas, and later starts, know which key signs.
func (w *keyWatch) note(ctx context.Context, now time.Time) {
	signer := w.keys.Prints()[0]
	if signer == w.signer && now.Sub(w.noted) < noteEvery {
		return
	}
	needs, err := noteKeys(ctx, w.store, noted{w.keys, now.Add(noteAhead + w.life), now})
	if err != nil {
		w.log.Debug("the key that signs callbacks could not be noted; trying again", "error", err)
		return
	}
	w.signer, w.noted, w.needs = signer, now, needs
}

// tell says once, and shows as long as it stands, that the file is refused or that a
// key is missing under which callbacks may come.
func (w *keyWatch) tell(now time.Time) {
	text := cmp.Or(w.fault, w.unequal(now), w.missing(now))
	if text == "" {
		w.operator.recovered(conditionCallbackKeys)
	} else {
		w.operator.degrade(conditionCallbackKeys, text)
	}
	if text != w.told && text != "" {
		w.log.Warn(text)
	}
	w.told = text
}

// unequal says which keys other replicas have with other bytes: each answers the
// callbacks of the other with 404.
func (w *keyWatch) unequal(now time.Time) string {
	ids := w.needs.strangers(w.keys, w.replaced, now)
	if len(ids) == 0 {
		return ""
	}
	return "another replica has, or had a few minutes ago, other bytes under the key id " + strings.Join(ids, ", ") +
		" than this bridge: each answers the callbacks of the other with 404; give every replica the same BRIDGE_CALLBACK_KEYS, and a new key a new id"
}

func (w *keyWatch) missing(now time.Time) string {
	orphans := w.needs.orphans(w.keys.IDs(), now)
	words := make([]string, 0, len(orphans))
	for _, id := range orphans {
		words = append(words, fmt.Sprintf("%s until %s", id, w.needs.Until[id].UTC().Format(time.RFC3339)))
	}
	if len(words) == 0 {
		return ""
	}
	return "callbacks may come under keys that this bridge does not have (" + strings.Join(words, ", ") +
		") and are answered with 404: put the keys back behind the first; `devicebridge keys check` tells when a key can go"
}
