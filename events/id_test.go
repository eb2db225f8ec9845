package events_test

import (
	"encoding/base32"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"devicebridge/events"
)

func TestCommandIDVectors(t *testing.T) {
	if got := events.RequestCommandID("order-4711"); got != "xm2igitaea4d34ipad5wcv3kzi" {
		t.Errorf("order-4711 gives %s", got)
	}
	created := time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC)
	if got := events.IntakeCommandID(created, 42); got != "h7j4ijk52ot7nb7imdjchevjzu" {
		t.Errorf("message 42 of the intake gives %s", got)
	}
	if got := events.IntakeCommandID(created.In(time.FixedZone("", 3600)), 42); got != "h7j4ijk52ot7nb7imdjchevjzu" {
		t.Errorf("in another zone it gives %s", got)
	}
}

func TestCommandIDsDiffer(t *testing.T) {
	created := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	seen := make(map[string]bool)
	for _, id := range []string{
		events.RequestCommandID(""), events.RequestCommandID("1"), events.RequestCommandID("1\x00"), events.RequestCommandID("\x001"),
		events.IntakeCommandID(created, 1), events.IntakeCommandID(created, 11), events.IntakeCommandID(created.Add(1), 1),
		// The two spaces of ids are apart, whatever a caller puts into a request id.
		events.RequestCommandID("2026-11-22T10:00:00Z\x001"),
		events.RandomCommandID(), events.RandomCommandID(),
	} {
		if seen[id] || !events.ValidCommandID(id) {
			t.Errorf("%s comes twice or is not valid", id)
		}
		seen[id] = true
	}
}

func TestCommandIDsAreValid(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		request := rapid.String().Draw(r, "request id")
		id := events.RequestCommandID(request)
		if !events.ValidCommandID(id) || id != events.RequestCommandID(request) {
			r.Fatalf("%q gives %s", request, id)
		}
	})
}

func TestInvalidCommandIDs(t *testing.T) {
	const valid = "xm2igitaea4d34ipad5wcv3kzi"
	if len(valid) != events.CommandIDLen || !events.ValidCommandID(valid) {
		t.Fatalf("%s is not valid", valid)
	}
	for name, id := range map[string]string{
		"empty":               "",
		"short":               valid[1:],
		"long":                valid + "a",
		"upper case":          strings.ToUpper(valid),
		"digits 0, 1, 8, 9":   "0" + valid[1:],
		"dot":                 valid[:25] + ".",
		"star":                valid[:25] + "*",
		"greater-than":        valid[:25] + ">",
		"space":               valid[:25] + " ",
		"line feed":           valid[:25] + "\n",
		"line feed inside":    valid[:12] + "\n" + valid[13:],
		"padding":             valid[:25] + "=",
		"bits after the last": valid[:25] + "j", // decodes like i, and must not name the same command
		"long s":              "ſ" + valid[2:],  // its upper case is an ASCII S
		"bad UTF-8":           "\xff" + valid[1:],
	} {
		if events.ValidCommandID(id) {
			t.Errorf("%s: %q is valid", name, id)
		}
	}
}

func FuzzValidCommandID(f *testing.F) {
	f.Add("xm2igitaea4d34ipad5wcv3kzi")
	f.Add("xm2igitaea4d34ipad5wcv3kzj")
	f.Add("XM2IGITAEA4D34IPAD5WCV3KZI")
	f.Fuzz(func(t *testing.T, id string) {
		if !events.ValidCommandID(id) {
			return
		}
		if strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Errorf("%q has other characters", id)
		}
		raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(id))
		if err != nil || len(raw) != 16 {
			t.Errorf("%q stands for %d bytes: %v", id, len(raw), err)
		}
	})
}
