package otlp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"devicebridge/bridge/tracing/otlp"
)

// answers is a collector that gives one answer after the other.
type answers struct {
	list  []answer
	times []time.Time
	body  []byte
}

type answer struct {
	status     int
	retryAfter string
	err        error
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.times = append(a.times, time.Now())
	a.body, _ = io.ReadAll(r.Body)
	next := a.list[0]
	if len(a.list) > 1 {
		a.list = a.list[1:]
	}
	if next.err != nil {
		return nil, next.err
	}
	w := httptest.NewRecorder()
	if next.retryAfter != "" {
		w.Header().Set("Retry-After", next.retryAfter)
	}
	w.WriteHeader(next.status)
	return w.Result(), nil
}

func batch(name string) []*tracepb.ResourceSpans {
	return []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{Name: name}}}}}}
}

func TestUpload(t *testing.T) {
	for _, test := range []struct {
		name  string
		list  []answer
		tries int
		words string // of the error
		waits time.Duration
	}{
		{"taken", []answer{{status: 200}}, 1, "", 0},
		{"busy, then taken", []answer{{status: 503}, {status: 429}, {status: 200}}, 3, "", 1500 * time.Millisecond},
		{"told how long", []answer{{status: 429, retryAfter: "3"}, {status: 200}}, 2, "", 3 * time.Second},
		{"no connection, then taken", []answer{{err: errors.New("refused")}, {status: 200}}, 2, "", 500 * time.Millisecond},
		{"refused for good", []answer{{status: 400}}, 1, "400 Bad Request", 0},
		{"a redirect is not followed", []answer{{status: 307}}, 1, "307", 0},
		{"busy for ever", []answer{{status: 503}}, 5, "503 Service Unavailable", 10 * time.Second},
		{"told to wait for longer than there is time", []answer{{status: 503, retryAfter: "3600"}}, 1, "503", 10 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answers{list: test.list}
				begin := time.Now()
				err := otlp.New(otlp.Options{URL: "http://collector/v1/traces?key=secret", Transport: a, Headers: map[string]string{"k": "secret"}}).
					UploadTraces(t.Context(), batch("one"))
				if (err == nil) != (test.words == "") || err != nil && (!strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), "secret")) {
					t.Errorf("the error is %v, want %q", err, test.words)
				}
				if took := time.Since(begin); len(a.times) != test.tries || took != test.waits {
					t.Errorf("%d tries in %s, want %d in %s", len(a.times), took, test.tries, test.waits)
				}
				var data tracepb.TracesData
				if err := proto.Unmarshal(a.body, &data); err != nil || data.ResourceSpans[0].ScopeSpans[0].Spans[0].Name != "one" {
					t.Errorf("the last body is %v (%v)", &data, err)
				}
			})
		})
	}
}

func TestUploadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := &answers{list: []answer{{status: 503}}}
	if err := otlp.New(otlp.Options{URL: "http://collector", Transport: a}).UploadTraces(ctx, batch("late")); err == nil || len(a.times) > 1 {
		t.Errorf("after the end there were %d tries (%v)", len(a.times), err)
	}
}

func TestParseHeaders(t *testing.T) {
	got, err := otlp.ParseHeaders("api-key=a%2Cb, x=y=z,,")
	if err != nil || len(got) != 2 || got["api-key"] != "a,b" || got["x"] != "y=z" {
		t.Errorf("the headers are %q (%v)", got, err)
	}
	for _, text := range []string{"secret", "=secret", "a b=secret", "a=%0Asecret", "a=%zzsecret"} {
		if _, err := otlp.ParseHeaders(text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q gives %v", text, err)
		}
	}
}

func TestCAOfACollector(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	pem := certificatePEM(server)
	if !otlp.ValidCA(pem) || otlp.ValidCA([]byte("no certificate")) {
		t.Error("a certificate is not told from what is none")
	}
	trusting := otlp.New(otlp.Options{URL: server.URL, CA: pem})
	if err := trusting.UploadTraces(t.Context(), batch("sealed")); err != nil {
		t.Error(err)
	}
	if err := trusting.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	short := otlp.New(otlp.Options{URL: server.URL, Timeout: time.Millisecond})
	if err := short.UploadTraces(t.Context(), batch("sealed")); err == nil {
		t.Error("an unknown certificate is trusted")
	}
}
