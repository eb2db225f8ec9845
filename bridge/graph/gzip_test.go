package graph_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"testing"

	"devicebridge/bridge/graph"
)

// compressed serves a body as Graph does to whoever accepts gzip, and fails the
// test where the client does not.
func compressed(t *testing.T, w http.ResponseWriter, r *http.Request, status int, body []byte) {
	t.Helper()
	if r.Header.Get("Accept-Encoding") != "gzip" {
		t.Errorf("the client accepts %q", r.Header.Get("Accept-Encoding"))
	}
	var small bytes.Buffer
	z := gzip.NewWriter(&small)
	_, err := z.Write(body)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Error(err)
	}
	w.Header().Set("Content-Encoding", "gzip")
	answer(w, status, small.Bytes())
}

func TestCompressedAnswersAreRead(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		compressed(t, w, r, http.StatusOK, sample(t, "status-bare"))
	})
	if o, err := client.Command(t.Context(), deviceID, "0"); err != nil || o.GraphID != "0" {
		t.Errorf("got %+v, %v", o, err)
	}
	refusing := serve(t, func(w http.ResponseWriter, r *http.Request) {
		compressed(t, w, r, http.StatusBadRequest, []byte(`{"error":{"code":"badRequest","message":"words"}}`))
	})
	_, err := refusing.Send(t.Context(), launch())
	if e, ok := errors.AsType[*graph.Error](err); !ok || e.Message != "words" {
		t.Errorf("got %v", err)
	}
}

// TestAGzipBombIsNotUnpacked: a quarter of a megabyte that becomes 256 MiB. The
// bound is of what it becomes, and the reading ends there.
func TestAGzipBombIsNotUnpacked(t *testing.T) {
	var one bytes.Buffer
	z := gzip.NewWriter(&one)
	_, err := z.Write(make([]byte, 1<<20))
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	bomb := bytes.Repeat(one.Bytes(), 256) // gzip takes members one after the other for one text
	if len(bomb) > 1<<20 {
		t.Fatalf("it has %d bytes", len(bomb))
	}
	for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
		n := 0
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			n++
			w.Header().Set("Content-Encoding", "gzip")
			answer(w, status, bomb)
		})
		grown := allocated(func() {
			_, err := client.Command(t.Context(), deviceID, "0")
			if e, ok := errors.AsType[*graph.Error](err); graph.IsTooLarge(err) != (status == 200) || ok != (status != 200) || ok && e.StatusCode != status {
				t.Errorf("%d: %v", status, err)
			}
		})
		if grown > 128<<20 { // ReadAll grows its buffer several times on the way to 8 MiB
			t.Errorf("%d: %d bytes were allocated", status, grown)
		}
		if n != 1 {
			t.Errorf("%d: asked %d times", status, n)
		}
	}
}
