package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Statuses returns every status that the endpoint answers with, ascending: those of
// the Results, and those with which net/http refuses what is no HTTP request that it
// can read (400, 417, 431, 501, 505), before a Handler sees it.
func Statuses() []int {
	seen := map[int]bool{}
	for _, result := range Results() {
		seen[result.Status()] = true
	}
	for _, status := range []int{
		http.StatusBadRequest, http.StatusExpectationFailed, http.StatusRequestHeaderFieldsTooLarge,
		http.StatusNotImplemented, http.StatusHTTPVersionNotSupported,
	} {
		seen[status] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// plainListener is a listener whose connections speak HTTP/1.
type plainListener struct{ net.Listener }

// Accept returns the next connection.
func (l plainListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return plainConn{Conn: conn}, nil
}

// plainConn is a connection of HTTP/1 on which the refusals that net/http writes by
// itself become problem documents. It writes them in one piece, past every Handler,
// and offers no hook.
type plainConn struct {
	net.Conn
	secure bool // over TLS
}

// Write writes what a Handler answered as it is, and a refusal of net/http's own as a
// problem document.
func (c plainConn) Write(p []byte) (int, error) {
	document, own := c.refusalDocument(p)
	if !own {
		return c.Conn.Write(p)
	}
	if _, err := c.Conn.Write(document); err != nil {
		return 0, err
	}
	return len(p), nil
}

// refusalDocument returns the whole answer that stands for a refusal of net/http's
// own; own is false for the bytes of any other answer. Those are told by their header:
// every refusal of a Handler here is a problem document already.
func (c plainConn) refusalDocument(p []byte) (document []byte, own bool) {
	if !bytes.HasPrefix(p, []byte("HTTP/1.")) || len(p) < len("HTTP/1.1 400 ") {
		return nil, false
	}
	status, err := strconv.Atoi(string(p[len("HTTP/1.1 "):len("HTTP/1.1 400")]))
	header, body, ended := bytes.Cut(p, []byte("\r\n\r\n"))
	if err != nil || status < http.StatusBadRequest || !ended || bytes.Contains(header, []byte("\r\nContent-Type: "+problemType+"\r\n")) {
		return nil, false
	}
	return problemAnswer(status, detailOf(status, string(body)), c.secure), true
}

// detailOf returns what net/http's text says beside the status, whose words are
// constants: they quote nothing of the request.
func detailOf(status int, text string) string {
	text = strings.TrimSpace(text)
	text = strings.TrimPrefix(text, strconv.Itoa(status)+" "+http.StatusText(status))
	return strings.TrimPrefix(text, ": ")
}

// problemAnswer returns an answer of HTTP/1.1, header and body, that ends the
// connection.
func problemAnswer(status int, detail string, secure bool) []byte {
	body, _ := json.Marshal(problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail})
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	fmt.Fprintf(&b, "Cache-Control: no-store\r\nConnection: close\r\nContent-Length: %d\r\nContent-Type: %s\r\n", len(body), problemType)
	b.WriteString("Referrer-Policy: no-referrer\r\n")
	if secure {
		b.WriteString("Strict-Transport-Security: " + strictTransport + "\r\n")
	}
	b.WriteString("X-Content-Type-Options: nosniff\r\n\r\n")
	b.Write(body)
	return b.Bytes()
}
