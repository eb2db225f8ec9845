package webhook_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"devicebridge/events"
	"devicebridge/webhook"
)

// TestFaultSlowClients has 2,000 connections send a byte a second, in the header,
// in the body, or nothing at all: a good postback is answered beside them, and each
// of them is closed when its time is over. The clock is the bubble's.
func TestFaultSlowClients(t *testing.T) {
	const each = 500
	synctest.Test(t, func(t *testing.T) {
		stored := &sink{}
		run := serve(t, webhook.Options{Sink: stored})
		keys := keyring(t, firstKey())
		// A command for each, so that none is slowed for its rate.
		of := func(i int, text string) string {
			id := events.RequestCommandID(strconv.Itoa(i))
			return strings.ReplaceAll(text, path(t), "/postback/"+id+"/"+keys.Token(id, expiry()))
		}
		head := "POST " + path(t) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
		type ended struct {
			kind, answer string
			after        time.Duration
		}
		closed := make(chan ended, 4*each)
		slow := func(kind, at, once, slowly string) {
			conn, err := run.dialFrom(t, at)
			if err != nil {
				t.Fatal(err)
			}
			started := time.Now()
			go func() {
				_, _ = io.WriteString(conn, once)
				for i := range slowly {
					<-time.After(time.Second)
					if _, err := io.WriteString(conn, slowly[i:i+1]); err != nil {
						return
					}
				}
			}()
			go func() {
				answer, _ := io.ReadAll(conn)
				closed <- ended{kind, string(answer), time.Since(started)}
				_ = conn.Close()
			}()
		}
		for i := range each {
			slow("silent", "192.0.2.1", "", "")
			slow("header", "192.0.2.2", "", head)
			slow("body", "198.51.100.1", of(i, head), strings.Repeat(" ", 1000))
			slow("idle", "198.51.100.2", of(each+i, whole(t)), "")
		}
		synctest.Wait()
		if got := <-run.post(t); got.status != http.StatusAccepted {
			t.Errorf("a good postback beside them: %+v", got)
		}
		if len(closed) != 0 {
			t.Errorf("%d were closed before their time", len(closed))
		}
		most := map[string]time.Duration{"silent": 5 * time.Second, "header": 5 * time.Second, "body": 10 * time.Second, "idle": time.Minute}
		words := map[string]string{"silent": "", "header": "HTTP/1.1 400 ", "body": "HTTP/1.1 408 ", "idle": "HTTP/1.1 202 "}
		count := map[string]int{}
		for range 4 * each {
			e := <-closed
			count[e.kind]++
			if e.after > most[e.kind] || !strings.HasPrefix(e.answer, words[e.kind]) {
				t.Errorf("%s: closed after %v with %q", e.kind, e.after, e.answer)
			}
		}
		for kind := range most {
			if count[kind] != each {
				t.Errorf("%d of %d connections that were slow in the %s are closed", count[kind], each, kind)
			}
		}
		if len(stored.told()) != each+1 {
			t.Errorf("the sink was told %d times, want once by each idle connection and by the good postback", len(stored.told()))
		}
		run.end(t)
	})
}

// A sender that will not shake hands is closed too.
func TestFaultSlowHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := serve(t, webhook.Options{Sink: &sink{}, TLS: certificate(t)})
		started := time.Now()
		if answer := <-run.open(t, ""); answer != "" || time.Since(started) != 5*time.Second {
			t.Errorf("%q after %v", answer, time.Since(started))
		}
		run.end(t)
	})
}
