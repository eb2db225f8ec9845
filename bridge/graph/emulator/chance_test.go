package emulator_test

import (
	"devicebridge/bridge/graph/emulator"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCertainChances(t *testing.T) {
	tests := []struct {
		name       string
		faults     emulator.Faults
		statuses   map[int]bool
		retryAfter string
	}{
		{"throttle", emulator.Faults{Throttle: 1, ServiceUnavailable: 1, ServerError: 1}, map[int]bool{429: true}, "2.128"},
		{"throttle for longer", emulator.Faults{Throttle: 1, RetryAfter: 1500 * time.Millisecond}, map[int]bool{429: true}, "1.5"},
		{"unavailable", emulator.Faults{ServiceUnavailable: 1, ServiceUnavailableBare: 1}, map[int]bool{503: true}, "2.128"},
		{"bare", emulator.Faults{ServiceUnavailableBare: 1, ServerError: 1}, map[int]bool{503: true}, ""},
		{"server error", emulator.Faults{ServerError: 1}, map[int]bool{500: true, 502: true, 504: true}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := start(t, emulator.Options{Faults: tt.faults})
			seen := map[int]bool{}
			for range 50 {
				a := g.do(http.MethodPost, commands(tablet), launch)
				if !tt.statuses[a.status] || a.header.Get("Retry-After") != tt.retryAfter {
					t.Fatalf("%d, Retry-After %q", a.status, a.header.Get("Retry-After"))
				}
				seen[a.status] = true
			}
			if len(seen) != len(tt.statuses) {
				t.Errorf("only %v", seen)
			}
			taken := map[bool]bool{}
			for _, rec := range g.Commands() {
				taken[rec.Taken] = true
				if rec.Taken && rec.HTTPStatus != 502 && rec.HTTPStatus != 504 {
					t.Errorf("taken with %d", rec.HTTPStatus)
				}
			}
			if tt.name == "server error" && len(taken) != 2 {
				t.Error("a 502 or 504 leaves no doubt about the command")
			}
		})
	}
}

func TestChancesAreAboutRight(t *testing.T) {
	g := start(t, emulator.Options{Devices: []emulator.Device{{ID: "d", Script: []emulator.Step{}}}, Faults: emulator.Faults{Seed: 7, Throttle: .25}})
	n := 0
	for range 400 {
		if g.do(http.MethodPost, commands("d"), launch).status == 429 {
			n++
		}
	}
	// One fixed seed, so this cannot vary from run to run.
	if n < 80 || n > 120 {
		t.Fatalf("%d of 400 throttled", n)
	}
}

func TestFaultsOutOfRange(t *testing.T) {
	next := func(f emulator.Fault) emulator.Faults {
		return emulator.Faults{Next: []emulator.Fault{{}, f}}
	}
	for _, tt := range []struct {
		faults emulator.Faults
		name   string
	}{
		{emulator.Faults{Throttle: 1.1}, "Faults.Throttle"},
		{emulator.Faults{ServiceUnavailable: -.1}, "Faults.ServiceUnavailable"},
		{emulator.Faults{ServiceUnavailableBare: 2}, "Faults.ServiceUnavailableBare"},
		{emulator.Faults{ServerError: math.NaN()}, "Faults.ServerError"},
		{emulator.Faults{AnswerLost: math.Inf(1)}, "Faults.AnswerLost"},
		{emulator.Faults{PostbackLost: 2}, "Faults.PostbackLost"},
		{emulator.Faults{PostbackDuplicated: 2}, "Faults.PostbackDuplicated"},
		{emulator.Faults{PostbackReordered: 2}, "Faults.PostbackReordered"},
		{emulator.Faults{PostbackBeforeAnswer: 2}, "Faults.PostbackBeforeAnswer"},
		{emulator.Faults{DelayMin: 2, DelayMax: 1}, "Faults.DelayMin"},
		{emulator.Faults{DelayMin: -2, DelayMax: -1}, "Faults.DelayMax"},
		{emulator.Faults{RetryAfter: -1}, "Faults.RetryAfter"},
		{next(emulator.Fault{Kind: "flood"}), "Faults.Next[1].Kind"},
		{next(emulator.Fault{On: "everything"}), "Faults.Next[1].On"},
		{next(emulator.Fault{On: emulator.OpStatus, Kind: emulator.FaultAnswerLost}), "Faults.Next[1].Kind"},
		{next(emulator.Fault{On: emulator.OpDevices, Kind: emulator.FaultPostbackLost}), "Faults.Next[1].Kind"},
		{next(emulator.Fault{Kind: emulator.FaultServerError, Status: 503}), "Faults.Next[1].Status"},
		{next(emulator.Fault{On: emulator.OpStatus, Kind: emulator.FaultServerError, Taken: true}), "Faults.Next[1].Taken"},
		{next(emulator.Fault{Kind: emulator.FaultThrottle, Status: 429}), "Faults.Next[1]"},
		{next(emulator.Fault{Delay: -1}), "Faults.Next[1]"},
	} {
		if _, err := emulator.New(emulator.Options{Faults: tt.faults}); err == nil || !strings.Contains(err.Error(), tt.name) {
			t.Errorf("%s: %v", tt.name, err)
		}
		g := start(t, emulator.Options{})
		if err := g.SetFaults(tt.faults); err == nil || !strings.Contains(err.Error(), tt.name) {
			t.Errorf("SetFaults, %s: %v", tt.name, err)
		}
	}
}

func TestSetFaults(t *testing.T) {
	g := start(t, emulator.Options{})
	g.send(tablet, launch)
	if err := g.SetFaults(emulator.Faults{Throttle: 1}); err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, g.do(http.MethodPost, commands(tablet), launch), 429, "TooManyRequests", "")
	if err := g.SetFaults(emulator.Faults{}); err != nil {
		t.Fatal(err)
	}
	g.send(tablet, launch)
}
