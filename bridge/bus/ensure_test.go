package bus_test

import (
	"bytes"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/bus"
	"devicebridge/events"
)

// configOf gives the configuration of a stream as the server has it.
func configOf(t *testing.T, js jetstream.JetStream, name string) jetstream.StreamConfig {
	t.Helper()
	stream, err := js.Stream(within(t), name)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().Config
}

func TestEnsureCreates(t *testing.T) {
	server := embedded(t, bus.ServerOptions{Dir: t.TempDir()})
	_, js := insider(t, server)
	var log bytes.Buffer
	b := connect(t, bus.Options{Server: server, Log: slog.New(slog.NewTextHandler(&log, nil))})
	options := bus.StreamOptions{MaxAge: time.Hour, MaxBytes: 8 << 20}
	ensure(t, b, options)
	s := b.Subjects()

	eventStream := configOf(t, js, s.EventStream())
	if eventStream.MaxAge != time.Hour || eventStream.MaxBytes != 8<<20 || eventStream.Discard != jetstream.DiscardNew ||
		!eventStream.AllowDirect || !eventStream.AllowAtomicPublish || eventStream.Retention != jetstream.LimitsPolicy {
		t.Errorf("event stream: %+v", eventStream)
	}
	if intake := configOf(t, js, s.IntakeStream()); intake.Retention != jetstream.WorkQueuePolicy || intake.Duplicates != 100*time.Millisecond {
		t.Errorf("intake stream: %+v", intake)
	}
	if timers := configOf(t, js, s.TimerStream()); !timers.AllowMsgSchedules {
		t.Errorf("timer stream: %+v", timers)
	}
	payloads := configOf(t, js, responseStream)
	if payloads.MaxAge != time.Hour || payloads.MaxBytes != 2<<20 || payloads.Storage != jetstream.FileStorage {
		t.Errorf("response payloads: %+v", payloads)
	}
	for _, name := range []string{s.EventStream(), s.IntakeStream(), s.TimerStream(), responseStream} {
		if !strings.Contains(log.String(), `"stream created" stream=`+name) {
			t.Errorf("the log does not say that %s was created", name)
		}
	}

	log.Reset()
	ensure(t, b, options)
	if log.Len() > 0 {
		t.Errorf("a second start changes something:\n%s", &log)
	}
}

// TestEnsureDefaults: the event stream takes at most half of what the server has,
// and all of them together no more than that.
func TestEnsureDefaults(t *testing.T) {
	tests := []struct {
		name           string
		maxStore, want int64
	}{
		{"small disk", 100 << 20, 50 << 20},
		{"large disk", 8 << 30, 1 << 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := embedded(t, bus.ServerOptions{Dir: t.TempDir(), MaxStore: tt.maxStore})
			_, js := insider(t, server)
			b := connect(t, bus.Options{Server: server})
			if server.MaxStore() != tt.maxStore {
				t.Fatalf("the server may store %d bytes, want %d", server.MaxStore(), tt.maxStore)
			}
			ensure(t, b, bus.StreamOptions{MaxStore: server.MaxStore()})
			config := configOf(t, js, b.Subjects().EventStream())
			if config.MaxBytes != tt.want || config.MaxAge != 7*24*time.Hour || config.Replicas != 1 {
				t.Errorf("%d bytes for %s on %d replicas, want %d bytes for seven days on one",
					config.MaxBytes, config.MaxAge, config.Replicas, tt.want)
			}
			var sum int64
			for _, name := range []string{eventStream, intakeStream, timerStream, responseStream} {
				sum += configOf(t, js, name).MaxBytes
			}
			if sum > tt.maxStore {
				t.Errorf("the streams together may take %d bytes of %d", sum, tt.maxStore)
			}
		})
	}
}

// TestEnsureUpdates: a start brings what the server lets change to the declared
// form, and leaves what the bridge does not declare to the operator.
func TestEnsureUpdates(t *testing.T) {
	s := events.Subjects{}
	tests := []struct {
		name   string
		stream string
		change func(*jetstream.StreamConfig)
	}{
		{"max age", s.EventStream(), func(c *jetstream.StreamConfig) { c.MaxAge = time.Minute }},
		{"max bytes", s.EventStream(), func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 }},
		{"duplicate window", s.IntakeStream(), func(c *jetstream.StreamConfig) { c.Duplicates = time.Minute }},
		{"discard", s.EventStream(), func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }},
		{"direct get", s.EventStream(), func(c *jetstream.StreamConfig) { c.AllowDirect = false }},
		{"atomic publish", s.EventStream(), func(c *jetstream.StreamConfig) { c.AllowAtomicPublish = false }},
		{"republish", s.EventStream(), func(c *jetstream.StreamConfig) { c.RePublish = nil }},
		{"max age of payloads", responseStream, func(c *jetstream.StreamConfig) { c.MaxAge = time.Minute }},
		{"max bytes of payloads", responseStream, func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 }},
		{"rollup", responseStream, func(c *jetstream.StreamConfig) { c.AllowRollup = false }},
		{"headers only", s.EventStream(), func(c *jetstream.StreamConfig) { c.RePublish.HeadersOnly = true }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, server := start(t)
			_, js := insider(t, server)
			declared := configOf(t, js, tt.stream)
			declared.Description, declared.MaxMsgSize, declared.Compression = "ours", 512<<10, jetstream.S2Compression
			changed := configOf(t, js, tt.stream)
			changed.Description, changed.MaxMsgSize, changed.Compression = declared.Description, declared.MaxMsgSize, declared.Compression
			tt.change(&changed)
			if _, err := js.UpdateStream(t.Context(), changed); err != nil {
				t.Fatal(err)
			}
			ensure(t, b, small())
			if got := configOf(t, js, tt.stream); !reflect.DeepEqual(got, declared) {
				t.Errorf("after the start:\n%+v\nwant:\n%+v", got, declared)
			}
		})
	}
	t.Run("by the options", func(t *testing.T) {
		b, server := start(t)
		_, js := insider(t, server)
		ensure(t, b, bus.StreamOptions{MaxAge: 48 * time.Hour, MaxBytes: 32 << 20})
		if got := configOf(t, js, b.Subjects().EventStream()); got.MaxAge != 48*time.Hour || got.MaxBytes != 32<<20 {
			t.Errorf("max age %s, max bytes %d", got.MaxAge, got.MaxBytes)
		}
	})
}

