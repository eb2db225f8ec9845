package webhook_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"devicebridge/events"
	"devicebridge/webhook"
)

func FuzzHandler(f *testing.F) {
	const good = "/postback/" + command + "/" + vector
	f.Add("POST", good, done)
	f.Add("POST", good, `{"value":[{"status":"retry"},{"Id":"x"}]}`)
	f.Add("POST", good, strings.Repeat(`{"value":`, 20_000))
	f.Add("POST", good, "{\"status\":\"\xff\"}")
	f.Add("OPTIONS", good, "")
	f.Add("GET", "/prefix"+good, "")
	f.Add("POST", "/postback/a.*.>/"+vector, done)
	f.Add("POST", "/postback//", done)
	f.Add("POST", good+"/%2e%2e/*", done)
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, method, path, body string) {
		stored := &sink{}
		var results []webhook.Result
		s := server(t, webhook.Options{Sink: stored, PathPrefix: "/prefix", MaxBody: 64 << 10, Observe: observe(&results)})
		got := direct(s.Handler(), method, path, strings.NewReader(body))
		if len(results) != 1 || !slices.Contains(webhook.Results(), results[0]) || results[0] == webhook.ResultPanicked {
			t.Fatalf("%q %q ends as %v", method, path, results)
		}
		calls := stored.told()
		if (got.Code == http.StatusAccepted) != (len(calls) == 1) || len(calls) > 1 {
			t.Fatalf("%d after %d calls of the sink", got.Code, len(calls))
		}
		if len(calls) == 1 && (!strings.HasSuffix(path, good) || method != http.MethodPost) {
			t.Errorf("%q %q reached the sink", method, path)
		}
		for _, told := range calls {
			if !events.ValidCommandID(told.command) || len(told.observations) == 0 {
				t.Errorf("the sink was told %+v", told)
			}
		}
		if strings.Contains(got.Body.String(), vector) {
			t.Errorf("the answer quotes the token: %s", got.Body)
		}
	})
}
