package proof

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"devicebridge/events"
)

// samples are times that one thing took.
type samples []time.Duration

func (s samples) p50() time.Duration { return s.at(50) }

func (s samples) at(percent int) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[len(sorted)*percent/100]
}

// compare asks both bridges by turns, and reports the medians and their ratio.
func compare(b *testing.B, empty, full *stored) {
	b.Helper()
	// The empty one needs something to list and to get, and a deep page.
	var known [2]string
	var deep [2]string
	for i, s := range []*stored{empty, full} {
		for range 400 {
			s.postback(b)
		}
		page := s.list(b, events.ListRequest{})
		known[i] = page.Commands[0].ID
		deep[i] = s.deep(b, i == 1)
	}
	for _, ask := range []struct {
		name string
		once func(s *stored, i int)
		less int
	}{
		{"get", func(s *stored, i int) { s.get(b, known[i]) }, 1},
		{"list", func(s *stored, _ int) { s.list(b, events.ListRequest{}) }, 5},
		{"list-deep", func(s *stored, i int) { s.list(b, events.ListRequest{Cursor: deep[i]}) }, 5},
		{"list-device", func(s *stored, _ int) { s.list(b, events.ListRequest{DeviceID: storedDevice(1)}) }, 15},
	} {
		var took [2]samples
		for range *storedAsks / ask.less {
			for i, s := range []*stored{empty, full} {
				begin := time.Now()
				ask.once(s, i)
				took[i] = append(took[i], time.Since(begin))
			}
		}
		reportBoth(b, ask.name, took)
	}
	var took [2]samples
	for range *storedAsks {
		for i, s := range []*stored{empty, full} {
			took[i] = append(took[i], s.postback(b))
		}
	}
	reportBoth(b, "postback", took)
}

func reportBoth(b *testing.B, name string, took [2]samples) {
	b.Helper()
	b.ReportMetric(took[0].p50().Seconds()*1e6, "us-"+name+"-empty")
	b.ReportMetric(took[1].p50().Seconds()*1e6, "us-"+name+"-full")
	b.ReportMetric(float64(took[1].p50())/float64(took[0].p50()), "x-"+name)
}

// postback mints a callback and gives the time of the postback to it.
func (s *stored) postback(b *testing.B) time.Duration {
	b.Helper()
	var receipt events.Receipt
	if err := s.client.Request(b.Context(), "callbacks.create", events.CallbackRequest{DeviceID: storedDevice(1)}, &receipt, 0); err != nil {
		b.Fatal(err)
	}
	callback, err := url.Parse(receipt.CallbackURL)
	if err != nil {
		b.Fatal(err)
	}
	callback.Host = s.bridges[0].vars["BRIDGE_LISTEN_ADDR"] // not by way of the ingress
	body := strings.NewReader(`{"id":"graph-0815","status":"completed"}`)
	begin := time.Now()
	answer, err := http.Post(callback.String(), "application/json", body)
	if err != nil {
		b.Fatal(err)
	}
	took := time.Since(begin)
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		b.Fatalf("a postback got %s", answer.Status)
	}
	return took
}

func (s *stored) get(b *testing.B, id string) {
	b.Helper()
	if err := s.client.Request(b.Context(), "commands.get", events.IDRequest{ID: id}, &events.CommandReply{}, 0); err != nil {
		b.Fatal(err)
	}
}

func (s *stored) list(b *testing.B, r events.ListRequest) (reply events.ListReply) {
	b.Helper()
	if err := s.client.Request(b.Context(), "commands.list", r, &reply, 0); err != nil {
		b.Fatal(err)
	}
	if len(reply.Commands) == 0 {
		b.Fatalf("nothing is listed for %+v", r)
	}
	return reply
}

// deep gives a cursor in the middle of what is stored or, in a store that is as
// good as empty, of the second page.
func (s *stored) deep(b *testing.B, middle bool) string {
	b.Helper()
	if middle {
		return strconv.Itoa(*storedEvents / 2)
	}
	return s.list(b, events.ListRequest{}).Cursor
}

// awaitReady waits until /readyz says yes.
func (s *stored) awaitReady(b *testing.B) {
	b.Helper()
	ctx := within(b)
	for {
		if answer, err := http.Get("http://" + s.admin + "/readyz"); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		if s.bridges[0].over() || !pace(ctx, time.Millisecond) {
			b.Fatal("the bridge is not ready")
		}
	}
}

// awaitAnswer waits until the client is connected again.
func (s *stored) awaitAnswer(b *testing.B) {
	b.Helper()
	ctx := within(b)
	for {
		err := s.client.Request(ctx, "commands.get", events.IDRequest{ID: events.RandomCommandID()}, &events.CommandReply{}, 0)
		if events.HasCode(err, events.CodeNotFound) {
			return
		}
		if !pace(ctx, 20*time.Millisecond) {
			b.Fatal(err)
		}
	}
}

// swept waits until the first sweep is over and gives how long that took, from
// ready on.
func (s *stored) swept(b *testing.B) time.Duration {
	b.Helper()
	for !s.hasSwept(b) {
		if !pace(b.Context(), 20*time.Millisecond) {
			b.Fatal("the sweep does not end")
		}
	}
	return time.Since(s.ready)
}

var sweptAt = regexp.MustCompile(`(?m)^devicebridge_sweep_finished_timestamp_seconds ([0-9.e+]+)$`)

func (s *stored) hasSwept(b *testing.B) bool {
	b.Helper()
	answer, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.Fatal(err)
	}
	found := sweptAt.FindSubmatch(text)
	if found == nil {
		b.Fatal("/metrics does not tell of the sweep")
	}
	at, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(fmt.Errorf("when the sweep ended: %w", err))
	}
	return at > 0
}
