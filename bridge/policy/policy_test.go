package policy_test

import (
	"testing"

	"devicebridge/bridge/policy"
	"devicebridge/events"
)

// TestPatterns: in a pattern only "*" is special.
func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern, id string
		want        bool
	}{
		{"*", "anything", true}, {"a", "a", true}, {"a", "A", false}, {"a", "ab", false},
		{"a*", "a", true}, {"a*", "ba", false}, {"*a", "ba", true}, {"a*a", "a", false}, {"a*a", "aa", true},
		{"a*b*c", "a1b2c", true}, {"a*b*c", "a1c2b", false}, {"*b*", "abc", true}, {"a*b*b", "ab", false}, {"**", "x", true},
		{"a+", "aa", false}, {"(a)", "a", false}, {"(a)", "(a)", true}, {"a.*", "axb", false},
	} {
		if got := with(t, `{"devices": ["never", "`+test.pattern+`"]}`).Device(test.id) == nil; got != test.want {
			t.Errorf("%q matches %q: %v", test.pattern, test.id, got)
		}
	}
}

func TestAppServices(t *testing.T) {
	p := with(t, `{"appServices": ["Example.App_8wekyb3d8bbwe/com.example.*", "Other.*/ping"]}`)
	for _, test := range []struct {
		packages, service string
		want              bool
	}{
		{"Example.App_8wekyb3d8bbwe", "com.example.ping", true},
		{"Example.App_8wekyb3d8bbwe", "ping", false},
		{"Other.App_1", "ping", true},
		{"Other.App_1/x", "ping", true},
		{"Other.App_1", "com.example.ping", false},
		{"Example.App_8wekyb3d8bbwe/com.example.ping", "", false},
	} {
		refusal := p.AppService(test.packages, test.service)
		if (refusal == nil) != test.want {
			t.Errorf("%s/%s: %v", test.packages, test.service, refusal)
		}
		if refusal != nil {
			wantRefusal(t, refusal, "appServiceName", "may not be called; rule appServices, set by the policy file")
		}
	}
	wantRefusal(t, with(t, `{"appServices": []}`).AppService("a", "b"), "appServiceName")
}

func TestAdmit(t *testing.T) {
	p := with(t, `{"devices": ["d*"], "appServices": ["pkg/svc"]}`)
	launch := func(device, payload string) events.Request {
		return events.Request{DeviceID: device, Type: string(events.TypeLaunchURI), Payload: []byte(payload)}
	}
	for payload, want := range map[string]string{
		`{"uri":"https://example.com/"}`:                                `{"uri":"https://example.com/"}`,
		`{"z":1.50,"uri":"https://example.com/?a=1&b","a":"<"}`:         `{"z":1.50,"uri":"https://example.com/?a=1&b","a":"<"}`,
		`{"z":12345678901234567890,"uri":"HTTPS://E.com/?a&b","a":"<"}`: `{"a":"<","uri":"https://e.com/?a&b","z":12345678901234567890}`,
	} {
		r, refusal := p.Admit(launch("d1", payload))
		if refusal != nil || string(r.Payload) != want || r.DeviceID != "d1" {
			t.Errorf("%s is %s (%v), want %s", payload, r.Payload, refusal, want)
		}
	}
	for payload, field := range map[string]string{
		`{"uri":"javascript:a"}`:                                    "payload.uri",
		`{"uri":"https://example.com/","Uri":"https://e.example/"}`: "payload",
		`{"Uri":"https://example.com/"}`:                            "payload.uri",
		`{"uri":1}`:                                                 "payload.uri",
	} {
		r, refusal := p.Admit(launch("d1", payload))
		wantRefusal(t, refusal, field, "; rule ")
		if string(r.Payload) != payload {
			t.Errorf("a refused %s is %s", payload, r.Payload)
		}
	}
	_, refusal := p.Admit(launch("e1", `{"uri":"javascript:a"}`))
	wantRefusal(t, refusal, "deviceId", "rule devices, set by the policy file")
	call := events.Request{DeviceID: "d1", Type: string(events.TypeAppService), PackageFamilyName: "pkg", AppServiceName: "svc", Payload: []byte(`{"uri":"javascript:a"}`)}
	if r, refusal := p.Admit(call); refusal != nil || string(r.Payload) != string(call.Payload) {
		t.Errorf("%s, %v", r.Payload, refusal)
	}
	call.AppServiceName = "other"
	_, refusal = p.Admit(call)
	wantRefusal(t, refusal, "appServiceName", "rule appServices")
}

// TestNothingSet allows any device, any app service and the web.
func TestNothingSet(t *testing.T) {
	p, err := policy.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Device("any") != nil || p.AppService("any", "any") != nil || p.Turn("c", "any", epoch, epoch) != 0 {
		t.Error("something is refused")
	}
	_, refusal := p.URI("tel:1")
	wantRefusal(t, refusal, "payload.uri", "rule uriSchemes, set by BRIDGE_URI_SCHEMES")
}

func TestLive(t *testing.T) {
	live := policy.NewLive(with(t, `{"deviceSendRate": "1/m"}`))
	ask := events.Request{DeviceID: "d1", Type: string(events.TypeAppService), PackageFamilyName: "p", AppServiceName: "s"}
	if _, refusal := live.Admit(ask); refusal != nil {
		t.Error(refusal)
	}
	until := epoch.Add(hour)
	if first, second := live.Turn("a", "d1", epoch, until), live.Turn("b", "d1", epoch, until); first != 0 || second != minute {
		t.Errorf("turns in %v and %v", first, second)
	}
	live.Replace(with(t, `{"devices": ["e*"], "deviceSendRate": "60/h"}`)) // the same rate in other words
	_, refusal := live.Admit(ask)
	wantRefusal(t, refusal, "deviceId")
	if wait := live.Turn("c", "d1", epoch, until); wait != 2*minute {
		t.Errorf("after the replacement the next turn is in %v", wait)
	}
	live.Replace(with(t, `{}`))
	if wait := live.Turn("c", "d1", epoch, until); wait != 0 {
		t.Errorf("without a rate the turn is in %v", wait)
	}
}
