package bridge_test

import (
	"encoding/json"
	"fmt"
	"testing"
)

// TestNamesThatServersReadInDifferentWays are refused wherever a command names
// something, so that no policy is passed by one.
func TestNamesThatServersReadInDifferentWays(t *testing.T) {
	store := new(memory)
	r := build(t, store, nil)
	for _, name := range []string{
		"dev-1/../../evil", `dev-1\evil`, "dev-1?x", "dev-1#x", "dev-1%2f..", "dev-1;x", "dev-1\u202e", "dev-1\u200e", "dev-1\u200b", "dev 1", ".", "..", "...", "dév", "dev-1\n",
	} {
		text, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		for field, body := range map[string]string{
			"deviceId":          `{"deviceId":%s,"type":"launchUri","payload":{"uri":"https://example.com/"}}`,
			"appServiceName":    `{"deviceId":"d","type":"appService","appServiceName":%s,"packageFamilyName":"p","payload":{}}`,
			"packageFamilyName": `{"deviceId":"d","type":"appService","appServiceName":"s","packageFamilyName":%s,"payload":{}}`,
		} {
			_, err := r.Send(t.Context(), nil, fmt.Appendf(nil, body, text))
			wantInvalid(t, name, err, field)
		}
		_, err = r.CreateCallback(t.Context(), nil, fmt.Appendf(nil, `{"deviceId":%s}`, text))
		wantInvalid(t, name, err, "deviceId")
	}
	if len(store.log) != 0 {
		t.Errorf("%d events are stored", len(store.log))
	}
}
