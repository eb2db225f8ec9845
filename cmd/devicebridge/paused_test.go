package main

import (
	"net/http"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/events"
	"devicebridge/webhook"
)

// wantWait looks for one reason, and only that, among what a command waits for.
func wantWait(t *testing.T, waits []events.Wait, want string) {
	t.Helper()
	var names []string
	for _, w := range waits {
		if names = append(names, w.For); w.Reason == "" {
			t.Errorf("%s has no reason", w.For)
		}
	}
	if strings.Join(names, " ") != want {
		t.Errorf("it waits for %v, want %s", names, want)
	}
}

// TestAPauseIsSeenEverywhere: in readiness, the metrics, whoami, the doctor, the
// receipt and the command, and nowhere without it.
func TestAPauseIsSeenEverywhere(t *testing.T) {
	_, graphURL := cliEmulator(t, emulator.Options{})
	b := cliRunBridge(t, graphURL, map[string]string{"BRIDGE_DISPATCH": "paused"})
	const words = "paused: sending is paused by BRIDGE_DISPATCH"
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\n"+words)
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_degraded{condition="paused"} 1`)
	for _, args := range [][]string{{"whoami"}, {"send", "--device", cliCompletes, "--uri", "x:y", "--request-id", "r"}, {"get", "r"}} {
		if got := cliField(t, b.ok(args...), "waits"); !strings.HasPrefix(got, words) {
			t.Errorf("%v shows that it waits for %q", args, got)
		}
	}
	wantWait(t, cliJSON[events.Receipt](t, b.run("send", "--device", cliCompletes, "--uri", "x:y", "--json", "--wait", "1ms").stdout).Waits, "paused")
	_, found := cliDoctor(t, cliPatient(b, graphURL))
	wantFinding(t, found, "sending", stateWarn, words)
	wantFinding(t, found, "sign-in", stateOK, "usable")

	b = cliRunBridge(t, graphURL, nil)
	cliUntil(t, b.admin+"/readyz", http.StatusOK, "ready\n")
	cliUntil(t, b.admin+"/metrics", http.StatusOK, `devicebridge_degraded{condition="paused"} 0`)
	if out := b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--wait", "1m") + b.ok("whoami"); strings.Contains(out, "waits") {
		t.Errorf("nothing is waited for, and it says %s", out)
	}
	_, found = cliDoctor(t, cliPatient(b, graphURL))
	wantFinding(t, found, "sending", stateOK, "nothing keeps commands")
	wantFinding(t, found, "callback keys", stateOK, "every replica has the same")
}

// TestAReceiptTellsWhatIsWaitedFor beside a pause by the operator.
func TestAReceiptTellsWhatIsWaitedFor(t *testing.T) {
	receipt := func(b *cliBridge, args ...string) []events.Wait {
		return cliJSON[events.Receipt](t, b.ok(append([]string{"send", "--device", cliCompletes, "--uri", "https://example.com", "--json"}, args...)...)).Waits
	}
	t.Run("signIn", func(t *testing.T) {
		a := cliStartAuthority(t, authority.Options{})
		b := cliSignedOutBridge(t, a, nil)
		cliUntil(t, b.admin+"/readyz", http.StatusOK, "signIn: nobody is signed in")
		waits := receipt(b)
		wantWait(t, waits, "signIn")
		if !strings.Contains(waits[0].Reason, "devicebridge login") || waits[0].Until != nil {
			t.Errorf("%+v", waits)
		}
	})
	t.Run("throttled", func(t *testing.T) {
		b := cliStart(t, emulator.Options{Faults: emulator.Faults{ServiceUnavailable: 1, RetryAfter: 1 << 40}})
		first := cliJSON[events.Receipt](t, b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--json")).Command.ID
		b.follow(1, first, "--all", "--kind", "deferred")
		waits := receipt(b)
		wantWait(t, waits, "throttled")
		if waits[0].Until == nil {
			t.Errorf("%+v", waits)
		}
		wantWait(t, cliJSON[events.SignInReply](t, b.ok("whoami", "--json")).Waits, "throttled")
	})
	t.Run("rate", func(t *testing.T) {
		b := cliStartWith(t, emulator.Options{}, map[string]string{"BRIDGE_DEVICE_SEND_RATE": "1/h"})
		b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--wait", "1m")
		wantWait(t, receipt(b), "rate")
	})
	t.Run("circuitOpen", func(t *testing.T) {
		b := cliStartOn(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
		for range 5 {
			b.run("devices", "--refresh")
		}
		cliUntil(t, b.admin+"/readyz", http.StatusOK, "circuitOpen: ")
		wantWait(t, receipt(b), "circuitOpen")
	})
}

// TestDoctorAsksEveryReplicaForItsKeys: also where no postback meets the other replica.
func TestDoctorAsksEveryReplicaForItsKeys(t *testing.T) {
	_, graphURL := cliEmulator(t, emulator.Options{})
	key := func(id string) string {
		_, secret, _ := strings.Cut(webhook.NewKey(), ":")
		return id + ":" + secret
	}
	one, two, again := key("k1"), key("k2"), key("k1")
	for _, test := range []struct {
		name         string
		rings        []string
		state, words string
	}{
		{"the same", []string{two + "," + one, two + "," + one}, stateOK, "every replica has the same: k2, k1"},
		{"other ids", []string{one, two}, stateFail, "callbacks are signed with k1, k2, which not every replica has"},
		{"one id, other bytes", []string{one, again}, stateFail, "under the key id k1 the replicas have different bytes"},
		{"the same signer, other bytes behind", []string{two + "," + one, two + "," + again}, stateFail, "under the key id k1 the replicas have different bytes"},
		{"one lacks an old key", []string{two + "," + one, two}, stateWarn, "not every replica has k1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			nats := cliNATS(t)
			var b *cliBridge
			for _, ring := range test.rings {
				b = cliRunBridge(t, graphURL, map[string]string{"NATS_URL": nats, "BRIDGE_CALLBACK_KEYS": ring})
			}
			_, found := cliDoctor(t, cliPatient(b, graphURL), "--no-canary")
			wantFinding(t, found, "callback keys", test.state, test.words)
			for _, f := range found {
				for _, ring := range test.rings {
					for entry := range strings.SplitSeq(ring, ",") {
						if _, secret, _ := strings.Cut(entry, ":"); strings.Contains(f.Detail+f.Help, secret) {
							t.Errorf("a key is shown: %+v", f)
						}
					}
				}
			}
		})
	}
}
