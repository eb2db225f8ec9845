package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Header names of an event message. They are written as given here; NATS keeps
// the case of header names.
const (
	HeaderContentType = "content-type"
	// HeaderWriter is the nonce of the append that wrote the event.
	HeaderWriter      = "Bridge-Writer"
	HeaderTraceParent = "traceparent"
	HeaderTraceState  = "tracestate"
	// HeaderWait of a request to commands.send asks for the answer only when the
	// command has ended, at most this long: a Go duration.
	HeaderWait = "Bridge-Wait"

	headerSpecVersion   = "ce-specversion"
	headerID            = "ce-id"
	headerType          = "ce-type"
	headerSource        = "ce-source"
	headerSubject       = "ce-subject"
	headerTime          = "ce-time"
	headerDataSchema    = "ce-dataschema"
	headerSequence      = "ce-sequence"
	headerCorrelationID = "ce-correlationid"
)

// CommandSchema is the dataschema of every event: the $id of the record's JSON
// Schema.
const CommandSchema = "urn:devicebridge:schema:command:v1"

const (
	// maxHeaders is how many headers an event has at most when it is stored: those of
	// Encode, its writer's nonce and what it expects of the stream.
	maxHeaders = 16

	typePrefix = "devicebridge.command."
	typeSuffix = ".v1"
	// typeSuffixApart is of an event whose command may be claimed, and whose payload is
	// only in the first event of the command.
	typeSuffixApart = ".v2"
	specVersion     = "1.0"
	contentJSON     = "application/json"
)

// EventType gives the CloudEvents type of a kind: devicebridge.command.<kind>.v1.
func EventType(k Kind) string { return typePrefix + string(k) + typeSuffix }

// eventType returns the CloudEvents type of the event that carries c. Replicas from
// before there were events of version 2 would send such a command without its payload;
// a version that they cannot read they leave alone.
func eventType(k Kind, c *Command) string {
	if c.apart {
		return typePrefix + string(k) + typeSuffixApart
	}
	return EventType(k)
}

// Encode gives the headers and the body of the event that carries c: CloudEvents
// 1.0 in binary mode as the NATS protocol binding has it, attributes in lower
// case with the prefix ce-, values percent-encoded where they are not plain
// printable ASCII.
func (s Subjects) Encode(kind Kind, c Command) (map[string][]string, []byte, error) {
	body, err := c.MarshalJSON()
	if err != nil {
		return nil, nil, fmt.Errorf("encode event %s: %w", c.EventID(), err)
	}
	header := make(map[string][]string, maxHeaders)
	values := make([]string, 0, maxHeaders) // one piece of memory for all
	put := func(name, value string) {
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	put(headerSpecVersion, specVersion)
	put(headerID, c.EventID())
	put(headerType, eventType(kind, &c))
	put(headerSource, s.Source())
	put(headerSubject, headerEscape(subjectOf(c)))
	put(headerTime, c.UpdatedAt.UTC().Format(time.RFC3339Nano))
	put(headerDataSchema, CommandSchema)
	put(headerSequence, sequenceText(c.Sequence))
	put(HeaderContentType, contentJSON)
	if c.CorrelationID != "" {
		put(headerCorrelationID, headerEscape(c.CorrelationID))
	}
	if c.TraceParent != "" {
		put(HeaderTraceParent, c.TraceParent)
		if c.TraceState != "" {
			put(HeaderTraceState, c.TraceState)
		}
	}
	return header, body, nil
}

// subjectOf returns what the event is about, as a path: a command of a device, or a
// command alone where the caller named no device, as for a callback.
func subjectOf(c Command) string {
	if c.DeviceID == "" {
		return "commands/" + c.ID
	}
	return "devices/" + c.DeviceID + "/commands/" + c.ID
}

// Marshal gives v as JSON on one line, without the escapes for HTML that
// json.Marshal would put into URIs and subject filters.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// Decode reads an event message. Header names count in any case. Headers that
// this version does not know are passed over, a kind that it does not know is
// given as it is, and members that it does not know stay with the record: Encode
// writes them again.
func Decode(header map[string][]string, body []byte) (Kind, Command, error) {
	typ := HeaderValue(header, headerType)
	kind, found := strings.CutPrefix(typ, typePrefix)
	kind, versioned := strings.CutSuffix(kind, typeSuffix)
	apart := false
	if !versioned {
		kind, apart = strings.CutSuffix(kind, typeSuffixApart)
	}
	if !found || !versioned && !apart || kind == "" {
		return "", Command{}, fmt.Errorf("not an event of this bridge: ce-type is %q", typ)
	}
	var c Command
	if err := c.UnmarshalJSON(body); err != nil {
		return "", Command{}, fmt.Errorf("event %s: the body is not a command record: %w", HeaderValue(header, headerID), err)
	}
	if c.apart = apart; apart && !c.lacksPayload() {
		return "", Command{}, fmt.Errorf("event %s: this version of the bridge does not know the ce-type %q", HeaderValue(header, headerID), typ)
	}
	return Kind(kind), c, nil
}

// HeadersOf reports whether the headers are those of the event that left c.
func HeadersOf(header map[string][]string, c Command) bool {
	return HeaderValue(header, headerID) == c.EventID() && HeaderValue(header, headerTime) == c.UpdatedAt.UTC().Format(time.RFC3339Nano)
}

// FirstOfCommand reports whether the headers are those of a command's first event.
func FirstOfCommand(header map[string][]string) bool {
	return strings.TrimLeft(HeaderValue(header, headerSequence), "0") == "1"
}

// sequenceDigits is how many digits ce-sequence has: as many as the largest number of
// 64 bits.
const sequenceDigits = 20

// sequenceText returns n as the sequence extension of CloudEvents asks for it: in an
// order by text, which plain numbers do not have. Events of earlier versions have them
// without the zeros, and readers take both.
func sequenceText(n int) string {
	text := strconv.Itoa(n)
	return strings.Repeat("0", max(sequenceDigits-len(text), 0)) + text
}

// HeaderValue gives the first value of the header name, whatever the case of its
// spelling; empty when absent.
func HeaderValue(header map[string][]string, name string) string {
	if v := header[name]; len(v) > 0 {
		return v[0]
	}
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	for key, v := range header {
		if textproto.CanonicalMIMEHeaderKey(key) == canonical && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// headerEscape percent-encodes as section 3.1.3.2 of the CloudEvents HTTP
// binding asks, which the NATS binding refers to: space, the double quote, the
// percent sign and everything outside printable ASCII.
func headerEscape(v string) string {
	for i := range len(v) {
		if escapes(v[i]) {
			return escaped(v)
		}
	}
	return v
}

func escapes(c byte) bool { return c <= ' ' || c > '~' || c == '"' || c == '%' }

func escaped(v string) string {
	var b strings.Builder
	for i := range len(v) {
		if c := v[i]; escapes(c) {
			_, _ = fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// HeaderUnescape reverses the percent-encoding of a CloudEvents header value; a
// value that is not validly encoded comes back as it is.
func HeaderUnescape(v string) string {
	if plain, err := url.PathUnescape(v); err == nil {
		return plain
	}
	return v
}
