package schemas_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"devicebridge/schemas"
)

// bad is a valid document with one change, and what the error must name.
type bad struct {
	schema  string
	example int
	change  string // a JSON object merged over the example; null drops a member
	want    string
}

func broken() []bad {
	long := strings.Repeat("x", 257)
	return []bad{
		{"request", 0, `{"deviceId":null}`, "deviceId is missing"},
		{"request", 0, `{"deviceId":""}`, "deviceId breaks minLength"},
		{"request", 0, `{"deviceId":"` + long + `"}`, "deviceId breaks maxLength"},
		{"request", 0, `{"deviceid":"x"}`, "deviceid is not a member"},
		{"request", 0, `{"type":null}`, "type is missing"},
		{"request", 0, `{"type":"launch"}`, "type does not match"},
		{"request", 0, `{"type":"xlaunchUri"}`, "type does not match"},
		{"request", 0, `{"payload":null}`, "payload is missing"},
		{"request", 0, `{"payload":"payload-JSON"}`, "payload is string, want object"},
		{"request", 0, `{"payload":{}}`, "payload.uri is missing"},
		{"request", 0, `{"payload":{"uri":4711}}`, "payload.uri is number, want string"},
		{"request", 0, `{"type":"LAUNCHURI","payload":{"URI":"x"}}`, "payload.uri is missing"},
		{"request", 2, `{"appServiceName":null}`, "appServiceName is missing"},
		{"request", 2, `{"packageFamilyName":null}`, "packageFamilyName is missing"},
		{"request", 2, `{"type":"APPSERVICES","packageFamilyName":null}`, "packageFamilyName is missing"},
		{"request", 1, `{"requestId":""}`, "requestId breaks minLength"},
		{"request", 1, `{"requestId":"` + long + `"}`, "requestId breaks maxLength"},
		{"request", 1, `{"correlationId":7}`, "correlationId is number"},
		{"request", 1, `{"expiresIn":600}`, "expiresIn is number"},
		{"request", 1, `{"expiresIn":"600"}`, "expiresIn does not match"},
		{"request", 1, `{"expiresIn":"-1m"}`, "expiresIn does not match"},
		{"request", 1, `{"expiresIn":"0s"}`, "expiresIn does not match"},
		{"request", 0, `{"appServiceName":"a"}`, "appServiceName may not be given here"},
		{"request", 0, `{"type":"launchURI","packageFamilyName":"p"}`, "packageFamilyName may not be given here"},
		{"request", 2, `{"appServiceName":""}`, "appServiceName breaks minLength"},
		{"request", 3, `{"retryOf":"order-4711"}`, "retryOf does not match"},

		{"command", 0, `{"id":null}`, "id is missing"},
		{"command", 0, `{"id":"XM2IGITAEA4D34IPAD5WCV3KZI"}`, "id does not match"},
		{"command", 0, `{"id":"xm2igitaea4d34ipad5wcv3kzj"}`, "id does not match"},
		{"command", 0, `{"deviceId":null}`, "deviceId is missing"},
		{"command", 6, `{"erased":null}`, "erased is missing"},
		{"command", 6, `{"requestId":"order-4711"}`, "requestId"},
		{"command", 6, `{"payload":{}}`, "payload"},
		{"command", 6, `{"erased":{"state":"executing","events":[1]}}`, "erased.state must be one of"},
		{"command", 0, `{"type":"LaunchUri"}`, "type must be one of"},
		{"command", 0, `{"state":null}`, "state is missing"},
		{"command", 0, `{"state":"Accepted"}`, "state must be one of"},
		{"command", 0, `{"state":"response"}`, "state must be one of"},
		{"command", 0, `{"terminal":true}`, "terminal must be false"},
		{"command", 3, `{"terminal":false}`, "terminal must be true"},
		{"command", 3, `{"payload":{},"type":null}`, "payload may not be given here"},
		{"command", 0, `{"payload":"text"}`, "payload is string, want object"},
		{"command", 0, `{"sequence":0}`, "sequence breaks minimum"},
		{"command", 0, `{"sequence":1.5}`, "sequence is number, want integer"},
		{"command", 0, `{"sequence":1e9999999}`, "sequence is number, want integer"},
		{"command", 0, `{"attempt":-1}`, "attempt breaks minimum"},
		{"command", 0, `{"round":0}`, "round breaks minimum"},
		{"command", 0, `{"source":"graph"}`, "source must be one of"},
		{"command", 0, `{"response":"fetched"}`, "response must be one of"},
		{"command", 0, `{"requestSha256":"6B86"}`, "requestSha256 does not match"},
		{"command", 0, `{"createdAt":"yesterday"}`, "createdAt is not a valid date-time"},
		{"command", 0, `{"updatedAt":"2026-11-22T11:00:00+01:00"}`, "updatedAt does not match Z$"},
		{"command", 0, `{"expiresAt":null}`, "expiresAt is missing"},
		{"command", 0, `{"retryAt":"2026-11-22T10:00:03Z"}`, "retryAt may not be given here"},
		{"command", 0, `{"retryOf":"order"}`, "retryOf does not match"},
		{"command", 1, `{"retryAt":null}`, "retryAt is missing"},
		{"command", 1, `{"error":{"message":"x"}}`, "error.code is missing"},
		{"command", 1, `{"error":{"code":"x","message":""}}`, "error.message breaks minLength"},
		{"command", 1, `{"error":{"code":"x","message":"x","httpStatus":42}}`, "error.httpStatus breaks minimum"},
		{"command", 2, `{"response":"pending"}`, "response must be stored"},
		{"command", 2, `{"responseRef":{"bucket":"b","name":"n","size":1,"sha256":"x"}}`, "responseRef may not be given here"},
		{"command", 2, `{"graphStatus":"` + long + `"}`, "graphStatus breaks maxLength"},
		{"command", 2, `{"seen":[""]}`, "seen.0 breaks minLength"},
		{"command", 3, `{"response":"none"}`, "response must be stored"},
		{"command", 3, `{"responseRef":{"bucket":"b","name":"n","size":-1,"sha256":"x"}}`, "responseRef.size breaks minimum"},
		{"command", 3, `{"responseRef":{"bucket":"b","name":"n","size":1,"sha256":"x"}}`, "responseRef.sha256 does not match"},

		{"receipt", 0, `{"events":null}`, "events is missing"},
		{"receipt", 0, `{"events":"devicebridge.v1.events.*.>"}`, "events does not match"},
		{"receipt", 0, `{"command":{"id":"x"}}`, "command.state is missing"},
		{"receipt", 1, `{"callbackUrl":"bridge.example.com/postback"}`, "callbackUrl is not a valid uri"},
		{"error", 0, `{"error":null}`, "error is missing"},
		{"error", 0, `{"error":{"code":"teapot","message":"x"}}`, "error.code must be one of"},
		{"error", 0, `{"error":{"code":"invalid"}}`, "error.message is missing"},
		{"callback-request", 1, `{"expiresIn":"soon"}`, "expiresIn does not match"},
		{"callback-request", 1, `{"type":"launchUri"}`, "type is not a member"},
		{"id-request", 0, `{"id":null}`, "id is missing"},
		{"id-request", 0, `{"id":""}`, "id breaks minLength"},
		{"id-request", 0, `{"command":"x"}`, "command is not a member"},
		{"command-reply", 0, `{"command":null}`, "command is missing"},
		{"command-reply", 0, `{"command":{}}`, "command.sequence is missing"},
		{"list-request", 1, `{"state":"done"}`, "state must be one of"},
		{"list-request", 1, `{"limit":201}`, "limit breaks maximum"},
		{"list-request", 1, `{"limit":-1}`, "limit breaks minimum"},
		{"list-request", 1, `{"offset":1}`, "offset is not a member"},
		{"list-reply", 0, `{"commands":null}`, "commands is missing"},
		{"list-reply", 0, `{"commands":[{}]}`, "commands.0.id is missing"},
		{"list-reply", 1, `{"cursor":""}`, "cursor breaks minLength"},
		{"response-request", 0, `{"id":null}`, "id is missing"},
		{"response-request", 0, `{"id":"order-4711"}`, "id does not match"},
		{"response-request", 0, `{"requestId":"order-4711"}`, "requestId is not a member"},
		{"response-request", 1, `{"cursor":""}`, "cursor breaks minLength"},
		{"response-request", 1, `{"cursor":4711}`, "cursor is number, want string"},
		{"response-reply", 0, `{"data":null}`, "data is missing"},
		{"response-reply", 0, `{"data":""}`, "data breaks minLength"},
		{"response-reply", 0, `{"data":[1,2]}`, "data is array, want string"},
		{"response-reply", 0, `{"size":0}`, "size breaks minimum"},
		{"response-reply", 0, `{"size":"41"}`, "size is string, want integer"},
		{"response-reply", 0, `{"sha256":"x"}`, "sha256 does not match"},
		{"response-reply", 0, `{"cursor":""}`, "cursor breaks minLength"},
		{"erase-request", 0, `{"id":null}`, "id is missing"},
		{"erase-request", 0, `{"id":"order-4711"}`, "id does not match"},
		{"erase-request", 0, `{"requestId":"order-4711"}`, "requestId is not a member"},
		{"erase-request", 1, `{"reason":17}`, "reason is number, want string"},
		{"erase-reply", 0, `{"erased":null}`, "erased is missing"},
		{"erase-reply", 0, `{"erased":{"events":-1,"objects":0,"timers":0}}`, "erased.events breaks minimum"},
		{"quarantine-request", 0, `{"before":null}`, "before is missing"},
		{"quarantine-request", 0, `{"before":""}`, "before is not a valid date-time"},
		{"quarantine-request", 0, `{"before":"now"}`, "before is not a valid date-time"},
		{"quarantine-request", 0, `{"before":"2026-11-22T10:00:00"}`, "before is not a valid date-time"},
		{"quarantine-request", 0, `{"after":"2026-11-22T10:00:00Z"}`, "after is not a member"},
		{"quarantine-request", 1, `{"cursor":""}`, "cursor breaks minLength"},
		{"quarantine-reply", 0, `{"examined":null}`, "examined is missing"},
		{"quarantine-reply", 0, `{"quarantined":null}`, "quarantined is missing"},
		{"quarantine-reply", 0, `{"quarantined":-1}`, "quarantined breaks minimum"},
		{"quarantine-reply", 0, `{"cursor":4711}`, "cursor is number, want string"},
		{"signin-request", 0, `{"sealed":null}`, "sealed is missing"},
		{"signin-request", 0, `{"token":"hunter2"}`, "token is not a member"},
		{"signin-reply", 0, `{"signIn":{"mode":"static","state":"usable"}}`, "signIn.generation is missing"},
		{"signin-reply", 0, `{"signIn":{"mode":"static","state":"usable","generation":1,"key":"the key"}}`, "signIn.key does not match"},
		{"callback-keys-reply", 0, `{"keys":[{"id":"k1","signs":true}]}`, "keys.0.verifies is missing"},
		{"callback-keys-reply", 0, `{"keys":[{"id":"k.1","signs":true,"verifies":true}]}`, "keys.0.id does not match"},
		{"empty-request", 0, `{"refresh":true}`, "refresh is not a member"},
		{"devices-request", 0, `{"limit":1}`, "limit is not a member"},
		{"devices-request", 0, `{"refresh":"yes"}`, "refresh is string, want boolean"},
		{"device", 0, `{"id":""}`, "id breaks minLength"},
		{"device", 0, `{"name":null}`, "name is missing"},
		{"devices-reply", 1, `{"devices":{}}`, "devices is object, want array"},
		{"devices-reply", 1, `{"devices":[{"id":"x"}]}`, "devices.0.name is missing"},
		{"device-reply", 0, `{"device":{"name":"x"}}`, "device.id is missing"},
		{"inventory-device", 0, `{"id":null}`, "id is missing"},
		{"inventory-device", 0, `{"id":""}`, "id breaks minLength"},
		{"inventory-device", 1, `{"id":4711}`, "id is number, want string"},
		{"inventory-device", 0, `{"isManaged":"yes"}`, "isManaged is string, want null or boolean"},
		{"inventory-device", 0, `{"isManaged@odata.type":"#Boolean"}`, "does not match ^[^@]*$"},
		{"problem", 0, `{"status":200}`, "status breaks minimum"},
		{"problem", 0, `{"type":null}`, "type is missing"},
		{"problem", 0, `{"type":"https://e.com/p"}`, "type must be about:blank"},
		{"problem", 0, `{"instance":"/postback/x"}`, "instance is not a member"},
		{"postback", 0, `{"status":4711}`, "status is number"},
		{"postback", 0, `{"status":"` + long + `"}`, "status breaks maxLength"},
		{"postback", 0, `{"id":null,"status":null}`, "the document breaks minProperties"},
	}
}

