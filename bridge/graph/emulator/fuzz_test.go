package emulator

import (
	"encoding/json"
	"errors"
	"net/url"
	"testing"
	"time"

	"devicebridge/bridge/graph/emulator/internal/wire"
)

// FuzzParseRequest: whatever the body, the answer is a command that keeps the documents' rules or a 400 with a message.
func FuzzParseRequest(f *testing.F) {
	for _, s := range []string{
		`{ "type" : "LaunchUri", "payload" : {"uri":"https://bing.com"}}`,
		`{"type":"AppService","appServiceName":"a","packageFamilyName":"p","payload":{},"postBackUri":"https://example.org/"}`,
		`{"type":"LaunchUri","Type":null}`, `{"payload":{"uri":"a:b","uri":1}}`, `[]`, `{`, "\xff", `{"type":"\ud800"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := parseRequest(body, false)
		if err != nil {
			if e, ok := errors.AsType[*wire.Fail](err); !ok || e.Status != 400 || e.Message == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		var payload map[string]any
		if err := json.Unmarshal(req.payload, &payload); err != nil || payload == nil {
			t.Fatalf("payload %s: %v", req.payload, err)
		}
		if req.appService && (*req.appServiceName == "" || *req.packageFamilyName == "") {
			t.Fatal("an app service without names")
		}
		if req.postBackURI != nil {
			if u, err := url.Parse(*req.postBackURI); err != nil || u.Scheme != "https" && !wire.IsLoopback(u.Hostname()) {
				t.Fatalf("postBackUri %q", *req.postBackURI)
			}
		}
	})
}

// FuzzParseRoute: no path leads to an operation without the ids that it needs.
func FuzzParseRoute(f *testing.F) {
	for _, s := range []string{
		"/beta/me/devices", "/beta/me/devices/a%2Fb/commands/c/responsePayload", "/v1.0/me/devices", "//", "/beta/me/devices/%00", "/beta/me/devices/a/command/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		rt, err := parseRoute([]string{"beta"}, u)
		if err != nil {
			return
		}
		if (rt.device == "") != (rt.op == OpDevices) {
			t.Fatalf("%+v", rt)
		}
		if (rt.command == "") != (rt.op == OpDevices || rt.op == OpDevice || rt.op == OpSend) {
			t.Fatalf("%+v", rt)
		}
	})
}

// FuzzRetryAfter: a receiver cannot make the emulator wait longer than a minute, nor spin.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "2.128", "-1", "1e300", "NaN", "+Inf", "0x1p-2", "Sat, 01 Jan 2000 00:00:09 GMT"} {
		f.Add(s)
	}
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if d := retryAfter(value, now); d != -1 && (d < 0 || d > maxPostbackWait) {
			t.Fatalf("%q: %v", value, d)
		}
	})
}
