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
		"id number":            {`{"id":1234567890123456789,"status":"completed"}`, events.Observation{GraphID: "1234567890123456789", Status: "completed"}},
		"id empty":             {`{"id":"","status":"completed"}`, events.Observation{Status: "completed"}},
		"id of space":          {`{"id":" ","status":"completed"}`, events.Observation{Status: "completed"}},
		"id of another type":   {`{"id":{"a":1},"status":"completed"}`, events.Observation{Status: "completed"}},
		"id too long":          {`{"status":"x","id":"` + strings.Repeat("x", 1025) + `"}`, events.Observation{Status: "x"}},
		"id of half a pair":    {`{"status":"x","id":"a\ud83c"}`, events.Observation{Status: "x"}},
		"id of a pair":         {`{"status":"x","id":"\ud83c\udf89"}`, events.Observation{Status: "x", GraphID: "🎉"}},
		"status number":        {`{"status":4711}`, events.Observation{Status: "4711"}},
		"status unusable":      {`{"status":[1],"id":"7"}`, events.Observation{GraphID: "7"}},
		"status in space":      {`{"status":" completed "}`, events.Observation{Status: " completed "}},
		"status too long":      {`{"status":"` + strings.Repeat("x", 130) + `"}`, events.Observation{Status: strings.Repeat("x", 128)}},
		"a list":               {`[{"status":"completed"}]`, events.Observation{Status: "completed"}},
		"a list in value":      {`{"value":[{"status":"completed"},{"foo":1},null,7]}`, events.Observation{Status: "completed"}},
		"value in value":       {`{"value":{"value":{"status":"x"}}}`, events.Observation{Status: "x"}},
		"in command":           {`{"command":{"Id":7,"STATUS":"x"},"time":1}`, events.Observation{GraphID: "7", Status: "x"}},
		"in commands":          {`{"commands":[{"status":"x"}]}`, events.Observation{Status: "x"}},
		"in data":              {`{"@odata.type":"t","data":{"status":"x"}}`, events.Observation{Status: "x"}},
		"command that is none": {`{"command":"c","id":"7"}`, events.Observation{GraphID: "7"}},
		"JSON in a text":       {`"{\"status\":\"x\"}"`, events.Observation{Status: "x"}},
		"a form":               {"id=7&Status=sentToTarget&error=late+again", events.Observation{GraphID: "7", Status: "sentToTarget", Error: "late again"}},
		"a form of JSON":       {"status=x&responsePayload=%7B%22a%22%3A1%7D", events.Observation{Status: "x", ResponsePayload: []byte(`{"a":1}`)}},
		"UTF-16":               {"\xff\xfe{\x00\"\x00s\x00t\x00a\x00t\x00u\x00s\x00\"\x00:\x00\"\x00x\x00\"\x00}\x00", events.Observation{Status: "x"}},
		"UTF-16, big, no mark": {"\x00{\x00\"\x00s\x00t\x00a\x00t\x00u\x00s\x00\"\x00:\x00\"\x00x\x00\"\x00}", events.Observation{Status: "x"}},
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
		"string":            {`"secret"`, "not a JSON object"},
		"null":              {"null", "not a JSON object"},
		"bad UTF-8":         {"{\"status\":\"secret\xff\"}", "not valid UTF-8"},
		"UTF-16":            {"\xff\xfe{\x00}\x00", "neither a status"},
		"half of UTF-16":    {"\xff\xfe{\x00}", "not valid UTF-8"},
		"a web page":        {`<a href="?status=secret&id=4711">`, "malformed JSON"},
		"another form":      {"secret=1&id=4711", "malformed JSON"},
		"too many wraps":    {`{"value":[{"value":[{"value":[{"status":"secret"}]}]}]}`, "value"},
		"two marks":         {"\xef\xbb\xbf\xef\xbb\xbf{}", "malformed JSON"},
		"empty object":      {"{}", "neither a status"},
		"only null":         {`{"id":null,"status":"null","responsePayload":null}`, "neither a status"},
		"other members":     {`{"secret":1}`, "neither a status"},
		"status object":     {`{"status":{"value":"secret"}}`, "status is neither"},
		"status empty":      {`{"status":""}`, "status is neither"},
		"id long":           {`{"id":"` + strings.Repeat("x", 1025) + `"}`, "neither a status"},
		"value empty":       {`{"value":{}}`, "value: neither a status"},
		"value string":      {`{"value":"secret"}`, "value: not a JSON object"},
		"empty list":        {`{"value":[]}`, "empty list"},
		"list of null":      {`{"value":[null]}`, "value: not a JSON object"},
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

// TestObservationDepth: what is nested as deep as payloads may be is taken, and what is
// deeper is left out without the rest.
func TestObservationDepth(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	if o := one(t, `{"responsePayload":`+deep(events.MaxDepth)+`}`); len(o.ResponsePayload) != 2*events.MaxDepth || o.PayloadTooDeep {
		t.Errorf("%+v", o)
	}
	for _, n := range []int{events.MaxDepth + 1, 9_900} {
		if o := one(t, `{"status":"completed","responsePayload":`+deep(n)+`}`); o.ResponsePayload != nil || !o.PayloadTooDeep || o.Status != "completed" {
			t.Errorf("%d deep: %+v", n, o)
		}
		if _, err := events.ParseObservations([]byte(`{"responsePayload":` + deep(n) + `}`)); err == nil || !strings.Contains(err.Error(), "512 deep") {
			t.Errorf("%d deep alone: %v", n, err)
		}
	}
}

func TestTooDeep(t *testing.T) {
	brackets := strings.Repeat("[{", 600)
	for value, want := range map[string]bool{
		`"` + brackets + `"`: false, `["\"` + brackets + `"]`: false, `{"\\":"` + brackets + `"}`: false,
		strings.Repeat("[[],", 600) + "0" + strings.Repeat("]", 600): true,
		"[" + strings.Repeat("[],", 600) + "0]":                      false,
	} {
		if events.TooDeep([]byte(value)) != want {
			t.Errorf("%.20s…: want %t", value, want)
		}
	}
}

func TestLoneSurrogate(t *testing.T) {
	for value, want := range map[string]bool{
		`""`: false, `"\u00e9"`: false, `"\ud83c\udf89"`: false, `"\uD83C\uDF89\ud83c\udf89"`: false, `"\\ud83c"`: false, `"\\\\ud83c"`: false,
		`"\ud83c"`: true, `"\udf89"`: true, `"\udf89\ud83c"`: true, `"\ud83c\ud83c\udf89"`: true, `"\ud83c udf89"`: true, `"\ud83c\n"`: true,
		`"\\\ud83c"`: true, `{"\ud83c":1}`: true, `["a","b\uDBFF"]`: true, `"\ufffd"`: false, `"\ud83c\u0041"`: true,
	} {
		if events.LoneSurrogate([]byte(value)) != want {
			t.Errorf("%s: want %t", value, want)
		}
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
