package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"devicebridge/bridge"
	"devicebridge/bridge/bus"
	"devicebridge/bridge/graph"
	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
	"devicebridge/webhook"
)

// cliSeries gives the value of every series of a scrape, by its name and labels.
func cliSeries(t *testing.T, b *cliBridge) map[string]string {
	t.Helper()
	series := map[string]string{}
	for line := range strings.Lines(cliGet(t, b.admin+"/metrics")) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && !strings.HasPrefix(line, "#") {
			series[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return series
}

// TestMetricsOfACommand reads what a scrape shows after a whole command and a
// forged postback.
func TestMetricsOfACommand(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	before := cliSeries(t, b)
	for _, name := range []string{
		`devicebridge_nats_trouble{trouble="storeFailed"}`, `devicebridge_poisoned_messages_total{consumer="dispatch"}`,
		`devicebridge_poisoned_messages_total{consumer="intake"}`, `devicebridge_poisoned_messages_total{consumer="timers"}`,
		`devicebridge_unreadable_events_total`, `devicebridge_postback_duration_seconds_count{result="unavailable"}`,
		`devicebridge_events_total{kind="timedOut"}`, `devicebridge_sends_total{outcome="unknown"}`, `devicebridge_sweep_armed_total`,
		`devicebridge_graph_requests_total{code="none",operation="send command"}`, `devicebridge_graph_requests_total{code="503",operation="list devices"}`,
		`devicebridge_graph_request_duration_seconds_count{operation="get response payload"}`, `devicebridge_graph_throttled_seconds_total`,
		`devicebridge_graph_circuit_open{part="directory"}`, `devicebridge_degraded{condition="circuitOpen"}`,
		`devicebridge_commands_total{outcome="timedOut",source="timer"}`, `devicebridge_command_age_seconds_count{kind="sentToTarget"}`,
		`devicebridge_polls_total{result="failed"}`, `devicebridge_timer_lateness_seconds_count`, `devicebridge_commands_in_flight`,
		`devicebridge_commands_oldest_timestamp_seconds`, `devicebridge_nats_reconnects_total`,
		`devicebridge_append_duration_seconds_count{result="conflict"}`,
	} {
		if before[name] != "0" {
			t.Errorf("at the start %s is %q", name, before[name])
		}
	}
	callback := cliField(t, b.ok("callback"), "callback")
	if status := cliPost(t, callback+"x", `{"status":"completed"}`); status != 404 {
		t.Errorf("a forged postback is answered with %d", status)
	}
	b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--wait", "1m")
	after := cliSeries(t, b)
	for name, want := range map[string]string{
		`devicebridge_events_total{kind="registered"}`:                                "1",
		`devicebridge_events_total{kind="accepted"}`:                                  "1",
		`devicebridge_events_total{kind="sending"}`:                                   "1",
		`devicebridge_events_total{kind="completed"}`:                                 "1",
		`devicebridge_events_total{kind="timedOut"}`:                                  "0",
		`devicebridge_sends_total{outcome="taken"}`:                                   "1",
		`devicebridge_sends_total{outcome="notTaken"}`:                                "0",
		`devicebridge_postback_duration_seconds_count{result="badToken"}`:             "1",
		`devicebridge_postback_duration_seconds_bucket{result="badToken",le="+Inf"}`:  "1",
		`devicebridge_nats_trouble{trouble="disconnected"}`:                           "0",
		`devicebridge_graph_requests_total{code="201",operation="send command"}`:      "1",
		`devicebridge_commands_total{outcome="completed",source="postback"}`:          "1",
		`devicebridge_command_age_seconds_count{kind="completed"}`:                    "1",
		`devicebridge_nats_connected`:                                                 "1",
		`devicebridge_graph_request_duration_seconds_count{operation="send command"}`: "1",
	} {
		if after[name] != want {
			t.Errorf("%s is %q, want %s", name, after[name], want)
		}
	}
	// The id of no command, no device and no token is in a scrape.
	for name := range after {
		for _, id := range []string{cliCompletes, callback[strings.LastIndexByte(callback, '/')+1:]} {
			if strings.Contains(name, id) {
				t.Errorf("%s names %s", name, id)
			}
		}
	}
}

func TestEveryHookCounts(t *testing.T) {
	m := newMetrics(build{Version: "1.2.3", Go: "go"})
	hooks := m.hooks()
	hooks.Event(bridge.EventFacts{Kind: events.KindConflict, Source: events.SourcePostback, Age: time.Second})
	hooks.Event(bridge.EventFacts{Kind: "completed", Source: events.SourcePoll, Age: 3 * time.Second})
	hooks.Event(bridge.EventFacts{Kind: "accepted", Source: events.SourceCaller})
	hooks.Polled(bridge.PollNotFound)
	hooks.Sent(bridge.SendUnknown)
	hooks.Swept(bridge.SweepReport{Commands: 9, Open: 5, Armed: 3, Oldest: time.Unix(1_800_000_000, 0), Finished: true})
	hooks.Swept(bridge.SweepReport{Commands: 1, Open: 1, Armed: 1, Oldest: time.Unix(1_900_000_000, 0)}) // broke off
	m.commands.observeTimer(bus.Delivery{Delivered: 1})                                                  // of an older bridge
	hooks.Unreadable()
	m.observePostback(webhook.ResultAccepted, 1500*time.Millisecond)
	m.nats.observeTrouble(bus.StorageFull, true)
	m.nats.observeTrouble(bus.NoAnswer, true)
	m.nats.observeTrouble(bus.NoAnswer, false)
	m.nats.hooks().Connected(true)
	m.nats.hooks().Reconnected()
	m.nats.hooks().Filled("DEVICEBRIDGE_V1_EVENTS", 0.25)
	m.nats.hooks().Appended(bus.AppendConflict, 40*time.Millisecond)
	m.consumer("intake")()
	m.graph.observe(graph.Exchange{Operation: "list devices", Method: "GET", StatusCode: 429, Duration: time.Second, Throttled: 2128 * time.Millisecond})
	m.graph.observe(graph.Exchange{Operation: "list devices", Method: "GET", StatusCode: 999, Duration: 2 * time.Second})
	m.graph.observe(graph.Exchange{Operation: "list devices", Method: "GET", Duration: 4 * time.Second})
	for name, want := range map[string]float64{
		`devicebridge_events_total{kind="conflict"}`:                                                      1,
		`devicebridge_sends_total{outcome="unknown"}`:                                                     1,
		`devicebridge_command_age_seconds{kind="conflict"}`:                                               1,
		`devicebridge_command_age_seconds{kind="completed"}`:                                              3,
		`devicebridge_commands_total{outcome="completed",source="poll"}`:                                  1,
		`devicebridge_commands_total{outcome="completed",source="postback"}`:                              0,
		`devicebridge_polls_total{result="notFound"}`:                                                     1,
		`devicebridge_commands_in_flight`:                                                                 5,
		`devicebridge_commands_oldest_timestamp_seconds`:                                                  1_800_000_000,
		`devicebridge_timer_lateness_seconds`:                                                             0,
		`devicebridge_nats_connected`:                                                                     1,
		`devicebridge_nats_reconnects_total`:                                                              1,
		`devicebridge_stream_used_ratio{stream="DEVICEBRIDGE_V1_EVENTS"}`:                                 0.25,
		`devicebridge_append_duration_seconds{result="conflict"}`:                                         0.04,
		`devicebridge_sweep_armed_total`:                                                                  4,
		`devicebridge_unreadable_events_total`:                                                            1,
		`devicebridge_postback_duration_seconds{result="accepted"}`:                                       1.5,
		`devicebridge_nats_trouble{trouble="storageFull"}`:                                                1,
		`devicebridge_nats_trouble{trouble="noAnswer"}`:                                                   0,
		`devicebridge_poisoned_messages_total{consumer="intake"}`:                                         1,
		`devicebridge_graph_requests_total{code="429",operation="list devices"}`:                          1,
		`devicebridge_graph_requests_total{code="other",operation="list devices"}`:                        1,
		`devicebridge_graph_requests_total{code="none",operation="list devices"}`:                         1,
		`devicebridge_graph_request_duration_seconds{operation="list devices"}`:                           7,
		`devicebridge_graph_throttled_seconds_total`:                                                      2.128,
		`devicebridge_build_info{goversion="go",natsserver="unknown",revision="unknown",version="1.2.3"}`: 1,
	} {
		if got := cliGathered(t, m)[name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// cliGathered gives the value of every series; of a histogram its sum.
func cliGathered(t *testing.T, m *metrics) map[string]float64 {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			var labels []string
			for _, l := range metric.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			name := f.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			values[name] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + metric.GetHistogram().GetSampleSum()
		}
	}
	return values
}

// TestMetricsKeepTheConventions holds names and help against Prometheus' own
// linter, and labels against the few that have a bounded set of values.
func TestMetricsKeepTheConventions(t *testing.T) {
	m := newMetrics(readBuild())
	m.nats.hooks().Filled("DEVICEBRIDGE_V1_EVENTS", 0.25)
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("problems: %v (%v)", problems, err)
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "devicebridge_") {
			continue
		}
		own++
		for _, metric := range f.GetMetric() {
			for _, l := range metric.GetLabel() {
				if !slices.Contains([]string{"trouble", "consumer", "result", "kind", "outcome", "source", "condition", "operation", "code", "part", "stream", "state", "version", "revision", "goversion", "natsserver"}, l.GetName()) {
					t.Errorf("%s has the label %s", f.GetName(), l.GetName())
				}
			}
		}
	}
	if own < 12 {
		t.Errorf("%d metrics of our own", own)
	}
	if names := cliGathered(t, m); names["go_goroutines"] == 0 || names["process_start_time_seconds"] == 0 {
		t.Error("the collectors of the runtime and the process are missing")
	}
}

// TestMetricsAllocateNothing: what is counted per event costs the collector of
// garbage nothing.
func TestMetricsAllocateNothing(t *testing.T) {
	m := newMetrics(readBuild())
	hooks, appended := m.hooks(), m.nats.hooks().Appended
	for name, count := range map[string]func(){
		"an event": func() {
			hooks.Event(bridge.EventFacts{Kind: "completed", Source: events.SourcePostback, Age: time.Second})
		},
		"a poll":     func() { hooks.Polled(bridge.PollAnswered) },
		"a send":     func() { hooks.Sent(bridge.SendTaken) },
		"a postback": func() { m.observePostback(webhook.ResultAccepted, time.Millisecond) },
		"an append":  func() { appended(bus.AppendStored, time.Millisecond) },
	} {
		if n := testing.AllocsPerRun(100, count); n > 0 {
			t.Errorf("to count %s allocates %v times", name, n)
		}
	}
}
