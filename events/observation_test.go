package events_test

import (
	"strings"
	"testing"

	"devicebridge/events"
)

// The bodies of Graph's send-device-command page.
const (
	sampleCommand = `{
  "id": "0",
  "status": "requesting",
  "type": "appService",
  "appServiceName": "appServiceName",
  "packageFamilyName": "packageFamilyName",
  "error": "null",
  "responsePayload": "null",
  "payload": "payload-JSON",
  "permissionTicket": "null",
  "postBackUri": "postbackURI"
}`
	sampleLaunchURI = `
{
  "id": "0158355AD4D680CC4E2994CC009EFFD7337D1B...",
  "status": "requesting",
  "type": null,
  "appServiceName": null,
  "packageFamilyName": null,
  "error": null,
  "permissionTicket": null,
  "postBackUri": null,
  "payload": {
    "uri": "https://bing.com"
  }
}`
	sampleAppService = `
{
  "id": "0158355AD4D680CC4E2994CC009EFFD7EADA8307E96FF1C8D19B..",
  "status": "requesting",
  "type": null,
  "appServiceName": "com.microsoft.randomnumbergenerator",
  "packageFamilyName": "Microsoft.SDKSamples.AppServicesProvider.CS_8wekyb3d8bbwe",
  "error": null,
  "permissionTicket": null,
  "postBackUri": null,
  "payload": {
    "Type": "Toast",
    "Title": "Hello",
    "Subtitle": "World!"
  }
}`
)

// The bodies of Graph's get-device-command-status page.
const (
	sampleStatus = `  {
    "id": "0",
    "status": "requesting",
    "type": "null",
    "appServiceName": "null",
    "packageFamilyName": "null",
    "error": "null",
    "responsepayload": "null",
    "payload": "null",
    "permissionTicket": "null",
    "postBackUri": "null"
  }`
	sampleWrapped = `
{
  "value":
  {
    "id": "0158355AD4D680CC4E2994CC009EFFD7337D1335FCA6ED266…",
    "status": "completed",
    "type": null,
    "appServiceName": null,
    "packageFamilyName": null,
    "error": null,
    "permissionTicket": null,
    "postBackUri": null,
    "payload": null
  }
}`
	// samplePayload is a response payload, not a command.
	samplePayload = `
{
  "@odata.context": "https://graph.microsoft.com/devices/$metadata#microsoft.graph.PayloadResponse",
  "MsIgnoredParameter":0,
  "CreationDate":"04/27/2017",
  "Type":"Ok"
}`
)