func TestBrokenDocumentsAreRefused(t *testing.T) {
	set, covered := compiled(t), map[string]bool{"directory-done-reply": true} // which takes every object
	for _, c := range append(broken(), brokenDirectory()...) {
		document := object(t, marshal(t, object(t, read(t, c.schema))["examples"].([]any)[c.example]))
		var changes map[string]json.RawMessage
		if err := json.Unmarshal([]byte(c.change), &changes); err != nil {
			t.Fatal(c.change, err)
		}
		for name, value := range changes {
			if document[name] = value; string(value) == "null" {
				delete(document, name)
			}
		}
		err := set.Validate(c.schema, marshal(t, document))
		if err == nil {
			t.Errorf("%s takes %s", c.schema, c.change)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), c.schema+": ") {
			t.Errorf("%s with %s: error %q, want %q in it", c.schema, c.change, err, c.want)
		}
		covered[c.schema] = true
	}
	if len(covered) != len(schemas.Names()) {
		t.Errorf("only %v are tested", slices.Sorted(maps.Keys(covered)))
	}
}

func TestNoObject(t *testing.T) {
	set := compiled(t)
	for _, name := range schemas.Names() {
		for _, document := range []string{`[]`, `"secret"`, `null`, `4711`} {
			if err := set.Validate(name, []byte(document)); err == nil || !strings.Contains(err.Error(), "the document is ") {
				t.Errorf("%s: %s gives %v", name, document, err)
			}
		}
		for _, document := range []string{``, `{"secret`, `{} {}`} {
			if err := set.Validate(name, []byte(document)); err == nil || err.Error() != name+": malformed JSON" {
				t.Errorf("%s: %s gives %v", name, document, err)
			}
		}
	}
}

