package webhook_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"devicebridge/webhook"
)

func TestBodies(t *testing.T) {
	deep := func(n int) string {
		return `{"status":"x","p":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	for name, c := range map[string]struct {
		body   string
		status int
		want   string // of the first observation's status
	}{
		"bare":              {done, 202, "completed"},
		"value":             {`{"value":{"Status":"executing"}}`, 202, "executing"},
		"list":              {`{"value":[{"actionStatus":"retry"},{"status":"completed"}]}`, 202, "retry"},
		"unknown status":    {`{"status":"dancing"}`, 202, "dancing"},
		"byte order mark":   {"\xef\xbb\xbf" + done, 202, "completed"},
		"duplicate names":   {`{"status":"executing","status":"completed"}`, 202, "completed"},
		"names by case":     {`{"STATUS":"executing","status":"completed"}`, 202, "completed"},
		"nested 9,000 deep": {deep(9_000), 202, "x"},
		"100,000 deep":      {deep(100_000), 400, ""},
		"never closed":      {strings.Repeat(`{"value":`, 100_000), 400, ""},
		"empty":             {"", 400, ""},
		"broken":            {`{"status":"secret`, 400, ""},
		"two values":        {done + done, 400, ""},
		"bad UTF-8":         {"{\"status\":\"secret\xff\"}", 400, ""},
		"UTF-16":            {"\xff\xfe{\x00}\x00", 400, ""},
		"list at the top":   {`[{"status":"completed"}]`, 202, "completed"},
		"string":            {`"secret"`, 400, ""},
		"says nothing":      {`{"secret":1}`, 400, ""},
		"status a number":   {`{"status":4711}`, 202, "4711"},
		"status too long":   {`{"status":"` + strings.Repeat("status", 100) + `"}`, 202, strings.Repeat("status", 100)[:128]},
		"form":              {"status=completed", 202, "completed"},
		"another form":      {"secret=1", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			stored := &sink{}
			address := listen(t, server(t, webhook.Options{Sink: stored}).Handler())
			got := send(t, address, http.MethodPost, path(t), c.body)
			if got.status != c.status {
				t.Fatalf("%d %s, want %d", got.status, got.body, c.status)
			}
			if c.status != http.StatusAccepted {
				checkProblem(t, got)
				if len(stored.told()) != 0 {
					t.Errorf("the sink was told %v", stored.told())
				}
				return
			}
			if got.body != "" || got.header.Get("Content-Length") != "0" || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("body %q, header %v", got.body, got.header)
			}
			if calls := stored.told(); len(calls) != 1 || calls[0].command != command || calls[0].observations[0].Status != c.want {
				t.Errorf("the sink was told %+v", calls)
			}
		})
	}
}

func TestContentTypeDoesNotMatter(t *testing.T) {
	address := listen(t, server(t, webhook.Options{Sink: &sink{}}).Handler())
	for _, kind := range []string{"", "application/json", "application/json; charset=utf-8", "text/json", "application/cloudevents+json", "text/plain"} {
		if got := send(t, address, http.MethodPost, path(t), done, "Content-Type", kind); got.status != http.StatusAccepted {
			t.Errorf("%q: %d", kind, got.status)
		}
	}
}