// TestEnsureRefuses: a stream in a form that cannot become the declared one is
// left alone, and the error names what differs.
func TestEnsureRefuses(t *testing.T) {
	s := events.Subjects{}
	tests := []struct {
		setting string
		stream  string
		change  func(*jetstream.StreamConfig)
	}{
		{"retention", s.EventStream(), func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy }},
		{"retention", s.IntakeStream(), func(c *jetstream.StreamConfig) { c.Retention = jetstream.LimitsPolicy }},
		{"storage", s.EventStream(), func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }},
		{"subjects", s.EventStream(), func(c *jetstream.StreamConfig) { c.Subjects = []string{s.AppendTree()} }},
		{"storage", responseStream, func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }},
		{"subjects", responseStream, func(c *jetstream.StreamConfig) { c.Subjects = []string{"$O." + responseBucket + ".>"} }},
		{"subjects", s.TimerStream(), func(c *jetstream.StreamConfig) { c.Subjects = []string{s.Timers()} }},
		{"subject transform", s.EventStream(), func(c *jetstream.StreamConfig) { c.SubjectTransform, c.RePublish = nil, nil }},
		{"message schedules", s.IntakeStream(), func(c *jetstream.StreamConfig) {
			c.AllowMsgSchedules, c.Discard = true, jetstream.DiscardOld
		}},
	}
	for _, tt := range tests {
		t.Run(tt.stream+" "+tt.setting, func(t *testing.T) {
			b, server := start(t)
			_, js := insider(t, server)
			config := configOf(t, js, tt.stream)
			if err := js.DeleteStream(t.Context(), tt.stream); err != nil {
				t.Fatal(err)
			}
			tt.change(&config)
			if _, err := js.CreateStream(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			before := configOf(t, js, tt.stream)

			err := b.Ensure(t.Context(), small())
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range []string{tt.stream, tt.setting + " is ", "declared is "} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
			if after := configOf(t, js, tt.stream); !reflect.DeepEqual(after, before) {
				t.Errorf("the stream was changed:\n%+v\nwas:\n%+v", after, before)
			}
		})
	}
}

// TestEnsureRefusedByServer: what the server does not take comes back with the
// difference that asked for it.
func TestEnsureRefusedByServer(t *testing.T) {
	b, _ := start(t)
	options := small()
	options.Replicas = 3
	err := b.Ensure(t.Context(), options)
	if err == nil || !strings.Contains(err.Error(), `replicas is "1", declared is "3"`) {
		t.Errorf("three replicas on one server: %v", err)
	}
}

func TestEnsureCapture(t *testing.T) {
	s := events.Subjects{}
	tests := []struct {
		name, subject string
		refused       bool
	}{
		{"every request", s.Service("commands.>"), true},
		{"one endpoint", s.Service("commands.send"), true},
		{"callbacks", s.Service("callbacks.*"), true},
		{"devices", s.Service("devices.list"), true},
		{"the directory", s.Service("directory.>"), true},
		{"a wildcard over prefixes", "devicebridge.*.commands.*", true},
		{"everything of the product", "devicebridge.>", true},
		{"another prefix", "devicebridge.v2.commands.>", false},
		{"a copy of the events", "copy.>", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := embedded(t, bus.ServerOptions{Dir: t.TempDir()})
			_, js := insider(t, server)
			if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "SNOOP", Subjects: []string{tt.subject}}); err != nil {
				t.Fatal(err)
			}
			b := connect(t, bus.Options{Server: server})
			err := b.Ensure(t.Context(), small())
			if refused := err != nil && strings.Contains(err.Error(), "SNOOP"); refused != tt.refused {
				t.Errorf("error %v; naming the stream: %t, want %t", err, refused, tt.refused)
			}
			if _, err := js.Stream(t.Context(), s.EventStream()); tt.refused == (err == nil) {
				t.Errorf("event stream: %v", err)
			}
		})
	}
}

func TestEnsureTwoPrefixes(t *testing.T) {
	srv := external(t, t.TempDir())
	var buses []*bus.Bus
	for _, prefix := range []string{"", "home.bridge"} {
		s, err := events.NewSubjects(prefix)
		if err != nil {
			t.Fatal(err)
		}
		b := connect(t, bus.Options{URL: srv.ClientURL(), Subjects: s})
		ensure(t, b, small())
		buses = append(buses, b)
	}
	id := numbered(1)
	appended(t, buses[0], id, 2)
	_, err := buses[1].Latest(t.Context(), id)
	wantCode(t, err, events.CodeNotFound)
	if seq := appended(t, buses[1], id, 1); seq != 1 {
		t.Errorf("the first event of the other prefix has sequence %d", seq)
	}
}

func TestEnsureTwoReplicas(t *testing.T) {
	server := embedded(t, bus.ServerOptions{Dir: t.TempDir()})
	var starts sync.WaitGroup
	for range 4 {
		b := connect(t, bus.Options{Server: server})
		starts.Go(func() {
			if err := b.Ensure(within(t), small()); err != nil {
				t.Error(err)
			}
		})
	}
	starts.Wait()
}
