package events

import (
	"fmt"
	"strings"
)

// DefaultPrefix is the subject prefix where none is configured.
const DefaultPrefix = "devicebridge.v1"

const (
	// maxDeviceToken bounds the device token of a subject, in bytes.
	maxDeviceToken = 256
	maxPrefix      = 128
	// noDevice stands where a refused request or a callback names no device.
	noDevice = "_"
)

// Subjects spells every subject, filter and stream name under one prefix. Its
// zero value uses DefaultPrefix.
type Subjects struct{ prefix string }

// NewSubjects takes a subject prefix: tokens of letters, digits, '_' and '-',
// joined by dots, at most 128 bytes. Empty means DefaultPrefix.
func NewSubjects(prefix string) (Subjects, error) {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	if len(prefix) > maxPrefix {
		return Subjects{}, fmt.Errorf("subject prefix: %d bytes, at most %d are allowed", len(prefix), maxPrefix)
	}
	for token := range strings.SplitSeq(prefix, ".") {
		if token == "" || encodedLen(token) != len(token) {
			return Subjects{}, fmt.Errorf("subject prefix %q: each token between dots takes letters, digits, '_' and '-'", prefix)
		}
	}
	return Subjects{prefix: prefix}, nil
}

// Prefix gives the prefix.
func (s Subjects) Prefix() string {
	if s.prefix == "" {
		return DefaultPrefix
	}
	return s.prefix
}

// Event gives the public subject of an event: where it is stored and
// republished. deviceID is Graph's, in any form.
func (s Subjects) Event(command, deviceID string, kind Kind) string {
	return s.join("events", command, DeviceToken(deviceID), string(kind))
}

// Append gives the subject on which the bridge, and nobody else, publishes an
// event; the stream stores it under Event.
func (s Subjects) Append(command, deviceID string, kind Kind) string {
	return s.join("append", command, DeviceToken(deviceID), string(kind))
}

// Appends is the only subject the event stream listens on.
func (s Subjects) Appends() string { return s.join("append.*.*.*") }

// AppendTree and EventTree are the source and the destination of the stream's
// subject transform; EventTree is also the republish subject and the filter for
// every event.
func (s Subjects) AppendTree() string { return s.join("append.>") }

// EventTree is the filter for every event.
func (s Subjects) EventTree() string { return s.join("events.>") }

// CommandFilter is the filter for the events of one command. It is also the one
// spelling of the compare-and-set filter: on a replicated stream two spellings
// of one filter would break exclusivity.
func (s Subjects) CommandFilter(command string) string { return s.join("events", command, ">") }

// CommandKindFilter is the filter for one kind of events of one command.
func (s Subjects) CommandKindFilter(command string, kind Kind) string {
	return s.join("events", command, "*", string(kind))
}

// DeviceFilter is the filter for the events of one device.
func (s Subjects) DeviceFilter(deviceID string) string {
	return s.join("events.*", DeviceToken(deviceID), ">")
}

// KindFilter is the filter for one kind of events of every command, or of one
// device where deviceID is not empty.
func (s Subjects) KindFilter(kind Kind, deviceID string) string {
	device := "*"
	if deviceID != "" {
		device = DeviceToken(deviceID)
	}
	return s.join("events.*", device, string(kind))
}

// Service gives the subject of a micro endpoint, such as "commands.send".
func (s Subjects) Service(endpoint string) string { return s.join(endpoint) }

// Intake is the subject of the intake stream.
func (s Subjects) Intake() string { return s.join("intake.send") }

// Timers is the filter for every durable timer message.
func (s Subjects) Timers() string { return s.join("timers.>") }

// TimerAt is the subject of the one schedule of a command.
func (s Subjects) TimerAt(command string) string { return s.join("timers.at", command) }

// TimerDue is where the schedule of a command is delivered when it is due.
func (s Subjects) TimerDue(command string) string { return s.join("timers.due", command) }

// TimerAsk is the subject of the one schedule by which Graph is asked about a
// command whatever else is due for it.
func (s Subjects) TimerAsk(command string) string { return s.join("timers.ask", command) }

