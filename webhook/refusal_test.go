package webhook_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"devicebridge/events"
	"devicebridge/webhook"
)

// The 404 is the same byte for byte, whatever is wrong, and reads no body: the
// forged requests announce bodies that they never send.
func TestOneNotFound(t *testing.T) {
	missing := failing(&events.Error{Code: events.CodeNotFound, Message: "no such command"})
	address := listen(t, server(t, webhook.Options{Sink: missing}).Handler())
	post := func(path, body string, length int) string {
		conn := dial(t, address)
		head := "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + strconv.Itoa(length) + "\r\n\r\n"
		if _, err := io.WriteString(conn, head+body); err != nil {
			t.Fatal(err)
		}
		return wire(t, conn)
	}
	want := post(path(t), done, len(done))
	if len(missing.told()) != 1 || !strings.HasPrefix(want, "HTTP/1.1 404 Not Found\r\n") ||
		!strings.HasSuffix(want, "\r\n\r\n"+`{"type":"about:blank","title":"Not Found","status":404}`) {
		t.Fatalf("a good token without a record, sink calls %v:\n%s", missing.told(), want)
	}
	paths := map[string]string{
		"other command":   "/postback/" + stranger + "/" + vector,
		"unknown path":    "/",
		"readiness":       "/readyz",
		"no token":        "/postback/" + command,
		"empty token":     "/postback/" + command + "/",
		"empty command":   "/postback//" + vector,
		"segment more":    path(t) + "/x",
		"slash more":      path(t) + "/",
		"upper case":      strings.ToUpper(path(t)),
		"encoded token":   "/postback/" + command + "/k1%2e" + strings.TrimPrefix(vector, "k1."),
		"dot segments":    "/x/.." + path(t),
		"subject in path": "/postback/%3E/" + vector,
	}
	for name, token := range forgeries() {
		if !strings.ContainsAny(token, " \n\x00+") {
			paths[name] = "/postback/" + command + "/" + token
		}
	}
	for name, path := range paths {
		if got := post(path, "", 100); got != want {
			t.Errorf("%s: %s answers\n%s\nwant\n%s", name, path, got, want)
		}
	}
	if len(missing.told()) != 1 {
		t.Errorf("the sink was asked about a forged token: %v", missing.told())
	}
}

// Every bit of the token matters, and no forged request reads its body or
// reaches the sink.
func TestFaultForgedToken(t *testing.T) {
	never := &sink{}
	handler := server(t, webhook.Options{Sink: never, AddressBurst: 1000}).Handler()
	tokens := maps.Clone(forgeries())
	for i := range vector {
		for bit := range 8 {
			flipped := []byte(vector)
			flipped[i] ^= 1 << bit
			tokens[strconv.Itoa(i)+"/"+strconv.Itoa(bit)] = string(flipped)
		}
	}
	want := direct(handler, http.MethodPost, "/", unread{t})
	for name, token := range tokens {
		got := direct(handler, http.MethodPost, "/postback/"+command+"/"+token, unread{t})
		if got.Code != http.StatusNotFound || !bytes.Equal(got.Body.Bytes(), want.Body.Bytes()) ||
			!maps.EqualFunc(got.Header(), want.Header(), func(a, b []string) bool { return strings.Join(a, ",") == strings.Join(b, ",") }) {
			t.Errorf("%s: token %q gives %d %v %s", name, token, got.Code, got.Header(), got.Body)
		}
	}
	if len(never.told()) != 0 {
		t.Errorf("the sink was asked: %v", never.told())
	}
}

func TestMethods(t *testing.T) {
	never := &sink{}
	address := listen(t, server(t, webhook.Options{Sink: never}).Handler())
	for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "BREW"} {
		for _, path := range []string{path(t), "/postback/" + command + "/forged"} {
			got := send(t, address, method, path, "")
			if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != http.MethodPost || len(got.header.Values("Allow")) != 1 {
				t.Errorf("%s %s: %d, Allow %q", method, path, got.status, got.header.Values("Allow"))
			}
			if method != http.MethodHead {
				checkProblem(t, got)
			}
		}
		for _, path := range []string{"/", "/postback/" + command, path(t) + "/x"} {
			if got := send(t, address, method, path, ""); got.status != http.StatusNotFound || got.header.Get("Allow") != "" {
				t.Errorf("%s %s: %d", method, path, got.status)
			}
		}
	}
	if len(never.told()) != 0 {
		t.Errorf("the sink was asked: %v", never.told())
	}
}

// checkProblem asserts an RFC 9457 document that names nothing of the request.
func checkProblem(t *testing.T, got reply) {
	t.Helper()
	if got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("content type %q", got.header.Get("Content-Type"))
	}
	for name, want := range map[string]string{
		"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
		}
	}
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields()
	var document struct {
		Type, Title, Detail string
		Status              int
	}
	if err := decoder.Decode(&document); err != nil {
		t.Fatalf("%v in %q", err, got.body)
	}
	if document.Type != "about:blank" || document.Status != got.status || document.Title != http.StatusText(got.status) {
		t.Errorf("problem %+v for status %d", document, got.status)
	}
	for _, secret := range []string{command, vector, "secret"} {
		if strings.Contains(got.body, secret) {
			t.Errorf("the problem tells %q: %s", secret, got.body)
		}
	}
}