func parse(t *testing.T, body string) []events.Observation {
	t.Helper()
	observations, err := events.ParseObservations([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return observations
}

// one gives the only observation in body.
func one(t *testing.T, body string) events.Observation {
	t.Helper()
	observations := parse(t, body)
	if len(observations) != 1 {
		t.Fatalf("%s gives %d observations", body, len(observations))
	}
	return observations[0]
}

func TestDocumentedSamples(t *testing.T) {
	for name, c := range map[string]struct{ body, id, status string }{
		"send, generic":     {sampleCommand, "0", "requesting"},
		"send, LaunchUri":   {sampleLaunchURI, "0158355AD4D680CC4E2994CC009EFFD7337D1B...", "requesting"},
		"send, AppService":  {sampleAppService, "0158355AD4D680CC4E2994CC009EFFD7EADA8307E96FF1C8D19B..", "requesting"},
		"status, generic":   {sampleStatus, "0", "requesting"},
		"status, in value":  {sampleWrapped, "0158355AD4D680CC4E2994CC009EFFD7337D1335FCA6ED266…", "completed"},
		"payload, as reply": {`{"id":"0","status":"completed","responsePayload":` + samplePayload + `}`, "0", "completed"},
	} {
		o := one(t, c.body)
		if o.GraphID != c.id || o.Status != c.status || o.Error != "" || o.Digest != "" {
			t.Errorf("%s: %+v", name, o)
		}
		if hasPayload := name == "payload, as reply"; (o.ResponsePayload != nil) != hasPayload {
			t.Errorf("%s: response payload %s", name, o.ResponsePayload)
		}
	}
	if observations, err := events.ParseObservations([]byte(samplePayload)); err == nil {
		t.Errorf("a response payload alone gives %+v", observations)
	}
}

func TestObservationShapes(t *testing.T) {
	const inline = `{"a": [1, 2]}`
	for name, c := range map[string]struct {
		body string
		want events.Observation
	}{
		"bare":                 {`{"id":"7","status":"executing"}`, events.Observation{GraphID: "7", Status: "executing"}},
		"Pascal":               {`{"Id":"7","Status":"Executing","Error":"late"}`, events.Observation{GraphID: "7", Status: "Executing", Error: "late"}},
		"upper":                {`{"ID":"7","STATUS":"X"}`, events.Observation{GraphID: "7", Status: "X"}},
		"actionStatus":         {`{"actionStatus":"retry"}`, events.Observation{Status: "retry"}},
		"ActionStatus":         {`{"ActionStatus":"retry"}`, events.Observation{Status: "retry"}},
		"status first":         {`{"actionStatus":"retry","status":"completed"}`, events.Observation{Status: "completed"}},
		"status is null":       {`{"actionStatus":"retry","status":null}`, events.Observation{Status: "retry"}},
		"status says null":     {`{"actionStatus":"retry","status":"null"}`, events.Observation{Status: "retry"}},
		"id alone":             {`{"id":"7","status":"null","error":"null"}`, events.Observation{GraphID: "7"}},
		"value":                {`{"value":{"status":"x"}}`, events.Observation{Status: "x"}},
		"Value":                {`{"@odata.context":"c","Value":{"Status":"x"}}`, events.Observation{Status: "x"}},
		"list of one":          {`{"value":[{"status":"x"}]}`, events.Observation{Status: "x"}},
		"value beside status":  {`{"value":"v","status":"x"}`, events.Observation{Status: "x"}},
		"value is null":        {`{"value":null,"id":"7"}`, events.Observation{GraphID: "7"}},
		"responsePayload":      {`{"responsePayload":` + inline + `}`, events.Observation{ResponsePayload: []byte(`{"a":[1,2]}`)}},
		"responsepayload":      {`{"responsepayload": "text" }`, events.Observation{ResponsePayload: []byte(`"text"`)}},
		"ResponsePayload":      {`{"ResponsePayload":false}`, events.Observation{ResponsePayload: []byte(`false`)}},
		"payload is null":      {`{"status":"x","responsePayload":null}`, events.Observation{Status: "x"}},
		"payload says null":    {`{"status":"x","responsePayload":"null"}`, events.Observation{Status: "x"}},
		"error object":         {`{"status":"x","error":{"code":"c","Message":"late"}}`, events.Observation{Status: "x", Error: "late"}},
		"error of no message":  {`{"status":"x","error":{ "code": 7 }}`, events.Observation{Status: "x", Error: `{"code":7}`}},
		"error number":         {`{"status":"x","error":42}`, events.Observation{Status: "x", Error: "42"}},
		"error list":           {`{"status":"x","error":[ 1 ]}`, events.Observation{Status: "x", Error: "[1]"}},
		"byte order mark":      {"\xef\xbb\xbf{\"status\":\"x\"}", events.Observation{Status: "x"}},
		"white space":          {"\r\n\t{ \"status\" :\n\"x\" } ", events.Observation{Status: "x"}},
		"the same name twice":  {`{"status":"a","status":"b"}`, events.Observation{Status: "b"}},
		"names by case":        {`{"status":"b","STATUS":"a","Status":"c"}`, events.Observation{Status: "b"}},
		"null and another":     {`{"STATUS":"a","status":null}`, events.Observation{Status: "a"}},
		"longest status":       {`{"status":"` + strings.Repeat("x", 128) + `"}`, events.Observation{Status: strings.Repeat("x", 128)}},
		"longest id":           {`{"id":"` + strings.Repeat("x", 1024) + `"}`, events.Observation{GraphID: strings.Repeat("x", 1024)}},
		"long error is cut":    {`{"status":"x","error":"` + strings.Repeat("x", 2047) + `é"}`, events.Observation{Status: "x", Error: strings.Repeat("x", 2047)}},
		"escapes in the names": {`{"\u0073tatus":"x"}`, events.Observation{Status: "x"}},
		"unknown members":      {`{"status":"x","a":{"status":"y"},"b":[]}`, events.Observation{Status: "x"}},
	} {
		o := one(t, c.body)
		o.Digest = ""
		if o.GraphID != c.want.GraphID || o.Status != c.want.Status || o.Error != c.want.Error || string(o.ResponsePayload) != string(c.want.ResponsePayload) {
			t.Errorf("%s: %+v, want %+v", name, o, c.want)
		}
	}
}

func TestObservationLists(t *testing.T) {
	observations := parse(t, `{"value":[{"Status":"retry"},{"actionStatus":"executing","id":"7"},{"responsePayload":1}]}`)
	if len(observations) != 3 || observations[0].Status != "retry" || observations[1].GraphID != "7" || string(observations[2].ResponsePayload) != "1" {
		t.Errorf("%+v", observations)
	}
}

func TestUselessBodies(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, c := range map[string]struct{ body, want string }{
		"empty":             {"", "malformed JSON"},
		"cut":               {`{"status":"secret`, "malformed JSON"},
		"two values":        {`{"status":"secret"}{}`, "malformed JSON"},
		"form":              {"status=secret", "malformed JSON"},
		"list":              {`[{"status":"secret"}]`, "not a JSON object"},
		"string":            {`"secret"`, "not a JSON object"},
		"null":              {"null", "not a JSON object"},
		"bad UTF-8":         {"{\"status\":\"secret\xff\"}", "not valid UTF-8"},
		"UTF-16":            {"\xff\xfe{\x00}\x00", "not valid UTF-8"},
		"two marks":         {"\xef\xbb\xbf\xef\xbb\xbf{}", "malformed JSON"},
		"empty object":      {"{}", "neither a status"},
		"only null":         {`{"id":null,"status":"null","responsePayload":null}`, "neither a status"},
		"other members":     {`{"secret":1}`, "neither a status"},
		"status number":     {`{"status":4711}`, "status is not a string"},
		"status object":     {`{"status":{"value":"secret"}}`, "status is not a string"},
		"status empty":      {`{"status":""}`, "status is not a string"},
		"status long":       {`{"status":"` + strings.Repeat("secret", 22) + `"}`, "status is not a string of 1 to 128 bytes"},
		"id number":         {`{"status":"x","id":4711}`, "id is not a string"},
		"id long":           {`{"id":"` + strings.Repeat("x", 1025) + `"}`, "id is not a string of 1 to 1024 bytes"},
		"value empty":       {`{"value":{}}`, "value: neither a status"},
		"value string":      {`{"value":"secret"}`, "value: not a JSON object"},
		"value in value":    {`{"value":{"value":{"status":"secret"}}}`, "value: neither a status"},
		"empty list":        {`{"value":[]}`, "empty list"},
		"list of null":      {`{"value":[null]}`, "value: not a JSON object"},
		"one bad of two":    {`{"value":[{"status":"secret"},{"status":1}]}`, "value: status is not a string"},
		"nested 100,000":    {`{"status":"secret","p":` + deep(100_000) + `}`, "malformed JSON"},
		"never closed":      {strings.Repeat(`{"value":`, 100_000), "malformed JSON"},
		"NaN":               {`{"status":NaN}`, "malformed JSON"},
		"a comment":         {`{"status":"secret"/* */}`, "malformed JSON"},
		"control character": {"{\"status\":\"secret\n\"}", "malformed JSON"},
	} {
		observations, err := events.ParseObservations([]byte(c.body))
		if err == nil || observations != nil {
			t.Errorf("%s gives %+v, %v", name, observations, err)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "4711") {
			t.Errorf("%s: error %q, want %q in it and nothing of the body", name, err, c.want)
		}
	}
	if o := one(t, `{"status":"x","p":`+deep(9_000)+`}`); o.Status != "x" {
		t.Errorf("nested 9,000 deep: %+v", o)
	}
}

func TestCompact(t *testing.T) {
	for text, want := range map[string]string{
		` { "a" : [ 1.50 , "x  y" ] } `: `{"a":[1.50,"x  y"]}`,
		`"<&>"`:                         `"<&>"`,
		`{ not JSON`:                    `{ not JSON`,
	} {
		if got := events.Compact([]byte(text)); string(got) != want {
			t.Errorf("%s becomes %s, want %s", text, got, want)
		}
	}
}

func TestAListOfObservationsIsBounded(t *testing.T) {
	list := func(n int) string {
		return `{"value":[` + strings.Repeat(`{"status":"executing"},`, n-1) + `{"status":"executing"}]}`
	}
	if got, err := events.ParseObservations([]byte(list(32))); err != nil || len(got) != 32 {
		t.Errorf("32 commands: %d observations, %v", len(got), err)
	}
	if got, err := events.ParseObservations([]byte(list(33))); err == nil {
		t.Errorf("33 commands: %d observations and no error", len(got))
	}
}
