package policy_test

import (
	"testing"

	"devicebridge/bridge/policy"
	"devicebridge/events"
)

// FuzzParse: whatever a file holds, it is a fault or a policy, and none opens
// what is always refused.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{}`, "uriSchemes: [https]\ndevices: [a*]\nsendRate: 10/s\n", "---\n", "--- \n...\n", "a: &a [*a]", "? [a]\n: b", "!!binary a: b", "{<<: {devices: [a]}}",
		"devices: !!str [a]", "\xff", "\"devices\": [\"\\u0000\"]", "uriSchemes: [javascript]", "uriSchemes: [JAVASCRIPT]", "- - -", "null", "%YAML 1.1\n--- {}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		settings, err := policy.Parse(data)
		if err != nil {
			return
		}
		p, err := policy.New(settings)
		if err != nil {
			t.Fatalf("%q was taken, and then: %v", data, err)
		}
		for _, uri := range []string{"javascript:a", "file:///a", "ms-settings:a", "https://a@example.com/"} {
			_, refusal := p.URI(uri)
			wantRefusal(t, refusal, "payload.uri")
		}
		if _, ok := settings[policy.Devices]; ok && len(settings[policy.Devices].Words) == 0 {
			wantRefusal(t, p.Device("a"), "deviceId")
		}
		_, _ = p.Admit(events.Request{})
	})
}
