package webhook_test

import (
	"strings"
	"testing"
	"time"

	"devicebridge/webhook"
)

func TestOptionFaultsAreReportedTogether(t *testing.T) {
	s, err := webhook.New(webhook.Options{
		MaxBody: -1, BodyMemory: -2, Rate: -1, MaxConnections: -1, AddressRate: -1, IdleTimeout: -1,
		RequestTimeout: 15 * time.Second, PathPrefix: "/a//b",
	})
	if err == nil || s != nil {
		t.Fatalf("got %v, %v; want a refusal", s, err)
	}
	for _, want := range []string{
		"Keys are missing", "Sink is missing", "MaxBody is negative", "BodyMemory is less than MaxBody", "Rate or Burst", "AddressRate or AddressBurst",
		"MaxConnections", "a time-out is negative", "RequestTimeout must be less than WriteTimeout", "PathPrefix",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}

func TestZeroOptionsWork(t *testing.T) {
	if _, err := webhook.New(webhook.Options{Keys: keyring(t, webhook.NewKey()), Sink: &sink{}, PathPrefix: "/"}); err != nil {
		t.Error(err)
	}
}

func TestResultsAreWhole(t *testing.T) {
	for _, result := range webhook.Results() {
		if status := result.Status(); status != 202 && (status < 400 || status > 503) {
			t.Errorf("%s has status %d", result, status)
		}
		if (result.Status() == 500) != (result == webhook.ResultPanicked) {
			t.Errorf("%s has no status of its own", result)
		}
	}
}
