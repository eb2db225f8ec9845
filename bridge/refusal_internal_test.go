package bridge

import (
	"strings"
	"testing"
	"time"

	"devicebridge/events"
	"devicebridge/schemas/validate"
)

const (
	validLaunch = `{"deviceId":"d","type":"launchUri","payload":{"uri":"https://example.com/"}}`
	validCall   = `{"deviceId":"d","type":"appService","payload":{},"appServiceName":"a","packageFamilyName":"p"}`

	isControl    = "takes at most 256 bytes and no control characters"
	isAppName    = "takes at most 512 bytes and no control characters"
	isNotPayload = "is missing or not a JSON object"
	isNotURI     = "is missing or not a string; launchUri needs the URI to open"
	isRelative   = "is not an absolute URI, such as https://example.com/"
	isNotTime    = `is not a duration such as "10m" or "1h30m"`
	isMisplaced  = "belongs to an appService command; leave it out, or ask for type appService"
	isNeeded     = "is missing; an appService command needs it"
	isTooLong    = "is longer than a subject can hold: at most 256 bytes, where each outside letters, digits, '_' and '-' counts for three"
	isNoID       = "is not the id of a command; take it from the record's id"
	isEmpty      = "is empty; give it a value or leave it out"
	isNoType     = `is neither "launchUri" nor "appService"`
	isNoDevice   = "is missing; `devices.list` gives the ids of the account's devices"
	takes        = "is not a member of this request; it takes requestId, correlationId, deviceId, type, payload, " +
		"appServiceName, packageFamilyName, expiresIn, retryOf"
)

// refusalCase is a body that is refused. schemaTakes tells why the JSON Schema
// nevertheless takes it: it speaks of structure, in characters, and knows
// neither headers, the bridge's configuration nor what makes a URI.
type refusalCase struct {
	name, body, field, message string
	schemaTakes                string
}

// with gives a valid request with one more member, in the place of its own.
func with(valid, member string) string {
	name, _, _ := strings.Cut(member, ":")
	kept := []string{member}
	for part := range strings.SplitSeq(valid[1:len(valid)-1], ",") {
		if !strings.HasPrefix(part, name+":") {
			kept = append(kept, part)
		}
	}
	return "{" + strings.Join(kept, ",") + "}"
}

