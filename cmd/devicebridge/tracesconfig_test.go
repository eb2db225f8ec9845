package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"devicebridge/events"
)

func TestTracesAreOffUntilAskedFor(t *testing.T) {
	for name, test := range map[string]struct {
		vars map[string]string
		want []string
	}{
		"unset":          {nil, nil},
		"a name alone":   {map[string]string{"OTEL_SERVICE_NAME": "house", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"}, nil},
		"endpoint":       {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, []string{"otlp"}},
		"own endpoint":   {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector/t"}, []string{"otlp"}},
		"otlp":           {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, []string{"otlp"}},
		"none":           {map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, nil},
		"several":        {map[string]string{"OTEL_TRACES_EXPORTER": "console, otlp,console"}, []string{"console", "otlp"}},
		"disabled":       {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "TRUE"}, nil},
		"not disabled":   {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "1"}, []string{"otlp"}},
		"off with fault": {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := loadServe(cliMinimal(test.vars))
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Traces.exporters(); !slices.Equal(got, test.want) {
				t.Errorf("spans go to %q, want %q", got, test.want)
			}
			traced, err := startTraces(t.Context(), config{Traces: c.Traces}, &budget{most: time.Second}, slog.New(slog.DiscardHandler))
			if err != nil || (traced.tracer != nil) != (test.want != nil) {
				t.Errorf("there is a tracer: %v (%v)", traced.tracer != nil, err)
			}
			traced.stop()
		})
	}
}

func TestCollectorURL(t *testing.T) {
	for endpoint, want := range map[string]string{
		"": "http://localhost:4318/v1/traces", "https://collector:4318": "https://collector:4318/v1/traces", "http://gateway/otlp/": "http://gateway/otlp/v1/traces",
	} {
		o, err := tracesConfig{Endpoint: endpoint}.otlp()
		if err != nil || o.URL != want {
			t.Errorf("%q: spans go to %q, want %q (%v)", endpoint, o.URL, want, err)
		}
	}
	if o, err := (tracesConfig{Endpoint: "http://a", TracesURL: "http://b/whole"}).otlp(); err != nil || o.URL != "http://b/whole" {
		t.Errorf("the endpoint of traces gives %q (%v)", o.URL, err)
	}
}

// collector takes OTLP over HTTP, as a real one does.
type collector struct {
	mu sync.Mutex
	// spans counts those without an error by their names: an append may lose its race and
	// is made again, a postback that could not be stored comes again.
	spans map[string]int
	about map[string]string
	keys  []string
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var data tracepb.TracesData
	zipped, err := gzip.NewReader(r.Body)
	if err == nil {
		var body []byte
		if body, err = io.ReadAll(zipped); err == nil {
			err = proto.Unmarshal(body, &data)
		}
	}
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = append(c.keys, r.Header.Get("Api-Key"))
	for _, resource := range data.GetResourceSpans() {
		for _, a := range resource.GetResource().GetAttributes() {
			c.about[a.GetKey()] = a.GetValue().GetStringValue()
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				failed := slices.ContainsFunc(span.GetAttributes(), func(a *commonpb.KeyValue) bool { return a.GetKey() == "error.type" })
				if !failed {
					c.spans[span.GetName()]++
				}
			}
		}
	}
}

// TestSpansReachACollector: whatever has ended when the bridge stops is exported
// before it is through.
func TestSpansReachACollector(t *testing.T) {
	c := &collector{spans: map[string]int{}, about: map[string]string{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	// Before the rig's own, so that it runs when the bridge has stopped.
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.spans[spanSend] != 1 || c.spans[spanStore] != 6 || c.spans[spanPostback] < 3 || c.spans[spanPost] != 1 {
			t.Errorf("the collector has %v", c.spans)
		}
		if c.about["service.name"] != "devicebridge" || c.about["service.instance.id"] == "" || c.about["telemetry.sdk.language"] != "go" {
			t.Errorf("the resource is %v", c.about)
		}
		if len(c.keys) == 0 || c.keys[0] != "of the test" {
			t.Errorf("the collector was given %q", c.keys)
		}
	})
	r := startRig(t, rigOptions{vars: map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=of%20the%20test", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
	}})
	r.mustSend(launchURI("exported"))
	r.wantTimeline(events.RequestCommandID("exported"), "accepted sending requesting sentToTarget executing completed")
}

// TestCollectorThatIsAwayCostsNothingButSpans: commands go their way, the stop ends
// within its budget, and the trouble is told once.
func TestCollectorThatIsAwayCostsNothingButSpans(t *testing.T) {
	var log bytes.Buffer
	c, err := loadServe(cliMinimal(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_TIMEOUT": "20"}))
	if err != nil {
		t.Fatal(err)
	}
	traced, err := startTraces(t.Context(), c, &budget{most: c.DrainTimeout}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	_, _, end := traced.tracer.Request(t.Context(), "commands.list", nil)
	end(nil, nil)
	traced.stop()
	if n := strings.Count(log.String(), "spans cannot be exported"); n != 1 {
		t.Errorf("the trouble is told %d times:\n%s", n, log.String())
	}
}

// TestSamplerOfTheEnvironment: the SDK reads its sampler from the process's
// environment; with the default of it a caller's decision goes before.
func TestSamplerOfTheEnvironment(t *testing.T) {
	for _, test := range []struct {
		sampler       string
		alone, called int // spans of a request without a caller's trace, and with one
	}{
		{"", 1, 1}, {"parentbased_always_off", 0, 1}, {"always_off", 0, 0}, {"parentbased_traceidratio", 1, 1},
	} {
		t.Setenv("OTEL_TRACES_SAMPLER", test.sampler)
		for header, want := range map[string]int{"": test.alone, callerParent: test.called} {
			exporter := tracetest.NewInMemoryExporter()
			traced, err := startTraces(t.Context(), config{
				Traces: tracesConfig{spans: sdktrace.NewSimpleSpanProcessor(exporter)},
			}, &budget{most: time.Second}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			_, _, end := traced.tracer.Request(t.Context(), "commands.list", map[string][]string{"traceparent": {header}})
			end(nil, nil)
			if got := len(exporter.GetSpans()); got != want {
				t.Errorf("%q with %q: %d spans, want %d", test.sampler, header, got, want)
			}
			traced.stop()
		}
	}
}
