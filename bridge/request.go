package bridge

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"devicebridge/bridge/decode"
	"devicebridge/events"
)

const (
	// maxID bounds the caller's own ids, in bytes.
	maxID = 256
	// maxAppName bounds the two names of an app service, in bytes.
	maxAppName = 512
)

// readRequest reads and checks a request for a command and gives it in its
// normal form: the type in this bridge's spelling, the payload compacted, the
// duration as Go prints it. The error names the member at fault; what could be
// read comes with it.
func readRequest(header map[string][]string, data []byte, longest time.Duration) (events.Request, *events.Error) {
	r, usual := quickRequest(data)
	if !usual {
		var fault *events.Error
		if r, fault = decode.Strict[events.Request](data); fault != nil {
			return r, fault
		}
	}
	if fault := takeMessageID(header, &r.RequestID); fault != nil {
		return r, fault
	}
	if fault := checkIDs(r.RequestID, r.CorrelationID); fault != nil {
		return r, fault
	}
	if fault := checkDevice(r.DeviceID); fault != nil {
		return r, fault
	}
	typ, ok := commandType(r.Type)
	if !ok {
		return r, events.Invalid("type", `is neither "launchUri" nor "appService"`)
	}
	r.Type = string(typ)
	if fault := checkPayload(typ, &r.Payload); fault != nil {
		return r, fault
	}
	if fault := checkAppService(typ, r); fault != nil {
		return r, fault
	}
	if fault := checkDuration(&r.ExpiresIn, longest); fault != nil {
		return r, fault
	}
	if r.RetryOf != "" && !events.ValidCommandID(r.RetryOf) {
		return r, events.Invalid("retryOf", "is not the id of a command; take it from the record's id")
	}
	return r, nil
}

// takeMessageID takes the request id from the header Nats-Msg-Id where the body
// has none.
func takeMessageID(header map[string][]string, id *string) *events.Error {
	fromHeader := events.HeaderValue(header, "Nats-Msg-Id")
	switch {
	case !utf8.ValidString(fromHeader):
		return events.Invalid("requestId", "is not valid UTF-8 in the header Nats-Msg-Id")
	case fromHeader == "":
	case *id == "":
		*id = fromHeader
	case *id != fromHeader:
		return events.Invalid("requestId", "differs from the header Nats-Msg-Id; give one of them, or the same in both")
	}
	return nil
}

func checkIDs(requestID, correlationID string) *events.Error {
	for _, m := range []struct{ field, id string }{{"requestId", requestID}, {"correlationId", correlationID}} {
		if len(m.id) > maxID || strings.IndexFunc(m.id, unicode.IsControl) >= 0 {
			return events.Invalid(m.field, fmt.Sprintf("takes at most %d bytes and no control characters", maxID))
		}
	}
	return nil
}

func checkDevice(id string) *events.Error {
	switch {
	case id == "":
		return events.Invalid("deviceId", "is missing; `devices.list` gives the ids of the account's devices")
	case !events.ValidDeviceID(id):
		return events.Invalid("deviceId", "is longer than a subject can hold: at most 256 bytes, where each outside letters, digits, '_' and '-' counts for three")
	case strings.IndexFunc(id, unicode.IsControl) >= 0:
		return events.Invalid("deviceId", "has a control character")
	case id == "." || id == "..":
		return events.Invalid("deviceId", "is a path step, which cannot name a device in a URL")
	case !events.PlainName(id):
		return events.Invalid("deviceId", "is not one that Graph gives: it "+events.NameWords())
	}
	return nil
}

// commandType takes every spelling that Graph's page uses, in any case.
func commandType(text string) (events.Type, bool) {
	switch strings.ToLower(text) {
	case "launchuri":
		return events.TypeLaunchURI, true
	case "appservice", "appservices":
		return events.TypeAppService, true
	default:
		return "", false
	}
}

