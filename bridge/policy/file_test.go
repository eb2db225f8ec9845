package policy_test

import (
	"strings"
	"testing"

	"devicebridge/bridge/policy"
)

func TestAFileReportsAllItsFaults(t *testing.T) {
	_, err := policy.Parse([]byte(`# what is wrong with it
uriSchemes: [https, javascript, HTTP, "*"]
devices: any
uriHosts:
  - example.com
  - "example.*"
  - 7
appServices: ["Example.App"]
sendRate: fast
deviceSendRate: [1/s]
urischemes: [tel]
devices: []
`))
	if err == nil {
		t.Fatal("is taken")
	}
	for _, want := range []string{
		`line 2: uriSchemes: "javascript" is refused always and cannot be allowed; take it out`,
		`line 2: uriSchemes: "HTTP" is not a scheme in lower case`,
		`line 2: uriSchemes: "*" is not a scheme`,
		`line 3: devices: is not a list; give one, [] to allow none, or leave the member out`,
		`line 6: uriHosts: "example.*" is not a host`,
		`line 7: uriHosts: is not a text; put it in quotes`,
		`line 8: appServices: "Example.App" is not <package family name>/<app service name>`,
		`line 9: sendRate: "fast" is not a rate such as 10/s`,
		`line 10: deviceSendRate: is not a rate such as 10/s`,
		`line 11: "urischemes" is no setting; the settings are uriSchemes, uriHosts, appServices, devices, sendRate and deviceSendRate`,
		`line 12: devices is given twice`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no fault %q", want)
		}
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != 11 {
		t.Errorf("%d faults:\n%v", got, err)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	for text, words := range map[string]string{
		"":                                    "is empty; write {}",
		"# nothing\n":                         "is empty",
		"- uriSchemes":                        "line 1: is not an object of settings",
		"https":                               "is not an object",
		"{":                                   "is neither YAML nor JSON: line ",
		"a: b: c":                             "is neither YAML nor JSON",
		"---\n{}\n---\n{}\n":                  "has more than one document",
		"devices:":                            "line 1: devices: is not a list",
		`{"devices": [""]}`:                   "line 1: devices: has an empty word",
		`{"sendRate": 10}`:                    "sendRate: is not a text; put it in quotes",
		`{"sendRate": "0/s"}`:                 `"0/s" is not a rate`,
		`{"devices": null}`:                   "is not a list",
		"a: &x [b]\ndevices: *x\n":            "line 2: devices: is not a list",
		strings.Repeat("#", policy.MaxFile+1): "is longer than 1048576 bytes",
	} {
		if _, err := policy.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%.40q: %v, want %q", text, err, words)
		}
	}
}

func TestJSONAndYAMLSayTheSame(t *testing.T) {
	for _, text := range []string{
		"{\n\t\"uriSchemes\": [\"https\"],\n\t\"devices\": [\"d*\"]\n}\n",
		"uriSchemes: [https]\ndevices:\n  - d*\n",
	} {
		p := with(t, text)
		if p.Device("d1") != nil || p.Device("e1") == nil {
			t.Errorf("%s: of the devices: %v, %v", text, p.Device("d1"), p.Device("e1"))
		}
		if _, refusal := p.URI("http://example.com/"); refusal == nil {
			t.Errorf("%s: http is admitted", text)
		}
	}
}

// TestAFileGoesBeforeTheEnvironment for each member that it names.
func TestAFileGoesBeforeTheEnvironment(t *testing.T) {
	base := policy.Settings{}
	for m, text := range map[policy.Member]string{
		policy.URISchemes: "https, tel", policy.Devices: "env-*", policy.AppServices: "", policy.SendRate: "5/m",
	} {
		if err := base.Set(m, text); err != nil {
			t.Fatal(err)
		}
	}
	file, err := policy.Parse([]byte(`{"devices": ["file-*"]}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.New(file.Over(base))
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, p.Device("env-1"), "deviceId", "rule devices, set by the policy file")
	if refusal := p.Device("file-1"); refusal != nil {
		t.Error(refusal)
	}
	if uri, refusal := p.URI("tel:1"); uri != "tel:1" || refusal != nil {
		t.Errorf("%q, %v", uri, refusal)
	}
	_, refusal := p.URI("http://example.com/")
	wantRefusal(t, refusal, "payload.uri", "rule uriSchemes, set by BRIDGE_URI_SCHEMES")
	if refusal := p.AppService("any", "any"); refusal != nil {
		t.Error(refusal)
	}
	if base[policy.Devices].Words[0] != "env-*" {
		t.Error("the environment's own settings were changed")
	}
}

func TestSetReportsEachWord(t *testing.T) {
	err := policy.Settings{}.Set(policy.URISchemes, "https,,file,ms-settings")
	if err == nil || strings.Count(err.Error(), "\n") != 2 || !strings.Contains(err.Error(), `"ms-settings" is refused always`) {
		t.Errorf("%v", err)
	}
	if _, err := policy.New(policy.Settings{policy.URISchemes: {Words: []string{"file"}, Source: "somewhere"}}); err == nil ||
		!strings.Contains(err.Error(), "uriSchemes, set by somewhere: \"file\" is refused always") {
		t.Errorf("%v", err)
	}
}
