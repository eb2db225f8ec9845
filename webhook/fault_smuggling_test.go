package webhook_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"devicebridge/webhook"
)

// TestFaultSmuggling writes what no client would. Each is answered once, quotes
// nothing, and ends the connection, so that nothing after it is taken for a request.
func TestFaultSmuggling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stored := &sink{}
		run := serve(t, webhook.Options{Sink: stored})
		head := "POST " + path(t) + " HTTP/1.1\r\nHost: x\r\n"
		for name, c := range map[string]struct{ text, want string }{
			"two lengths":        {head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345", "400"},
			"lengths in a list":  {head + "Content-Length: 5, 6\r\n\r\n12345", "400"},
			"no number":          {head + "Content-Length: x\r\n\r\n", "400"},
			"signed":             {head + "Content-Length: +5\r\n\r\n12345", "400"},
			"hexadecimal":        {head + "Content-Length: 0x5\r\n\r\n12345", "400"},
			"negative":           {head + "Content-Length: -1\r\n\r\n", "400"},
			"too large a number": {head + "Content-Length: 99999999999999999999\r\n\r\n", "400"},
			"unknown coding":     {head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
			"coding twice":       {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501"},
			"coding disguised":   {head + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", "400"},
			"bad chunk size":     {head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", "400"},
			"chunk size in 16+1": {head + "Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\n\r\n", "400"},
			"space before colon": {head + "Content-Length : 5\r\n\r\n12345", "400"},
			"folded header":      {"POST / HTTP/1.1\r\n Host: x\r\n\r\n", "400"},
			"line feeds in name": {head + "X\r: y\r\n\r\n", "400"},
			"NUL in a value":     {head + "X: \x00\r\n\r\n", "400"},
			"no host":            {"POST / HTTP/1.1\r\n\r\n", "400"},
			"two hosts":          {"POST / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"},
			"unknown version":    {"POST / HTTP/1.7\r\nHost: x\r\n\r\n", "404"},
			"HTTP/2 in clear":    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "404"},
			"header over 16 KiB": {head + "X: " + strings.Repeat("x", 32<<10) + "\r\n\r\n", "431"},
			"many headers":       {head + strings.Repeat("X: y\r\n", 8<<10) + "\r\n", "431"},
			"trace":              {"TRACE " + path(t) + " HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
			"length and chunks":  {head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
			"an expectation":     {head + "Expect: 200-ok\r\n\r\n", "417"},
			"HTTP/3 in text":     {"POST / HTTP/3.0\r\nHost: x\r\n\r\n", "505"},
			"not HTTP":           {"\x16\x03\x01\x02\x00\x01\r\n\r\n", "400"},
			"HTTP/1.0, forged":   {"POST /postback/a/b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "404"},
			"absolute, forged":   {"POST http://e.com/postback/a/b HTTP/1.1\r\nHost: x\r\n\r\n", "404"},
			"connect":            {"CONNECT e.com:443 HTTP/1.1\r\nHost: e.com:443\r\n\r\n", "404"},
		} {
			answer := <-run.open(t, c.text)
			if fields := strings.Fields(answer); len(fields) < 2 || fields[1] != c.want || strings.Count(answer, "HTTP/1.") != 1 {
				t.Errorf("%s: %q, want %s", name, answer, c.want)
			}
			checkProblem(t, parsed(t, strings.NewReader(answer)))
			if strings.Contains(answer, vector) {
				t.Errorf("%s: the answer quotes the token: %q", name, answer)
			}
		}
		if len(stored.told()) != 0 {
			t.Errorf("the sink was told %v", stored.told())
		}
		run.end(t)
	})
}

// A request whose end two readers may see in two places is taken at most once, by
// its chunks, and what stands behind it is never a request.
func TestFaultSmuggledRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stored := &sink{}
		run := serve(t, webhook.Options{Sink: stored})
		chunks := strconv.FormatInt(int64(len(done)), 16) + "\r\n" + done + "\r\n0\r\n\r\n"
		for name, head := range map[string]string{
			"length and chunks":  "HTTP/1.1\r\nHost: x\r\nContent-Length: " + strconv.Itoa(len(chunks)+len(whole(t))) + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
			"chunks and length":  "HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunks,
			"chunks":             "HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks,
			"HTTP/1.0, kept":     "HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: " + strconv.Itoa(len(done)) + "\r\n\r\n" + done,
			"HTTP/1.0, a coding": "HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: " + strconv.Itoa(len(done)) + "\r\n\r\n" + done,
		} {
			before := len(stored.told())
			answer := <-run.open(t, "POST "+path(t)+" "+head+whole(t))
			if strings.Count(answer, "HTTP/1.") != 1 || !strings.Contains(answer, " 202 Accepted\r\n") || !strings.Contains(answer, "Connection: close\r\n") {
				t.Errorf("%s: %q, want one 202 and the end of the connection", name, answer)
			}
			if taken := len(stored.told()) - before; taken != 1 {
				t.Errorf("%s: %d postbacks were taken", name, taken)
			}
		}
		run.end(t)
	})
}

// Over a real socket: two postbacks on one connection are two, so the above do not
// hold because connections always end.
func TestFaultSmugglingControl(t *testing.T) {
	stored := &sink{}
	conn := dial(t, listen(t, server(t, webhook.Options{Sink: stored}).Handler()))
	for range 2 {
		if _, err := conn.Write([]byte(whole(t))); err != nil {
			t.Fatal(err)
		}
		if got := wire(t, conn); !strings.HasPrefix(got, "HTTP/1.1 "+strconv.Itoa(http.StatusAccepted)) {
			t.Errorf("%q", got)
		}
	}
	if len(stored.told()) != 2 {
		t.Errorf("the sink was told %d times", len(stored.told()))
	}
}
