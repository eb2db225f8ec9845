package policy_test

import (
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/policy"
	"devicebridge/events"
)

// with gives the policy of a file.
func with(t testing.TB, file string) *policy.Policy {
	t.Helper()
	settings, err := policy.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantRefusal checks a refusal's code and member, and that it says words.
func wantRefusal(t testing.TB, refusal *events.Error, field string, words ...string) {
	t.Helper()
	if refusal == nil {
		t.Fatal("is admitted")
	}
	if refusal.Code != events.CodeForbidden || refusal.Field != field || !strings.HasPrefix(refusal.Message, field+" ") {
		t.Errorf("%s of %q: %q, want forbidden of %q", refusal.Code, refusal.Field, refusal.Message, field)
	}
	for _, word := range words {
		if !strings.Contains(refusal.Message, word) {
			t.Errorf("%q does not say %q", refusal.Message, word)
		}
	}
}

var epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
