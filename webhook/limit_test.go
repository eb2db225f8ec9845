package webhook_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"devicebridge/events"
	"devicebridge/webhook"
)

func TestRate(t *testing.T) {
	clock := now()
	stored := &sink{}
	keys := keyring(t, firstKey())
	s := server(t, webhook.Options{Keys: keys, Sink: stored, Rate: 0.4, Burst: 3, Now: func() time.Time { return clock }})
	address := listen(t, s.Handler())
	for i := range 3 {
		if got := send(t, address, http.MethodPost, path(t), done); got.status != http.StatusAccepted {
			t.Fatalf("postback %d of the burst: %d", i, got.status)
		}
	}
	got := send(t, address, http.MethodPost, path(t), done)
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "3" {
		t.Errorf("over the burst: %d, Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
	checkProblem(t, got)
	if len(stored.told()) != 3 {
		t.Errorf("the sink was told %d times", len(stored.told()))
	}
	other := "/postback/" + stranger + "/" + keys.Token(stranger, expiry())
	if got := send(t, address, http.MethodPost, other, done); got.status != http.StatusAccepted {
		t.Errorf("another command pays for it: %d", got.status)
	}
	if got := send(t, address, http.MethodPost, "/postback/"+command+"/forged", done); got.status != http.StatusNotFound {
		t.Errorf("a forged token learns of the rate: %d", got.status)
	}
	clock = clock.Add(3 * time.Second)
	if got := send(t, address, http.MethodPost, path(t), done); got.status != http.StatusAccepted {
		t.Errorf("after Retry-After: %d", got.status)
	}
}

// The buckets are bounded: the one unused for longest goes, the others stay.
func TestRateMemoryIsBounded(t *testing.T) {
	const tracked = 8192
	keys := keyring(t, firstKey())
	handler := server(t, webhook.Options{Keys: keys, Sink: &sink{}, Rate: 0.001, Burst: 1}).Handler()
	post := func(request string) int {
		id := events.RequestCommandID(request)
		return direct(handler, http.MethodPost, "/postback/"+id+"/"+keys.Token(id, expiry()), strings.NewReader(done)).Code
	}
	for i := range tracked {
		if got := post(strconv.Itoa(i)); got != http.StatusAccepted {
			t.Fatalf("command %d: %d", i, got)
		}
	}
	if got := post("0"); got != http.StatusTooManyRequests {
		t.Errorf("a full memory forgot a command: %d", got)
	}
	if got := post("one more"); got != http.StatusAccepted {
		t.Errorf("a full memory refuses a new command: %d", got)
	}
	if got := post("0"); got != http.StatusTooManyRequests {
		t.Errorf("a command used just now was forgotten: %d", got)
	}
	if got := post("1"); got != http.StatusAccepted {
		t.Errorf("the command unused for longest was kept: %d", got)
	}
}
