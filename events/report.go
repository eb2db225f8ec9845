package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// report is what counts of a JSON object in which Graph says something of a command,
// as the texts of its members; nil where one is absent or null. The texts are part of
// the body.
type report struct {
	status, id, failure, payload, value, wrapped json.RawMessage

	body []byte
}

// tell reads a report. The usual body is looked through once; one in which a name
// comes twice is read in full.
func tell(body []byte) (report, error) {
	if found, once := lookThrough(body); once {
		return found, nil
	}
	object, err := members(body)
	if err != nil {
		return report{}, err
	}
	status := object["status"]
	if status == nil {
		status = object["actionstatus"]
	}
	return report{
		status: status, id: object["id"], failure: object["error"],
		payload: object["responsepayload"], value: object["value"], body: body,
		wrapped: wrappedIn(object["command"], object["commands"], object["data"]),
	}, nil
}

// The members that count, by their lower-case names.
const (
	statusMember = iota
	secondStatusMember
	idMember
	errorMember
	payloadMember
	valueMember
	commandMember
	commandsMember
	dataMember
	countedMembers
)

func memberOf(name string) (int, bool) {
	switch strings.ToLower(name) {
	case "status":
		return statusMember, true
	case "actionstatus":
		return secondStatusMember, true
	case "id":
		return idMember, true
	case "error":
		return errorMember, true
	case "responsepayload":
		return payloadMember, true
	case "value":
		return valueMember, true
	case "command":
		return commandMember, true
	case "commands":
		return commandsMember, true
	case "data":
		return dataMember, true
	default:
		return 0, false
	}
}

// lookThrough gives the report of a body that is a JSON object whose names need no
// unescaping and of which none that counts comes twice, in whatever case; false for
// any other.
func lookThrough(body []byte) (found report, once bool) {
	if !json.Valid(body) || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return report{}, false
	}
	var told [countedMembers]json.RawMessage
	var met [countedMembers]bool
	once = true
	gjson.ParseBytes(body).ForEach(func(key, value gjson.Result) bool {
		member, counts := memberOf(key.Str)
		if strings.IndexByte(key.Raw, '\\') >= 0 || counts && met[member] {
			once = false
			return false
		}
		if !counts {
			return true
		}
		met[member] = true
		if raw := body[value.Index : value.Index+len(value.Raw)]; !isNull(raw) {
			told[member] = raw
		}
		return true
	})
	if told[statusMember] == nil {
		told[statusMember] = told[secondStatusMember]
	}
	return report{
		status: told[statusMember], id: told[idMember], failure: told[errorMember],
		payload: told[payloadMember], value: told[valueMember], body: body,
		wrapped: wrappedIn(told[commandMember], told[commandsMember], told[dataMember]),
	}, once
}

// wrappedIn returns the first of the members that may hold the command and does: an
// object or a list.
func wrappedIn(candidates ...json.RawMessage) json.RawMessage {
	for _, raw := range candidates {
		if text := bytes.TrimSpace(raw); len(text) > 0 && (text[0] == '{' || text[0] == '[') {
			return raw
		}
	}
	return nil
}

func isNull(v json.RawMessage) bool {
	v = bytes.TrimSpace(v)
	return len(v) == 0 || bytes.Equal(v, []byte("null")) || bytes.Equal(v, []byte(`"null"`))
}

// members gives the members of a JSON object by their lower-case names, without
// those that are null. Where two names differ only in case, the one that sorts
// last counts: lower case sorts after upper case, and is what Graph documents.
func members(body []byte) (map[string]json.RawMessage, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, errors.New("not a JSON object")
		}
		return nil, errors.New("malformed JSON")
	}
	if raw == nil {
		return nil, errors.New("not a JSON object")
	}
	lower := make(map[string]json.RawMessage, len(raw))
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		if v := raw[name]; !isNull(v) {
			lower[strings.ToLower(name)] = v
		}
	}
	return lower, nil
}
