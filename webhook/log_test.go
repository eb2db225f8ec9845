package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/events"
	"devicebridge/webhook"
)

// line is one line of the log.
type line struct {
	Level, Msg, Result, Command, TokenHash, Remote, Error, Stack, Message string
	Status, Observations                                                  int
	Duration                                                              string
}

func lines(t *testing.T, log *bytes.Buffer) []line {
	t.Helper()
	var all []line
	for decoder := json.NewDecoder(log); decoder.More(); {
		var one line
		if err := decoder.Decode(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// Whatever happens, a request has one line, and no line has a token, a path, a
// header or anything of a body.
func TestLogLeaksNothing(t *testing.T) {
	var log bytes.Buffer
	var fail func(context.Context) error
	stored := &sink{do: func(ctx context.Context) error {
		if fail == nil {
			return nil
		}
		return fail(ctx)
	}}
	var mu sync.Mutex
	seen := map[webhook.Result]int{}
	s := server(t, webhook.Options{
		Sink: stored, MaxBody: 1000, Rate: 0.001, Burst: 9,
		Log: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(result webhook.Result, _ time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			seen[result]++
		},
	})
	ctx, stop := context.WithCancel(t.Context())
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	post := func(path, body string, header ...string) {
		header = append(header, "X-Forwarded-For", "203.0.113.9", "X-Real-Ip", "203.0.113.9", "Authorization", "Bearer secret")
		send(t, listener.Addr().String(), http.MethodPost, path, body, header...)
	}
	told := `{"status":"secret","id":"secret","error":"secret","responsePayload":{"secret":1}}`
	sinks := func(do func(context.Context) error) {
		fail = do
		post(path(t), told)
	}

	sinks(nil)
	sinks(func(context.Context) error { return &events.Error{Code: events.CodeNotFound} })
	sinks(func(context.Context) error { return errors.New("no responders") })
	sinks(func(context.Context) error { return context.DeadlineExceeded })
	sinks(func(context.Context) error { panic("secret " + told) })
	sinks(func(context.Context) error { var text any = told; return text.(error) })
	post(path(t), `{"status":"secret`)
	post(path(t), strings.Repeat("secret", 1000))
	post(path(t), told, "Content-Encoding", "gzip")
	post(path(t)+"?secret=secret", told) // over the rate
	post("/postback/"+command+"/secret"+vector, told)
	post("/postback/secret/"+vector, told)
	post("/secret/"+vector, told)
	send(t, listener.Addr().String(), http.MethodGet, path(t), "")
	stop()
	if err := <-served; err != nil {
		t.Fatal(err)
	}

	for _, hidden := range []string{vector, vector[len(vector)-43:], "secret", "/postback/", "203.0.113.9", "Bearer"} {
		if strings.Contains(log.String(), hidden) {
			t.Errorf("the log tells %q:\n%s", hidden, log.String())
		}
	}
	want := map[webhook.Result]int{
		webhook.ResultAccepted: 1, webhook.ResultNoRecord: 1, webhook.ResultUnavailable: 2, webhook.ResultPanicked: 2,
		webhook.ResultMalformed: 1, webhook.ResultTooLarge: 1, webhook.ResultUnsupportedEncoding: 1,
		webhook.ResultRateLimited: 1, webhook.ResultBadToken: 2, webhook.ResultUnknownPath: 1, webhook.ResultMethodNotAllowed: 1,
	}
	if !maps.Equal(seen, want) {
		t.Errorf("observed %v, want %v", seen, want)
	}
	logged := map[webhook.Result]int{}
	for _, l := range lines(t, &log) {
		logged[webhook.Result(l.Result)]++
		// With its unit: a number could be anything.
		took, err := time.ParseDuration(l.Duration)
		if l.Msg != "postback" || l.Remote != "127.0.0.1" || l.Status != webhook.Result(l.Result).Status() || err != nil || took <= 0 {
			t.Errorf("line %+v", l)
		}
		checkLine(t, l)
	}
	if !maps.Equal(logged, want) {
		t.Errorf("logged %v, want %v", logged, want)
	}
}

func checkLine(t *testing.T, l line) {
	t.Helper()
	level, text := "INFO", ""
	switch webhook.Result(l.Result) {
	case webhook.ResultAccepted:
		level = "DEBUG"
		if l.Observations != 1 || l.Command != command || len(l.TokenHash) != 8 {
			t.Errorf("line %+v", l)
		}
	case webhook.ResultBadToken:
		level = "DEBUG"
		if l.Command != "" && l.Command != command || len(l.TokenHash) != 8 {
			t.Errorf("line %+v", l)
		}
	case webhook.ResultUnknownPath, webhook.ResultMethodNotAllowed:
		level = "DEBUG"
	case webhook.ResultUnavailable:
		level, text = "WARN", l.Error
		if l.Error != "no responders" && l.Error != context.DeadlineExceeded.Error() {
			t.Errorf("line %+v", l)
		}
	case webhook.ResultPanicked:
		level, text = "ERROR", l.Error
		if l.Error != "panic with a string" && !strings.HasPrefix(l.Error, "interface conversion: ") || !strings.Contains(l.Stack, "log_test.go") {
			t.Errorf("line %+v", l)
		}
	default:
	}
	if l.Level != level || l.Error != text {
		t.Errorf("line %+v, want level %s", l, level)
	}
}

// What net/http logs by itself goes to the same log without paths or the values
// of panics.
func TestNetHTTPLogLeaksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := server(t, webhook.Options{
			Sink: &sink{}, Log: slog.New(slog.NewJSONHandler(&log, nil)),
			Observe: func(webhook.Result, time.Duration) { panic("secret") },
		})
		ctx, stop := context.WithCancel(t.Context())
		run := running{newPipes(), stop, make(chan error, 1)}
		go func() { run.served <- s.Serve(ctx, &brokenListener{pipes: run.pipes}) }()
		<-run.open(t, whole(t))
		run.end(t)
		for _, hidden := range []string{vector, "secret", "log_test.go"} {
			if strings.Contains(log.String(), hidden) {
				t.Errorf("the log tells %q: %s", hidden, log.String())
			}
		}
		all := lines(t, &log)
		if len(all) != 2 || !strings.Contains(all[0].Message, "out of files") || all[1].Message != "http: a panic left the handler" {
			t.Fatalf("lines %+v", all)
		}
		for _, l := range all {
			if l.Level != "WARN" || l.Msg != "HTTP server" {
				t.Errorf("line %+v", l)
			}
		}
	})
}

// brokenListener fails its first Accept in a way that net/http logs and retries.
type brokenListener struct {
	*pipes
	failed bool
}

func (b *brokenListener) Accept() (net.Conn, error) {
	if !b.failed {
		b.failed = true
		return nil, temporary{}
	}
	return b.pipes.Accept()
}

type temporary struct{}

func (temporary) Error() string   { return "out of files at /postback/" + command + "/" + vector }
func (temporary) Timeout() bool   { return false }
func (temporary) Temporary() bool { return true }
