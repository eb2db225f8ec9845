package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"devicebridge/events"
)

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// writeCommand prints a record for a person.
func writeCommand(w io.Writer, c events.Command) error {
	lines := [][2]string{
		{"command", c.ID},
		{"state", stateText(c)},
		{"device", c.DeviceID},
		{"type", string(c.Type)},
		{"request", c.RequestID},
		{"graph id", c.GraphID},
		{"error", errorText(c.Error)},
		{"response", responseText(c)},
		{"expires", expiryText(c)},
	}
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

func responseText(c events.Command) string {
	switch {
	case c.ResponsePayload != nil:
		return string(c.ResponsePayload)
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
	_, _ = fmt.Fprintln(t, "COMMAND\tSTATE\tTYPE\tDEVICE\tCREATED")
	for _, c := range a.Commands {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n",
			c.ID, c.State, c.Type, printable(c.DeviceID), c.CreatedAt.Local().Format(time.DateTime))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if a.Cursor != "" {
		_, err := fmt.Fprintf(w, "more: --cursor %s\n", a.Cursor)
		return err
	}
	return nil
}

func writeDevices(w io.Writer, a events.DevicesReply) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "ID\tNAME\tKIND\tPLATFORM\tSTATUS")
	for _, d := range a.Devices {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n",
			printable(d.ID), printable(d.Name), printable(d.Kind), printable(d.Platform), printable(d.Status))
	}
	return t.Flush()
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
	case c.Error != nil:
		note = errorText(c.Error)
	case string(c.Source) != "":
		note = "by " + string(c.Source)
	}
	_, err := fmt.Fprintf(w, "%s  %s  %3d  %-15s  %s\n",
		c.UpdatedAt.Local().Format("15:04:05.000"), c.ID, c.Sequence, e.Kind, printable(note))
	return err
}

// printable keeps what somebody else wrote from steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}