// TimersOf is the filter for the timer of a command, waiting or due.
func (s Subjects) TimersOf(command string) string { return s.join("timers.*", command) }

// TimersDue is the filter for every due timer.
func (s Subjects) TimersDue() string { return s.join("timers.due.*") }

// TimerSubjects is what the timer stream listens on.
func (s Subjects) TimerSubjects() []string {
	return []string{s.join("timers.at.*"), s.join("timers.ask.*"), s.TimersDue()}
}

// ParseTimer gives the command of a due timer's subject.
func (s Subjects) ParseTimer(subject string) (command string, ok bool) {
	command, found := strings.CutPrefix(subject, s.join("timers.due."))
	return command, found && ValidCommandID(command)
}

// Reserved lists the trees under the prefix in which only the bridge listens or
// publishes.
func (s Subjects) Reserved() []string {
	return append([]string{s.AppendTree(), s.Timers(), s.join("intake.>")}, s.endpoints()...)
}

// Requests lists the trees on which a requester publishes.
func (s Subjects) Requests() []string {
	return append(s.endpoints(), s.Intake())
}

// endpoints are the trees of the micro endpoints.
func (s Subjects) endpoints() []string {
	return []string{s.join("commands.>"), s.join("callbacks.>"), s.join("devices.>"), s.join("directory.>"), s.join("signin.>")}
}

// EventStream names the stream that holds every command's life.
func (s Subjects) EventStream() string { return s.stream("EVENTS") }

// IntakeStream names the work queue of requests.
func (s Subjects) IntakeStream() string { return s.stream("INTAKE") }

// TimerStream names the stream of schedules.
func (s Subjects) TimerStream() string { return s.stream("TIMERS") }

// ResponseBucket names the object store of response payloads that fit no message.
func (s Subjects) ResponseBucket() string { return s.stream("RESPONSES") }

// StateBucket names the key-value bucket of what the replicas share beside
// commands: the sealed sign-in.
func (s Subjects) StateBucket() string { return s.stream("STATE") }

// Source gives the CloudEvents source of every event under this prefix.
func (s Subjects) Source() string { return "urn:devicebridge:" + s.Prefix() }

// ParseEvent takes the public subject of an event apart. ok is false when
// subject is not one of this prefix.
func (s Subjects) ParseEvent(subject string) (command string, kind Kind, ok bool) {
	rest, found := strings.CutPrefix(subject, s.join("events."))
	tokens := strings.Split(rest, ".")
	if !found || len(tokens) != 3 {
		return "", "", false
	}
	return tokens[0], Kind(tokens[2]), true
}

func (s Subjects) join(tokens ...string) string {
	prefix := s.Prefix()
	n := len(prefix)
	for _, token := range tokens {
		n += len(".") + len(token)
	}
	var b strings.Builder
	b.Grow(n)
	b.WriteString(prefix)
	for _, token := range tokens {
		b.WriteByte('.')
		b.WriteString(token)
	}
	return b.String()
}

func (s Subjects) stream(name string) string {
	prefix := s.Prefix()
	var b strings.Builder
	b.Grow(len(prefix) + len("_") + len(name))
	for _, c := range []byte(prefix) {
		switch {
		case c == '.':
			c = '_'
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		b.WriteByte(c)
	}
	b.WriteByte('_')
	b.WriteString(name)
	return b.String()
}

// ValidDeviceID reports whether id can stand in a subject: not empty, and at
// most 256 bytes once encoded.
func ValidDeviceID(id string) bool {
	return id != "" && encodedLen(id) <= maxDeviceToken
}

// DeviceToken encodes a device id as one subject token: every byte outside
// [A-Za-z0-9_-] as %XX. An id that is empty or too long for a subject, which
// only a refused request has, gives "_".
func DeviceToken(id string) string {
	if !ValidDeviceID(id) {
		return noDevice
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(encodedLen(id))
	for i := range len(id) {
		if c := id[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

func encodedLen(id string) int {
	n := len(id)
	for i := range len(id) {
		if !plain(id[i]) {
			n += 2
		}
	}
	return n
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