func checkPayload(typ events.Type, payload *json.RawMessage) *events.Error {
	given, fault := payloadURI(*payload)
	if fault == nil {
		fault = decode.CheckValue("payload", *payload)
	}
	if fault != nil {
		return fault
	}
	if bytes.ContainsAny(*payload, " \t\r\n") {
		*payload = events.Compact(*payload)
	}
	if typ != events.TypeLaunchURI {
		return nil
	}
	var uri string
	if json.Unmarshal(given, &uri) != nil || uri == "" {
		return events.Invalid("payload.uri", "is missing or not a string; launchUri needs the URI to open")
	}
	if parsed, err := url.Parse(uri); err != nil || !parsed.IsAbs() {
		return events.Invalid("payload.uri", "is not an absolute URI, such as https://example.com/")
	}
	return nil
}

// payloadURI checks that a payload is an object that has no member twice, and gives
// its member uri, nil where it has none.
func payloadURI(payload json.RawMessage) (uri json.RawMessage, fault *events.Error) {
	usual := eachMember(payload, func(name string, value gjson.Result) bool {
		if name == "uri" {
			uri = json.RawMessage(value.Raw)
		}
		return true
	})
	if usual {
		return uri, nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(payload, &members) != nil || members == nil {
		return nil, events.Invalid("payload", "is missing or not a JSON object")
	}
	if name, twice := decode.RepeatedMember(payload); twice {
		return nil, events.Invalid("payload."+events.Truncate(name, decode.MaxName), "is given twice")
	}
	return members["uri"], nil
}

func checkAppService(typ events.Type, r events.Request) *events.Error {
	for _, m := range []struct{ field, value string }{
		{"appServiceName", r.AppServiceName}, {"packageFamilyName", r.PackageFamilyName},
	} {
		switch {
		case typ == events.TypeAppService && m.value == "":
			return events.Invalid(m.field, "is missing; an appService command needs it")
		case typ == events.TypeLaunchURI && m.value != "":
			return events.Invalid(m.field, "belongs to an appService command; leave it out, or ask for type appService")
		case len(m.value) > maxAppName || strings.IndexFunc(m.value, unicode.IsControl) >= 0:
			return events.Invalid(m.field, fmt.Sprintf("takes at most %d bytes and no control characters", maxAppName))
		case m.value != "" && !events.PlainName(m.value):
			return events.Invalid(m.field, events.NameWords())
		}
	}
	return nil
}

// checkDuration brings a duration to the form in which Go prints it.
func checkDuration(text *string, longest time.Duration) *events.Error {
	if *text == "" {
		return nil
	}
	d, err := time.ParseDuration(*text)
	switch {
	case err != nil:
		return events.Invalid("expiresIn", `is not a duration such as "10m" or "1h30m"`)
	case d <= 0:
		return events.Invalid("expiresIn", "is not positive")
	case d > longest:
		return events.Invalid("expiresIn", "is longer than the "+longest.String()+" this bridge allows")
	}
	*text = d.String()
	return nil
}

// fingerprint gives the digest of a request in its normal form without the
// caller's two ids: equal for a repeat, whatever its spelling and member order.
func fingerprint(purpose string, r events.Request) string {
	r.RequestID, r.CorrelationID = "", ""
	r.Payload = canonical(r.Payload)
	text, err := json.Marshal(r)
	if err != nil {
		text = nil // a request that was decoded can be encoded
	}
	sum := sha256.Sum256(append([]byte(purpose+"\n"), text...))
	return hex.EncodeToString(sum[:])
}

// canonical sorts the members of every object; numbers keep their text.
func canonical(payload json.RawMessage) json.RawMessage {
	if isCanonical(payload) {
		return payload
	}
	return sorted(payload)
}

func sorted(payload json.RawMessage) json.RawMessage {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return payload
	}
	sorted, err := json.Marshal(value)
	if err != nil {
		return payload
	}
	return sorted
}
