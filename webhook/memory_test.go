package webhook_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"devicebridge/webhook"
)

// Bodies wait for memory instead of piling up, and give it back; one that waits
// too long is refused.
func TestBodyMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, size := newGate(), int64(len(done))
		run := serve(t, webhook.Options{Sink: g, MaxBody: size, BodyMemory: 2 * size})
		first, second := run.post(t), run.post(t)
		synctest.Wait()
		third, fourth := run.post(t), run.post(t)
		synctest.Wait()
		if len(g.entered) != 2 {
			t.Fatalf("%d bodies under way", len(g.entered))
		}
		g.release <- struct{}{}
		synctest.Wait()
		if len(g.entered) != 3 {
			t.Fatalf("%d bodies were under way after one was stored", len(g.entered))
		}
		statuses := map[int]int{}
		for _, answered := range []<-chan result{first, second, third, fourth} {
			statuses[(<-answered).status]++ // the sink answers none of the others in time
		}
		if statuses[http.StatusAccepted] != 1 || statuses[http.StatusServiceUnavailable] != 3 {
			t.Errorf("answers %v", statuses)
		}
		close(g.release)
		if got := <-run.post(t); got.status != http.StatusAccepted {
			t.Errorf("the memory did not come back: %+v", got)
		}
		run.end(t)
	})
}

// What a body of unknown length may take is claimed only while it is read.
func TestBodyMemoryOfChunkedBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		run := serve(t, webhook.Options{Sink: g, MaxBody: 1000, BodyMemory: 1400})
		for range 10 {
			run.open(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", path(t), len(done), done))
		}
		synctest.Wait()
		if len(g.entered) != 10 {
			t.Errorf("%d of 10 short bodies are under way", len(g.entered))
		}
		close(g.release)
		run.end(t)
	})
}
