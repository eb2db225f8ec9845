package proof

import (
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// asked is one request as its caller knows it.
type asked struct {
	// Marker is in the payload of the request and of no other; empty for a callback
	// that was only minted. Ids could hide a double, a marker cannot.
	Marker string
	// Command is the id in the receipt; empty without one, and for a queued request.
	Command string
	// Acknowledged: a receipt was given, or JetStream's acknowledgement of a queued
	// request.
	Acknowledged bool
	Queued       bool
}

// post is one POST of a command that Graph saw.
type post struct {
	At      time.Time
	Marker  string
	Command string // from the callback URL
	// Status is what Graph answered; 0 when the answer was lost, or is not given yet.
	Status     int
	RetryAfter bool // the answer carried it
}

// refused says that Graph promised not to have taken it.
func (p post) refused() bool {
	return p.Status == 401 || p.Status == 429 || p.Status == 503 && p.RetryAfter
}

// postback is one attempt to deliver a postback to one replica.
type postback struct {
	At      time.Time
	Command string
	Body    []byte
	Replica int // from 1
	Status  int // 0: no answer
}

// books are the contents of a ledger.
type books struct {
	Asked     []asked
	Posts     []post
	Postbacks []postback
}

// ledger keeps the books outside of everything that is killed. It is safe for
// concurrent use.
type ledger struct {
	mu    sync.Mutex
	books books
	// posted is closed and made anew at each POST.
	posted chan struct{}
	// sent has the markers of which there was a POST.
	sent map[string]bool
}

func newLedger() *ledger { return &ledger{posted: make(chan struct{}), sent: map[string]bool{}} }

// ask notes a request before it is sent for the first time. acknowledge notes its
// receipt, or for a queued one, with command "", its acknowledgement.
func (l *ledger) ask(a asked) (acknowledge func(command string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := len(l.books.Asked)
	l.books.Asked = append(l.books.Asked, a)
	return func(command string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.books.Asked[i].Command, l.books.Asked[i].Acknowledged = command, true
	}
}

// post notes a POST as it arrives, and by answered what Graph answered.
func (l *ledger) post(p post) (answered func(status int, retryAfter bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := len(l.books.Posts)
	l.books.Posts = append(l.books.Posts, p)
	l.sent[p.Marker] = true
	close(l.posted)
	l.posted = make(chan struct{})
	return func(status int, retryAfter bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.books.Posts[i].Status, l.books.Posts[i].RetryAfter = status, retryAfter
	}
}

func (l *ledger) postback(p postback) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.books.Postbacks = append(l.books.Postbacks, p)
}

// wasSent reports whether Graph saw a POST of a request.
func (l *ledger) wasSent(marker string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent[marker]
}

// read gives a copy of the books, and a channel that is closed at the next POST.
func (l *ledger) read() (books, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return books{slices.Clone(l.books.Asked), slices.Clone(l.books.Posts), slices.Clone(l.books.Postbacks)}, l.posted
}

// markerOf gives the marker in a payload; empty where there is none.
func markerOf(payload json.RawMessage) string {
	var p struct {
		Marker string `json:"marker"`
	}
	if json.Unmarshal(payload, &p) != nil {
		return ""
	}
	return p.Marker
}