func TestFaultsQuoteNoValue(t *testing.T) {
	set := compiled(t)
	document := `{"requestId":"","deviceId":"hunter2","type":"hunter2","payload":"hunter2","expiresIn":"hunter2","retryOf":"hunter2",` +
		`"state":"hunter2","x\n\u001b[2J` + strings.Repeat("y", 500) + `":"hunter2"}`
	for _, name := range schemas.Names() {
		err := set.Validate(name, []byte(document))
		if err == nil {
			if !takesStrangers(name) {
				t.Errorf("%s takes it", name)
			}
			continue
		}
		if text := err.Error(); strings.Contains(text, "hunter2") || strings.ContainsAny(text, "\n\x1b") || len(text) > 2000 {
			t.Errorf("%s: error %q", name, text)
		}
	}
}

func TestRecordsAndRepliesStayOpen(t *testing.T) {
	set := compiled(t)
	for _, name := range []string{
		"command", "receipt", "error", "command-reply", "response-reply", "list-reply", "erase-reply", "quarantine-reply", "device", "devices-reply",
		"device-reply", "signin-reply", "callback-keys-reply", "inventory-device", "postback", "directory-device", "directory-object", "directory-list-reply", "directory-device-reply",
		"directory-done-reply", "directory-count-reply", "directory-delta-reply", "directory-objects-reply", "directory-ids-reply",
	} {
		document := object(t, marshal(t, object(t, read(t, name))["examples"].([]any)[0]))
		document["ofALaterVersion"] = 1
		if err := set.Validate(name, marshal(t, document)); err != nil {
			t.Error(err)
		}
	}
}
