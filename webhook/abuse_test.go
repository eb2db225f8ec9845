package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/webhook"
)

// drip sends text a byte a second until the connection is closed, and gives the
// answer and how long it took.
func drip(t *testing.T, dial dialer, text string) (string, time.Duration) {
	t.Helper()
	conn, err := dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	go func() {
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for i := range text {
			if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
				return
			}
			<-second.C
		}
	}()
	answer, _ := io.ReadAll(conn)
	took := time.Since(started)
	_ = conn.Close()
	return string(answer), took
}

func TestSlowSendersAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stored := &sink{}
		run := serve(t, webhook.Options{Sink: stored})

		if answer, took := drip(t, run.dial, "POST "+path(t)+" HTTP/1.1\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 400 ") || took != 5*time.Second {
			t.Errorf("slow header: %q after %v", answer, took)
		}

		conn, err := run.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		head := "POST " + path(t) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
		if _, err := io.WriteString(conn, head); err != nil {
			t.Fatal(err)
		}
		opened := func(context.Context) (net.Conn, error) { return conn, nil }
		answer, took := drip(t, opened, strings.Repeat(" ", 1000))
		// The answer comes at once, the end of the connection up to a second later.
		if !strings.HasPrefix(answer, "HTTP/1.1 408 ") || took < 8*time.Second || took >= 10*time.Second {
			t.Errorf("slow body: %q after %v", answer, took)
		}

		started := time.Now()
		if answer := <-run.open(t, whole(t)); !strings.HasPrefix(answer, "HTTP/1.1 202 ") {
			t.Errorf("idle: %q", answer)
		}
		if took := time.Since(started); took != time.Minute {
			t.Errorf("an idle connection is closed after %v", took)
		}
		if got := <-run.post(t); got.status != http.StatusAccepted || len(stored.told()) != 2 {
			t.Errorf("a good postback: %+v", got)
		}
		run.end(t)
	})
}

// A stranger cannot keep a connection: a refusal that leaves the body unread, or tells
// of no good token, ends it at once.
func TestRefusalClosesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := serve(t, webhook.Options{Sink: &sink{}})
		for _, text := range []string{
			"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET " + path(t) + " HTTP/1.1\r\nHost: x\r\n\r\n",
			"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
			"POST /postback/a/b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
			strings.Replace(whole(t), "\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n", 1),
		} {
			started := time.Now()
			answer := <-run.open(t, text)
			if !strings.HasPrefix(answer, "HTTP/1.1 4") || strings.Count(answer, "HTTP/1.1 ") != 1 {
				t.Errorf("%q: %q", text, answer)
			}
			if took := time.Since(started); took > time.Second {
				t.Errorf("%q: closed after %v", text, took)
			}
		}
		run.end(t)
	})
}

// The answer does not wait for a body that nobody wants.
func TestRefusalIsAnsweredBeforeTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := serve(t, webhook.Options{Sink: &sink{}})
		for _, target := range []string{path(t), "/postback/a/b"} {
			conn, err := run.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", target, 2<<20); err != nil {
				t.Fatal(err)
			}
			started := time.Now()
			if got := wire(t, conn); !strings.HasPrefix(got, "HTTP/1.1 4") || time.Since(started) != 0 {
				t.Errorf("%q after %v", got, time.Since(started))
			}
			_ = conn.Close()
		}
		run.end(t)
	})
}

func TestConnectionsAreCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := serve(t, webhook.Options{Sink: &sink{}, MaxConnections: 2})
		silent := run.open(t, "")
		run.open(t, whole(t))
		synctest.Wait()
		answered := run.post(t)
		synctest.Wait()
		if !pending(answered) {
			t.Error("a third connection is served beside two")
		}
		started := time.Now()
		if got := <-answered; got.status != http.StatusAccepted {
			t.Errorf("%+v", got)
		}
		if took := time.Since(started); took != 5*time.Second {
			t.Errorf("the silent connection made room after %v", took)
		}
		<-silent
		run.end(t)
	})
}
