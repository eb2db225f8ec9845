package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"devicebridge/events"
)

// writeJSON prints v as one line. What package json leaves as it is but steers a
// terminal becomes an escape, which means the same.
func writeJSON(w io.Writer, v any) error {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err
	}
	safe := make([]byte, 0, line.Len())
	for _, r := range strings.TrimSuffix(line.String(), "\n") {
		if steers(r) {
			safe = fmt.Appendf(safe, "\\u%04x", r)
		} else {
			safe = utf8.AppendRune(safe, r)
		}
	}
	_, err := w.Write(append(safe, '\n'))
	return err
}

// writeCommand prints a record for a person.
func writeCommand(w io.Writer, c events.Command) error {
	return writeFields(w, [][2]string{
		{"command", c.ID},
		{"state", stateText(c)},
		{"device", c.DeviceID},
		{"type", string(c.Type)},
		{"request", c.RequestID},
		{"graph id", c.GraphID},
		{"error", errorText(c.Error)},
		{"was", wasText(c.Erased)},
		{"response", responseText(c)},
		{"expires", expiryText(c)},
	})
}

// writeFields prints a name and a value per line, and no line without a value.
func writeFields(w io.Writer, lines [][2]string) error {
	for _, l := range lines {
		if l[1] == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%-9s %s\n", l[0], printable(l[1])); err != nil {
			return err
		}
	}
	return nil
}

// writeWaits prints what keeps a command from being sent, a line each.
func writeWaits(w io.Writer, waits []events.Wait) error {
	for _, wait := range waits {
		text := wait.For + ": " + wait.Reason
		if wait.Until != nil {
			text += ", until " + timeText(wait.Until)
		}
		if err := writeFields(w, [][2]string{{"waits", text}}); err != nil {
			return err
		}
	}
	return nil
}

func stateText(c events.Command) string {
	text := string(c.State) + " (event " + strconv.Itoa(c.Sequence) + ", " + c.UpdatedAt.Local().Format("15:04:05.000") + ")"
	if c.GraphStatus != "" && c.GraphStatus != string(c.State) {
		text += ", Graph says " + c.GraphStatus
	}
	return text
}

func errorText(e *events.Error) string {
	if e == nil {
		return ""
	}
	return e.Error()
}

// wasText tells how an erased command had ended.
func wasText(e *events.Erasure) string {
	switch {
	case e == nil:
		return ""
	case e.Reason == "":
		return string(e.State)
	default:
		return string(e.State) + "; erased because: " + e.Reason
	}
}

func responseText(c events.Command) string {
	switch {
	case c.ResponsePayload != nil:
		return payloadText(c.ResponsePayload, c.ResponseRef != nil)
	case c.ResponseRef != nil:
		return fmt.Sprintf("%d bytes in object %s of bucket %s", c.ResponseRef.Size, c.ResponseRef.Name, c.ResponseRef.Bucket)
	case c.Response == events.ResponseNone:
		return ""
	default:
		return string(c.Response)
	}
}

func expiryText(c events.Command) string {
	if c.Terminal || c.ExpiresAt.IsZero() {
		return ""
	}
	return c.ExpiresAt.Local().Format(time.RFC3339)
}

func writeList(w io.Writer, a events.ListReply) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row(t, "COMMAND", "STATE", "TYPE", "DEVICE", "CREATED")
	for _, c := range a.Commands {
		row(t, c.ID, string(c.State), string(c.Type), c.DeviceID, c.CreatedAt.Local().Format(time.DateTime))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if a.Cursor != "" {
		_, err := fmt.Fprintf(w, "more: --cursor %s\n", printable(a.Cursor))
		return err
	}
	return nil
}

func writeDevices(w io.Writer, a events.DevicesReply) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row(t, "ID", "NAME", "KIND", "PLATFORM", "MODEL", "MANUFACTURER", "STATUS")
	for _, d := range a.Devices {
		row(t, d.ID, d.Name, d.Kind, d.Platform, d.Model, d.Manufacturer, d.Status)
	}
	return t.Flush()
}

// row prints one line of a table. An empty cell is a dash, so that a script that
// splits at space finds every column.
func row(t *tabwriter.Writer, cells ...string) {
	for i, text := range cells {
		cells[i] = cmp.Or(printable(text), "-")
	}
	_, _ = fmt.Fprintln(t, strings.Join(cells, "\t"))
}

// writeEvent prints one event as a line of a timeline.
func writeEvent(w io.Writer, e events.Stored) error {
	c := e.Command
	note := ""
	switch {
	case e.Kind == events.KindResponse && c.ResponsePayload != nil:
		var b bytes.Buffer
		if json.Compact(&b, c.ResponsePayload) == nil {
			note = b.String()
		}
	case e.Kind == events.KindResponse && c.ResponseRef != nil:
		note = fmt.Sprintf("%d bytes; devicebridge get %s --payload", c.ResponseRef.Size, c.ID)
	case c.Error != nil:
		note = errorText(c.Error)
	case string(c.Source) != "":
		note = "by " + string(c.Source)
	}
	line := fmt.Sprintf("%s  %s  %3d  %-15s  %s", c.UpdatedAt.Local().Format("15:04:05.000"), c.ID, c.Sequence, e.Kind, note)
	_, err := fmt.Fprintln(w, printable(line))
	return err
}

// printable keeps what somebody else wrote from steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if steers(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}

// steers reports whether a terminal may take r for more than a character to
// show: controls, line ends, and what turns the direction of the text around it.
func steers(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}
