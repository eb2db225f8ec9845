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
	text []byte
	err  error
}

func (w *recordWriter) name(name string) {
	if len(w.text) > 1 {
		w.text = append(w.text, ',')
	}
	w.text = append(w.text, '"')
	w.text = append(w.text, name...)
	w.text = append(w.text, `":`...)
}

func (w *recordWriter) string(name, value string) {
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
	w.text = append(w.text, '"')
	w.text = append(w.text, value...)
	w.text = append(w.text, '"')
}

func (w *recordWriter) stringIfAny(name, value string) {
	if value != "" {
		w.string(name, value)
	}
}

func (w *recordWriter) number(name string, value int) {
	w.name(name)
	w.text = strconv.AppendInt(w.text, int64(value), 10)
}

// time writes a time of a year that RFC 3339 has.
func (w *recordWriter) time(name string, value time.Time) {
	w.name(name)
	if y := value.Year(); y < 0 || y > 9999 || value.Location() != time.UTC {
		w.any(value)
		return
	}
	w.text = append(w.text, '"')
	w.text = value.AppendFormat(w.text, time.RFC3339Nano)
	w.text = append(w.text, '"')
}

func (w *recordWriter) raw(name string, value json.RawMessage) {
	if len(value) == 0 {
		return
	}
	w.name(name)
	compact := bytes.NewBuffer(w.text)
	if err := json.Compact(compact, value); err != nil {
		w.fail(err)
	}
	w.text = compact.Bytes()
}

func (w *recordWriter) any(value any) {
	text, err := Marshal(value)
	if err != nil {
		w.fail(err)
		return
	}
	w.text = append(w.text, text...)
}

func (w *recordWriter) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// command writes the members of c that this version knows, without the brace at the
// end. Those that few records have are left to encoding/json.
func (w *recordWriter) command(c *Command) {
	w.text = append(w.text, '{')
	w.string("id", c.ID)
	w.stringIfAny("requestId", c.RequestID)
	w.stringIfAny("correlationId", c.CorrelationID)
	w.stringIfAny("retryOf", c.RetryOf)
	w.stringIfAny("requestSha256", c.RequestSHA256)
	w.string("deviceId", c.DeviceID)
	w.stringIfAny("type", string(c.Type))
	w.stringIfAny("appServiceName", c.AppServiceName)
	w.stringIfAny("packageFamilyName", c.PackageFamilyName)
	w.raw("payload", c.Payload)
	w.string("state", string(c.State))
	w.name("terminal")
	w.text = strconv.AppendBool(w.text, c.Terminal)
	w.number("round", c.Round)
	if len(c.Seen) > 0 {
		w.name("seen")
		for i, key := range c.Seen {
			w.text = append(w.text, "[,"[min(i, 1)])
			w.quoted(key)
		}
		w.text = append(w.text, ']')
	}
	w.stringIfAny("graphId", c.GraphID)
	w.stringIfAny("graphStatus", c.GraphStatus)
	if c.Error != nil {
		w.name("error")
		w.any(c.Error)
	}
	w.string("response", string(c.Response))
	w.raw("responsePayload", c.ResponsePayload)
	if c.ResponseRef != nil {
		w.name("responseRef")
		w.any(c.ResponseRef)
	}
	w.number("sequence", c.Sequence)
	w.number("attempt", c.Attempt)
	w.string("source", string(c.Source))
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
	w.stringIfAny("traceparent", c.TraceParent)
	w.stringIfAny("tracestate", c.TraceState)
}
