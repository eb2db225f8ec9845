package policy

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/time/rate"
)

// lateness is how late a timer may come without a turn being lost, and so how
// much of a rate may be used at once.
const lateness = 2 * time.Second

// parseRate reads "10/s", "60/m" or "600/h" and gives the time between two.
func parseRate(text string) (time.Duration, error) {
	parts := regexp.MustCompile(`^([1-9][0-9]{0,5})/([smh])$`).FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("%q is not a rate such as 10/s, 60/m or 600/h, up to 999999", text)
	}
	count, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0, err
	}
	return map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[parts[2]] / time.Duration(count), nil
}

// rate gives the time between two sends that a member asks for, 0 for none.
func (s Settings) rate(m Member) time.Duration {
	setting, ok := s[m]
	if !ok || len(setting.Words) == 0 {
		return 0
	}
	interval, _ := parseRate(setting.Words[0]) // checked by New
	return interval
}

// queue is a rate and who waits for it.
type queue struct {
	interval time.Duration
	sends    *rate.Limiter
	// next is the first turn that nobody was given.
	next time.Time
}

func newQueue(interval time.Duration) *queue {
	burst := int(max(1, math.Ceil(float64(lateness)/float64(interval))))
	return &queue{interval: interval, sends: rate.NewLimiter(rate.Every(interval), burst)}
}

// take takes a place now; who had no turn does not overtake those who wait for
// theirs. Otherwise it gives how long until there may be one.
func (q *queue) take(now time.Time, hasTurn bool) (place *rate.Reservation, wait time.Duration) {
	if !hasTurn && q.next.After(now) {
		return nil, q.next.Sub(now)
	}
	place = q.sends.ReserveN(now, 1)
	if wait = place.DelayFrom(now); wait > 0 {
		place.CancelAt(now)
		return nil, wait
	}
	return place, 0
}

// delay tells how long it is until a place may be had, behind those who have a turn.
func (q *queue) delay(now time.Time) time.Duration {
	wait := q.next.Sub(now)
	if missing := 1 - q.sends.TokensAt(now); missing > 0 {
		wait = max(wait, time.Duration(missing*float64(q.interval)))
	}
	return max(wait, 0)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// idle says that nobody waits and that no place is taken.
func (q *queue) idle(now time.Time) bool {
	return !q.next.After(now) && q.sends.TokensAt(now) >= float64(q.sends.Burst())
}
