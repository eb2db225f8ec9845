package bridge

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"devicebridge/events"
)

// quickRequest reads the usual request; false for any other, a bad one among them: it
// has to be read strictly. In a usual one each member is known, has its type, is not
// empty, and is a text that needs no unescaping, but for the payload.
func quickRequest(data []byte) (r events.Request, usual bool) {
	usual = utf8.Valid(data) && eachMember(data, func(name string, value gjson.Result) bool {
		if name == "payload" {
			r.Payload = json.RawMessage(value.Raw)
			return value.Raw != "null" && value.Raw != `""`
		}
		text := textMember(&r, name)
		if text == nil || value.Type != gjson.String || value.Str == "" || strings.Contains(value.Raw, `\`) {
			return false
		}
		*text = strings.Clone(value.Str) // a part of data would keep all of it
		return true
	})
	return r, usual
}

// textMember gives the place of a request's member that is a text, nil for any other.
func textMember(r *events.Request, name string) *string {
	switch name {
	case "requestId":
		return &r.RequestID
	case "correlationId":
		return &r.CorrelationID
	case "deviceId":
		return &r.DeviceID
	case "type":
		return &r.Type
	case "appServiceName":
		return &r.AppServiceName
	case "packageFamilyName":
		return &r.PackageFamilyName
	case "expiresIn":
		return &r.ExpiresIn
	case "retryOf":
		return &r.RetryOf
	default:
		return nil
	}
}

// usualMembers is how many members a usual object has at most.
const usualMembers = 16

// eachMember calls see for each member of a usual JSON object until it gives false. It
// reports whether all were seen, and were usual: a few, whose names need no unescaping
// and come once.
func eachMember(object []byte, see func(name string, value gjson.Result) bool) bool {
	if !json.Valid(object) || !bytes.HasPrefix(bytes.TrimLeft(object, " \t\r\n"), []byte("{")) {
		return false
	}
	var met [usualMembers]string
	n, usual := 0, true
	gjson.ParseBytes(object).ForEach(func(key, value gjson.Result) bool {
		usual = n < len(met) && !strings.Contains(key.Raw, `\`) && !slices.Contains(met[:n], key.Str) && see(key.Str, value)
		if usual {
			met[n] = key.Str
			n++
		}
		return usual
	})
	return usual
}

// isCanonical reports, of a valid payload, that sorting its members changes nothing:
// it has one, a text without escapes.
func isCanonical(payload []byte) bool {
	n := 0
	return bytes.IndexByte(payload, '\\') < 0 && eachMember(payload, func(_ string, value gjson.Result) bool {
		n++
		return n == 1 && value.Type == gjson.String
	}) && n == 1
}
