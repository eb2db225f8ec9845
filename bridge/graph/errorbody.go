package graph

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// errorBody is what the body of a refusal says.
type errorBody struct {
	code, message string
	// inner are the codes of the nested innerError objects, from the outside in.
	inner     []string
	requestID string
}

// maxInner bounds how many innerError objects are read in one another.
const maxInner = 64

// readErrorBody reads what a refusal says: Graph's error object, as its page on errors
// describes it; OAuth's two texts, RFC 6749 section 5.2; a problem document, RFC 9457;
// OData's of version 3; code and message without an object around them, as API
// gateways write them; or plain text. Names count in any case, which Graph's
// `innerError` and `innererror` need, and what is of another type is skipped.
func readErrorBody(body []byte) errorBody {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	outside := membersOf(body)
	if outside == nil {
		return errorBody{message: plainText(body)}
	}
	told := errorBody{}
	object := membersOf(firstOf(outside["error"], outside["odata.error"]))
	if object == nil {
		told.code, object = textOf(outside["error"]), outside
	}
	if told.code == "" {
		told.code = textOf(firstOf(object["code"], object["errorcode"]))
	}
	for _, name := range []string{"message", "error_description", "errormessage", "detail", "title", "fault"} {
		if told.message == "" {
			told.message = messageOf(object[name])
		}
	}
	if told.message == "" && len(membersOf(outside["error"])) == 0 {
		told.message = messageOf(firstOf(outside["errors"], outside["fault"]))
	}
	inner := membersOf(object["innererror"])
	for n := 0; inner != nil && n < maxInner; n++ {
		if code := wordOf(inner["code"]); code != "" {
			told.inner = append(told.inner, code)
		}
		if told.requestID == "" {
			told.requestID = wordOf(inner["request-id"])
		}
		inner = membersOf(inner["innererror"])
	}
	return told
}

// membersOf returns the members of a JSON object by their lower-case names; nil where
// it is none.
func membersOf(raw json.RawMessage) map[string]json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || object == nil {
		return nil
	}
	lower := make(map[string]json.RawMessage, len(object))
	for name, value := range object {
		lower[strings.ToLower(name)] = value
	}
	return lower
}

func firstOf(values ...json.RawMessage) json.RawMessage {
	for _, value := range values {
		if value != nil {
			return value
		}
	}
	return nil
}

// textOf returns a text; empty for anything else.
func textOf(raw json.RawMessage) string {
	var text string
	_ = json.Unmarshal(raw, &text)
	return text
}

// wordOf returns a text, or a number as it is written; empty for anything else.
func wordOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var number json.Number
	if json.Unmarshal(raw, &number) == nil {
		return number.String()
	}
	return ""
}

// messageOf returns a text, that of an object such as {"lang": …, "value": …}, or that
// of the first in a list.
func messageOf(raw json.RawMessage) string {
	if text := wordOf(raw); text != "" {
		return text
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		raw = list[0]
	}
	object := membersOf(raw)
	for _, name := range []string{"value", "message", "detail", "faultstring"} {
		if text := wordOf(object[name]); text != "" {
			return text
		}
	}
	return wordOf(raw)
}

// plainText returns a body that is a text for people; empty for JSON of another kind, a
// web page, and what is not text.
func plainText(body []byte) string {
	if len(body) == 0 || body[0] == '<' || json.Valid(body) || body[0] == '{' || body[0] == '[' || !utf8.Valid(body) || bytes.ContainsRune(body, 0) {
		return ""
	}
	return strings.Join(strings.Fields(string(body)), " ")
}
