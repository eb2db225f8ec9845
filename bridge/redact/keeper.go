package redact

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Mark stands in the place of a secret, or of a part of one.
const Mark = "[redacted]"

// numberMark stands there where Mark would make valid JSON invalid: within a number.
const numberMark = "9"

// maxKept is how many secrets are remembered at once: the bearer tokens of one
// sign-in before and after it was refreshed, with room for a few that were refused.
const maxKept = 8

// Keeper remembers the secrets that stay in use for a while. Its zero value
// remembers none. It is safe for concurrent use.
type Keeper struct {
	turn  sync.Mutex
	known atomic.Pointer[known]
}

// known is what a Keeper remembers: the secrets, the newest last, and the index of
// them all.
type known struct {
	secrets []string
	index   *index
}

// Learn remembers a secret, such as a bearer token; the oldest is forgotten for it.
// One of fewer than 8 bytes is not remembered: it would tear words apart.
func (k *Keeper) Learn(secret string) {
	before := k.known.Load()
	if len(secret) < minSecret || before != nil && slices.Contains(before.secrets, secret) {
		return
	}
	k.turn.Lock()
	defer k.turn.Unlock()
	next := []string{secret}
	if before = k.known.Load(); before != nil {
		if slices.Contains(before.secrets, secret) {
			return
		}
		next = append(slices.Clone(before.secrets[max(0, len(before.secrets)-maxKept+1):]), secret)
	}
	k.known.Store(&known{secrets: next, index: newIndex(next)})
}

// Clean returns text with Mark in the place of every secret that is remembered or
// given and of every callback token, whoever made it: whole or in part, in any
// letter case, and also where it is escaped as in JSON, a URL or HTML, broken by
// white space, or in base64. The result is text itself where nothing was found,
// and valid JSON where text is.
func (k *Keeper) Clean(text []byte, given ...string) []byte {
	spans := k.find(text, given)
	if len(spans) == 0 {
		return text
	}
	clean := replace(text, spans, Mark)
	if !json.Valid(clean) && json.Valid(text) {
		return replace(text, spans, numberMark)
	}
	return clean
}

// CleanText is Clean for a string that people read: it takes out also what follows
// the word Bearer, and what has the form of a JSON web token or of the end of a
// callback URL, though it was never told of them.
func (k *Keeper) CleanText(text string, given ...string) string {
	if spans := k.find([]byte(text), given); len(spans) > 0 {
		text = string(replace([]byte(text), spans, Mark))
	}
	return Words(text)
}

func (k *Keeper) find(text []byte, given []string) []span {
	indexes := make([]*index, 0, 2)
	if known := k.known.Load(); known != nil {
		indexes = append(indexes, known.index)
	}
	given = slices.DeleteFunc(slices.Clone(given), func(s string) bool { return len(s) < minSecret })
	if len(given) > 0 {
		indexes = append(indexes, newIndex(given))
	}
	return scan(text, indexes)
}

// CleanError returns err with a text that Clean has cleaned; err itself where
// nothing was found. What err wraps is still found in it.
func (k *Keeper) CleanError(err error, given ...string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := k.CleanText(text, given...); clean != text {
		return &cleanError{text: clean, err: err}
	}
	return err
}

// cleanError has a text of its own in the place of that of the error it wraps.
type cleanError struct {
	text string
	err  error
}

// Error returns the cleaned text.
func (e *cleanError) Error() string { return e.text }

// Unwrap returns the error as it was, for errors.Is and errors.As.
func (e *cleanError) Unwrap() error { return e.err }

// span is a part of a text: from start up to end, which is not part of it.
type span struct{ start, end int }

// replace returns text with mark in the place of each of the spans.
func replace(text []byte, spans []span, mark string) []byte {
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	var out strings.Builder
	out.Grow(len(text))
	copied := 0
	for i := 0; i < len(spans); {
		start, end := spans[i].start, spans[i].end
		for i++; i < len(spans) && spans[i].start <= end; i++ {
			end = max(end, spans[i].end)
		}
		out.Write(text[copied:start])
		out.WriteString(mark)
		copied = end
	}
	out.Write(text[copied:])
	return []byte(out.String())
}
