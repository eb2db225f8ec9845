package events

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// recordWriter writes a record as encoding/json does with the tags of Command, which
// a test holds it against. An event is written for every step of every command, and
// by reflection that takes four times as long.
type recordWriter struct {
	bytes.Buffer
	err error
}

func (w *recordWriter) name(name string) {
	if w.Len() > 1 {
		w.WriteByte(',')
	}
	w.WriteByte('"')
	w.WriteString(name)
	w.WriteString(`":`)
}

func (w *recordWriter) text(name, value string) {
	w.name(name)
	w.quoted(value)
}

// quoted writes a string. One with something to escape is left to encoding/json.
func (w *recordWriter) quoted(value string) {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			w.any(value)
			return
		}
	}
	w.WriteByte('"')
	w.WriteString(value)
	w.WriteByte('"')
}

func (w *recordWriter) textIfAny(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *recordWriter) number(name string, value int) {
	w.name(name)
	w.Write(strconv.AppendInt(w.AvailableBuffer(), int64(value), 10))
}

// time writes a time of a year that RFC 3339 has.
func (w *recordWriter) time(name string, value time.Time) {
	w.name(name)
	if y := value.Year(); y < 0 || y > 9999 || value.Location() != time.UTC {
		w.any(value)
		return
	}
	w.WriteByte('"')
	w.Write(value.AppendFormat(w.AvailableBuffer(), time.RFC3339Nano))
	w.WriteByte('"')
}

func (w *recordWriter) raw(name string, value json.RawMessage) {
	if len(value) == 0 {
		return
	}
	w.name(name)
	if err := json.Compact(&w.Buffer, value); err != nil {
		w.fail(err)
	}
}

func (w *recordWriter) any(value any) {
	text, err := Marshal(value)
	if err != nil {
		w.fail(err)
		return
	}
	w.Write(text)
}

func (w *recordWriter) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// command writes the members of c that this version knows, without the brace at the
// end. Those that few records have are left to encoding/json.
func (w *recordWriter) command(c *Command) {
	w.WriteByte('{')
	w.text("id", c.ID)
	w.textIfAny("requestId", c.RequestID)
	w.textIfAny("correlationId", c.CorrelationID)
	w.textIfAny("retryOf", c.RetryOf)
	w.textIfAny("requestSha256", c.RequestSHA256)
	w.text("deviceId", c.DeviceID)
	w.textIfAny("type", string(c.Type))
	w.textIfAny("appServiceName", c.AppServiceName)
	w.textIfAny("packageFamilyName", c.PackageFamilyName)
	w.raw("payload", c.Payload)
	w.text("state", string(c.State))
	w.name("terminal")
	w.Write(strconv.AppendBool(w.AvailableBuffer(), c.Terminal))
	w.number("round", c.Round)
	if len(c.Seen) > 0 {
		w.name("seen")
		for i, key := range c.Seen {
			w.WriteByte("[,"[min(i, 1)])
			w.quoted(key)
		}
		w.WriteByte(']')
	}
	w.textIfAny("graphId", c.GraphID)
	w.textIfAny("graphStatus", c.GraphStatus)
	if c.Error != nil {
		w.name("error")
		w.any(c.Error)
	}
	w.text("response", string(c.Response))
	w.raw("responsePayload", c.ResponsePayload)
	if c.ResponseRef != nil {
		w.name("responseRef")
		w.any(c.ResponseRef)
	}
	w.number("sequence", c.Sequence)
	w.number("attempt", c.Attempt)
	w.text("source", string(c.Source))
	w.time("createdAt", c.CreatedAt)
	w.time("updatedAt", c.UpdatedAt)
	w.time("expiresAt", c.ExpiresAt)
	if c.RetryAt != nil {
		w.time("retryAt", *c.RetryAt)
	}
	if c.Erased != nil {
		w.name("erased")
		w.any(c.Erased)
	}
	w.textIfAny("traceparent", c.TraceParent)
	w.textIfAny("tracestate", c.TraceState)
}