func refusals() []refusalCase {
	const device = `{"deviceId":"d","type":"launchUri"`
	long := strings.Repeat("x", 257)
	var cases []refusalCase
	for _, member := range []string{"requestId", "correlationId", "deviceId", "type", "appServiceName", "packageFamilyName", "expiresIn", "retryOf"} {
		cases = append(cases,
			refusalCase{member + " null", with(validCall, `"`+member+`":null`), member, isEmpty, ""},
			refusalCase{member + " empty", with(validCall, `"`+member+`":""`), member, isEmpty, ""})
	}
	return append(cases, []refusalCase{
		{"empty body", "", "deviceId", isNoDevice, ""},
		{"no object", `[1]`, "", "the body is not a JSON object", ""},
		{"null", `null`, "", "the body is not a JSON object", ""},
		{"malformed", `{"deviceId":`, "", "the body is not a JSON object", ""},
		{"two documents", validLaunch + `{}`, "", "the body is not a JSON object", ""},
		{"not UTF-8", "{\"deviceId\":\"\xff\"}", "", "the body is not valid UTF-8", ""},
		{"unknown member", with(validLaunch, `"x":1`), "x", takes, ""},
		{"long unknown member", with(validLaunch, `"`+long+`":1`), long[:64], takes, ""},
		{"misspelt case", `{"deviceID":"d"}`, "deviceID", "is not a member of this request; did you mean deviceId?", ""},
		{"first of two unknown", `{"b":1,"a":1}`, "a", takes, ""},

		{"device a number", `{"deviceId":7}`, "deviceId", "is a JSON number; a string is needed", ""},
		{"device an object", `{"deviceId":{}}`, "deviceId", "is a JSON object; a string is needed", ""},
		{"type a list", `{"deviceId":"d","type":[]}`, "type", "is a JSON array; a string is needed", ""},
		{"request id a boolean", with(validLaunch, `"requestId":true`), "requestId", "is a JSON bool; a string is needed", ""},

		{"request id too long", with(validLaunch, `"requestId":"`+long+`"`), "requestId", isControl, ""},
		{"request id too long in bytes", with(validLaunch, `"requestId":"`+strings.Repeat("ü", 129)+`"`), "requestId", isControl, "it counts characters"},
		{"request id with a control", with(validLaunch, `"requestId":"a\nb"`), "requestId", isControl, "it names no characters"},
		{"correlation id too long", with(validLaunch, `"correlationId":"`+long+`"`), "correlationId", isControl, ""},
		{"correlation id with a control", with(validLaunch, `"correlationId":"\u0085"`), "correlationId", isControl, "it names no characters"},

		{"device missing", `{"type":"launchUri","payload":{"uri":"a:b"}}`, "deviceId", isNoDevice, ""},
		{"device too long", with(validLaunch, `"deviceId":"`+long+`"`), "deviceId", isTooLong, ""},
		{"device too long encoded", with(validLaunch, `"deviceId":"`+strings.Repeat("*", 86)+`"`), "deviceId", isTooLong, "it cannot count an encoding"},
		{"device with a control", with(validLaunch, `"deviceId":"a\u0000"`), "deviceId", "has a control character", ""},
		{"device a path step", with(validLaunch, `"deviceId":".."`), "deviceId", "is a path step, which cannot name a device in a URL", ""},

		{"type missing", `{"deviceId":"d","payload":{}}`, "type", isNoType, ""},
		{"type unknown", with(validLaunch, `"type":"launch"`), "type", isNoType, ""},

		{"payload missing", device + `}`, "payload", isNotPayload, ""},
		{"payload null", device + `,"payload":null}`, "payload", isEmpty, ""},
		{"payload a list", device + `,"payload":[]}`, "payload", isNotPayload, ""},
		{"payload a string", device + `,"payload":"{}"}`, "payload", isNotPayload, ""},
		{"uri missing", device + `,"payload":{}}`, "payload.uri", isNotURI, ""},
		{"uri in another case", device + `,"payload":{"URI":"a:b"}}`, "payload.uri", isNotURI, ""},
		{"uri empty", device + `,"payload":{"uri":""}}`, "payload.uri", isNotURI, ""},
		{"uri a number", device + `,"payload":{"uri":1}}`, "payload.uri", isNotURI, ""},
		{"uri relative", device + `,"payload":{"uri":"/a"}}`, "payload.uri", isRelative, "it asks for no format"},
		{"uri without a scheme", device + `,"payload":{"uri":"example.com"}}`, "payload.uri", isRelative, "it asks for no format"},
		{"uri no URI", device + `,"payload":{"uri":"http://[x"}}`, "payload.uri", isRelative, "it asks for no format"},

		{"no app service", `{"deviceId":"d","type":"appService","payload":{},"packageFamilyName":"p"}`, "appServiceName", isNeeded, ""},
		{"no package", `{"deviceId":"d","type":"AppServices","payload":{},"appServiceName":"a"}`, "packageFamilyName", isNeeded, ""},
		{"app service too long", with(validCall, `"appServiceName":"`+long+long+`"`), "appServiceName", isAppName, ""},
		{"package with a control", with(validCall, `"packageFamilyName":"\t"`), "packageFamilyName", isAppName, ""},
		{"launchUri with an app service", with(validLaunch, `"appServiceName":"a"`), "appServiceName", isMisplaced, ""},
		{"launchUri with a package", with(validLaunch, `"packageFamilyName":"p"`), "packageFamilyName", isMisplaced, ""},

		{"expiry negative", with(validLaunch, `"expiresIn":"-1s"`), "expiresIn", "is not positive", ""},
		{"expiry nothing", with(validLaunch, `"expiresIn":"0m0s"`), "expiresIn", "is not positive", ""},
		{"expiry less than a nanosecond", with(validLaunch, `"expiresIn":"0.1ns"`), "expiresIn", "is not positive", "it does not calculate"},
		{"expiry garbage", with(validLaunch, `"expiresIn":"soon"`), "expiresIn", isNotTime, ""},
		{"expiry without a unit", with(validLaunch, `"expiresIn":"600"`), "expiresIn", isNotTime, ""},
		{"expiry overflows", with(validLaunch, `"expiresIn":"99999999999h"`), "expiresIn", isNotTime, "it does not calculate"},
		{"expiry too long", with(validLaunch, `"expiresIn":"72h1ns"`), "expiresIn", "is longer than the 72h0m0s this bridge allows", "the limit is the bridge's configuration"},

		{"retryOf a request id", with(validLaunch, `"retryOf":"order-4711"`), "retryOf", isNoID, ""},
		{"retryOf in upper case", with(validLaunch, `"retryOf":"XM2IGITAEA4D34IPAD5WCV3KZI"`), "retryOf", isNoID, ""},
		{"retryOf with stray bits", with(validLaunch, `"retryOf":"xm2igitaea4d34ipad5wcv3kzj"`), "retryOf", isNoID, ""},
		{"retryOf a wildcard", with(validLaunch, `"retryOf":">"`), "retryOf", isNoID, ""},
	}...)
}

func TestRefusals(t *testing.T) {
	set, err := validate.Compile()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range refusals() {
		t.Run(c.name, func(t *testing.T) {
			_, fault := readRequest(nil, []byte(c.body), 72*time.Hour)
			if fault == nil {
				t.Fatal("taken")
			}
			message := strings.TrimSpace(c.field + " " + c.message) // the message names the member too
			if want := (events.Error{Code: events.CodeInvalid, Field: c.field, Message: message}); *fault != want {
				t.Errorf("%+v, want %+v", *fault, want)
			}
			if err := set.Validate("request", []byte(c.body)); (err == nil) != (c.schemaTakes != "") {
				t.Errorf("the schema says %v, although: %q", err, c.schemaTakes)
			}
		})
	}
}

func TestTheHeaderNatsMsgID(t *testing.T) {
	header := func(id string) map[string][]string { return map[string][]string{"nats-msg-id": {id}} }
	named := with(validLaunch, `"requestId":"body"`)
	const differs = "differs from the header Nats-Msg-Id; give one of them, or the same in both"
	for _, c := range []struct{ name, header, body, id, message string }{
		{"header alone", "head", validLaunch, "head", ""},
		{"both the same", "body", named, "body", ""},
		{"empty header", "", named, "body", ""},
		{"both and different", "head", named, "", differs},
		{"another case is different", "Body", named, "", differs},
		{"header too long", strings.Repeat("x", 257), validLaunch, "", isControl},
		{"header with a control", "a\tb", validLaunch, "", isControl},
	} {
		r, fault := readRequest(header(c.header), []byte(c.body), time.Hour)
		switch {
		case c.message == "" && (fault != nil || r.RequestID != c.id):
			t.Errorf("%s: request id %q, error %v", c.name, r.RequestID, fault)
		case c.message != "" && (fault == nil || fault.Field != "requestId" || fault.Message != "requestId "+c.message):
			t.Errorf("%s: error %+v", c.name, fault)
		}
	}
}
