package batch

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// FuzzServe: whatever the body, the batch is refused with a message, or every request of it is answered once, and what
// reaches the handler stays below the version.
func FuzzServe(f *testing.F) {
	for _, s := range []string{
		`{"requests":[{"id":"1","method":"GET","url":"/me"},{"id":"2","method":"post","url":"me?$filter=a eq 'b'","dependsOn":["1"],"headers":{"content-type":"application/json"},"body":{}}]}`,
		`{"requests":[{"id":"1","method":"GET","url":"//x/../$batch"},{"id":"2","method":"GET","url":"?#%"}]}`,
		`{"requests":[{"id":"1","method":"","url":"https://example.org/"}]}`, `{"requests":null}`, `[`, "\xff",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		requests, err := parse(body)
		if fail, ok := errors.AsType[*wire.Fail](err); err != nil && (!ok || fail.Status != http.StatusBadRequest || fail.Message == "") {
			t.Fatalf("%v", err)
		}
		r := httptest.NewRequest(http.MethodPost, "/beta/$batch", strings.NewReader(string(body)))
		r.Header.Set("Authorization", "Bearer x")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		next := http.HandlerFunc(func(_ http.ResponseWriter, in *http.Request) {
			if !strings.HasPrefix(in.URL.Path, "/beta/") || !strings.HasPrefix(in.RequestURI, "/beta/") || in.URL.Host != "" {
				t.Errorf("%q, %v", in.RequestURI, in.URL)
			}
		})
		Serve(wire.NewExchange(w, r, "innerError"), 1<<20, func(string) error { return nil }, next)
		var answer struct{ Responses []response }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || (w.Code == http.StatusOK) != (err == nil && len(requests) > 0) || len(answer.Responses) != len(requests) && w.Code == http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
