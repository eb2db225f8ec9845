package load

import (
	"bufio"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/events"
)

func TestBodyIsAPostback(t *testing.T) {
	seen := map[string]bool{}
	for _, status := range Statuses() {
		body := AppendBody(nil, 0xABC, status)
		if len(body) < 550 || len(body) > 600 || len(body) != bodyLength(status) {
			t.Errorf("%s: %d bytes, told as %d", status, len(body), bodyLength(status))
		}
		got, err := events.ParseObservations(body)
		if err != nil || len(got) != 1 || got[0].Status != status || len(got[0].GraphID) != 80 ||
			!strings.HasSuffix(got[0].GraphID, "0000000ABC") || got[0].ResponsePayload != nil || got[0].Error != "" {
			t.Errorf("%s is read as %+v (%v)", status, got, err)
		}
		seen[status] = true
	}
	if len(seen) != 4 {
		t.Errorf("statuses are %v", seen)
	}
}

func TestReadMessage(t *testing.T) {
	r := bufio.NewReader(strings.NewReader("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n" +
		"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 503 No\r\nX: y\r\nContent-Length:2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n"))
	for _, want := range []int{202, 0, 503} {
		if got, err := readMessage(r); err != nil || got != want {
			t.Errorf("read %d (%v), want %d", got, err, want)
		}
	}
	if _, err := readMessage(r); err == nil {
		t.Error("a message without a length is read")
	}
}

// stalling answers at once, but for one stall of a second that holds everybody up.
type stalling struct{ from, to time.Time }

func (s stalling) post([]byte) (int, error) {
	if now := time.Now(); now.After(s.from) && now.Before(s.to) {
		<-time.After(s.to.Sub(now))
	}
	return 202, nil
}

// TestAStallIsChargedToAllThatItKeptWaiting: at 100 a second and one connection, a
// stall of one second in ten makes 100 requests late, by 500 ms on the average. Who
// counts from the sending sees one.
func TestAStallIsChargedToAllThatItKeptWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sleep := func(until time.Time) { <-time.After(time.Until(until)) }
		begin := time.Now()
		posters := []poster{stalling{begin.Add(5 * time.Second), begin.Add(6 * time.Second)}}
		r, err := drive(posters, make([]Command, 251), 202, constantRate(context.Background(), 100, 10*time.Second, sleep))
		if err != nil || r.Latencies.Count() != 1000 || r.RanOut {
			t.Fatalf("%d answers, ran out %v, %v", r.Latencies.Count(), r.RanOut, err)
		}
		for q, want := range map[float64]time.Duration{.5: 0, .9: 0, .95: 500 * time.Millisecond, .999: time.Second} {
			if got := r.Latencies.Quantile(q); (got - want).Abs() > 15*time.Millisecond {
				t.Errorf("quantile %v is %s, want %s", q, got, want)
			}
		}
	})
}

func TestClosedLoopEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := []poster{answering{202, 100 * time.Millisecond}, answering{202, 100 * time.Millisecond}}
		r, err := drive(slow, make([]Command, 100), 202, closedLoop(time.Second))
		if err != nil || r.Latencies.Count() != 20 || r.Took != time.Second || r.RanOut || r.Rate() != 20 {
			t.Errorf("%d answers in %s, ran out %v, %v", r.Latencies.Count(), r.Took, r.RanOut, err)
		}
		r, err = drive(slow, make([]Command, 2), 202, closedLoop(time.Second))
		if err != nil || r.Latencies.Count() != 8 || !r.RanOut {
			t.Errorf("two commands give %d answers, ran out %v, %v", r.Latencies.Count(), r.RanOut, err)
		}
		if _, err = drive([]poster{answering{429, 0}}, make([]Command, 2), 202, closedLoop(time.Second)); err == nil || !strings.Contains(err.Error(), "429") {
			t.Errorf("a 429 gives %v", err)
		}
	})
}

type answering struct {
	status int
	after  time.Duration
}

func (a answering) post([]byte) (int, error) {
	<-time.After(a.after)
	return a.status, nil
}