func TestOversizedBodies(t *testing.T) {
	never := &sink{}
	address := listen(t, server(t, webhook.Options{Sink: never}).Handler())
	t.Run("announced", func(t *testing.T) {
		// Not a byte of the body is sent, so the answer cannot have waited for one.
		conn := dial(t, address)
		_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", path(t), 2<<20)
		if err != nil {
			t.Fatal(err)
		}
		if got := wire(t, conn); !strings.HasPrefix(got, "HTTP/1.1 413 ") || !strings.Contains(got, "Connection: close\r\n") {
			t.Errorf("answer %s", got)
		}
	})
	t.Run("chunked", func(t *testing.T) {
		conn := dial(t, address)
		_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s", path(t),
			2<<20, strings.Repeat(" ", 1<<20+1))
		if err != nil {
			t.Fatal(err)
		}
		if got := wire(t, conn); !strings.HasPrefix(got, "HTTP/1.1 413 ") || !strings.Contains(got, "Connection: close\r\n") {
			t.Errorf("answer %s", got)
		}
	})
	t.Run("at the limit", func(t *testing.T) {
		stored := &sink{}
		address := listen(t, server(t, webhook.Options{Sink: stored, MaxBody: int64(len(done))}).Handler())
		if got := send(t, address, http.MethodPost, path(t), done); got.status != http.StatusAccepted {
			t.Errorf("%d bytes: %d", len(done), got.status)
		}
		if got := send(t, address, http.MethodPost, path(t), done+" "); got.status != http.StatusRequestEntityTooLarge {
			t.Errorf("a byte more: %d", got.status)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path(t), io.MultiReader(strings.NewReader(done)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := roundTrip(tcp(address), r); err != nil || got.status != http.StatusAccepted {
			t.Errorf("the same chunked: %d, %v", got.status, err)
		}
	})
	if len(never.told()) != 0 {
		t.Errorf("the sink was told %v", never.told())
	}
}

// A sender that writes all of its body before it reads sees the answer, although
// nobody wanted the body; the connection is not reset under it.
func TestRefusedSenderSeesTheAnswer(t *testing.T) {
	address := listen(t, server(t, webhook.Options{Sink: &sink{}}).Handler())
	for path, want := range map[string]string{path(t): "413", "/postback/a/b": "404"} {
		for _, header := range []string{"", "Connection: close\r\n"} {
			for range 10 {
				conn := dial(t, address)
				_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", path, header,
					4<<20, strings.Repeat(" ", 4<<20))
				if err != nil {
					t.Fatalf("%s %q: %v", want, header, err)
				}
				if got := wire(t, conn); !strings.HasPrefix(got, "HTTP/1.1 "+want) {
					t.Errorf("%s %q: %s", want, header, got)
				}
			}
		}
	}
}

func TestCompressedBodyIsRefusedUnread(t *testing.T) {
	never := &sink{}
	handler := server(t, webhook.Options{Sink: never}).Handler()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte(done))
	_ = w.Close()
	address := listen(t, handler)
	for _, encoding := range []string{"gzip", "br", "identity, gzip"} {
		got := send(t, address, http.MethodPost, path(t), zipped.String(), "Content-Encoding", encoding)
		if got.status != http.StatusUnsupportedMediaType || got.header.Get("Accept-Encoding") != "identity" {
			t.Errorf("%s: %d %v", encoding, got.status, got.header)
		}
		checkProblem(t, got)
	}
	if len(never.told()) != 0 {
		t.Errorf("the sink was told %v", never.told())
	}
	if got := send(t, address, http.MethodPost, path(t), done, "Content-Encoding", "identity"); got.status != http.StatusAccepted {
		t.Errorf("identity: %d", got.status)
	}
}

func TestCutOffBodyIsNotStored(t *testing.T) {
	for name, sent := range map[string]string{
		"length":  "Content-Length: 100\r\n\r\n" + done,
		"chunked": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(done), done),
		"garbage": "Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + done,
	} {
		never := &sink{}
		seen := make(chan webhook.Result, 1)
		s := server(t, webhook.Options{Sink: never, Observe: func(result webhook.Result, _ time.Duration) { seen <- result }})
		conn := dial(t, listen(t, s.Handler()))
		if _, err := io.WriteString(conn, "POST "+path(t)+" HTTP/1.1\r\nHost: x\r\n"+sent); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if got := <-seen; got != webhook.ResultCutOff {
			t.Errorf("%s: %s", name, got)
		}
		if len(never.told()) != 0 {
			t.Errorf("%s: the sink was told %v", name, never.told())
		}
	}
}
