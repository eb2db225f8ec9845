package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
)

// cliHostile is text that would clear a screen, set a title, forge a line, turn
// the direction and be no UTF-8.
const cliHostile = "\x1b[2J\x1b]0;owned\a\r\nforged\t\u009b31m\u202egpj\u2028\u2066x\x7f\xff"

// cliSafe reports output that holds anything but printable text and line ends.
func cliSafe(t *testing.T, what, output string) {
	t.Helper()
	for i, r := range output {
		if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)) {
			t.Fatalf("%s: %q at %d of %q", what, r, i, output)
		}
	}
	if !strings.Contains(output, "owned") {
		t.Errorf("%s: the text itself is missing in %q", what, output)
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"Küche \"1\" – Müllers 📺 家": "Küche \"1\" – Müllers 📺 家",
		"a\x1b[1mb":                 "a\uFFFD[1mb",
		"a\nb\tc\rd":                "a\uFFFDb\uFFFDc\uFFFDd",
		"\u0085\u009b":              "\uFFFD\uFFFD",
		"\u202e\u2066\u2028\u200f":  "\uFFFD\uFFFD\uFFFD\uFFFD",
		"\xff":                      "\uFFFD",
		"👩‍💻":                       "👩‍💻", // joined by U+200D
	} {
		if got := printable(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// cliRecord is a record with hostile text wherever somebody else writes.
func cliRecord() events.Command {
	payload, _ := json.Marshal(map[string]string{"a": cliHostile}) // a map of text can be encoded
	return events.Command{
		ID: cliHostile, RequestID: cliHostile, DeviceID: cliHostile, Type: events.Type(cliHostile), State: events.State(cliHostile),
		GraphID: cliHostile, GraphStatus: cliHostile + "2", Response: events.ResponseStored, ResponsePayload: payload,
		Error: &events.Error{Code: events.Code(cliHostile), Message: cliHostile}, Source: events.Source(cliHostile),
		CreatedAt: time.Unix(0, 0), UpdatedAt: time.Unix(0, 0), ExpiresAt: time.Unix(0, 0),
	}
}

func TestOutputIsSafe(t *testing.T) {
	c := cliRecord()
	inObject := c
	inObject.ResponsePayload, inObject.ResponseRef = nil, &events.ObjectRef{Bucket: cliHostile, Name: cliHostile}
	device := events.Device{ID: cliHostile, Name: cliHostile, Kind: cliHostile, Platform: cliHostile, Status: cliHostile}
	for what, write := range map[string]func(io.Writer) error{
		"get":         func(w io.Writer) error { return writeCommand(w, c) },
		"get, by ref": func(w io.Writer) error { return writeCommand(w, inObject) },
		"get, asked": func(w io.Writer) error {
			return writeRequested(w, events.Command{Payload: json.RawMessage(cliHostile)})
		},
		"get --json": func(w io.Writer) error { return writeJSON(w, c) },
		"list": func(w io.Writer) error {
			return writeList(w, events.ListReply{Commands: []events.Command{c}, Cursor: cliHostile})
		},
		"devices":        func(w io.Writer) error { return writeDevices(w, events.DevicesReply{Devices: []events.Device{device}}) },
		"devices --json": func(w io.Writer) error { return writeJSON(w, device) },
		"watch": func(w io.Writer) error {
			return writeEvent(w, events.Stored{Kind: events.Kind(cliHostile), Command: c})
		},
		"watch, response": func(w io.Writer) error { return writeEvent(w, events.Stored{Kind: events.KindResponse, Command: c}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		cliSafe(t, what, b.String())
		if forged := slices.ContainsFunc(strings.Split(b.String(), "\n"), func(line string) bool { return strings.HasPrefix(line, "forged") }); forged {
			t.Errorf("%s: a line is forged in %q", what, b.String())
		}
	}
}

func TestSafeJSONMeansTheSame(t *testing.T) {
	want := map[string]string{"name": strings.ToValidUTF8(cliHostile, "\uFFFD"), "uri": "https://example.com/?a=1&b=<2>"}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := writeJSON(&b, map[string]any{"typed": want, "raw": json.RawMessage(raw)}); err != nil {
		t.Fatal(err)
	}
	got := cliJSON[struct{ Typed, Raw map[string]string }](t, b.String())
	for name, text := range want {
		if got.Typed[name] != text || got.Raw[name] != text {
			t.Errorf("%s reads as %q and %q, want %q", name, got.Typed[name], got.Raw[name], text)
		}
	}
	if !strings.Contains(b.String(), "https://example.com/?a=1&b=<2>") {
		t.Errorf("the URI is escaped in %s", b.String())
	}
}

// TestHostileGraph lets a device's name and Graph's own error reach the terminal
// through the whole bridge.
func TestHostileGraph(t *testing.T) {
	b := cliStart(t, emulator.Options{Devices: []emulator.Device{
		{ID: "tv", Name: cliHostile, Script: []emulator.Step{{Status: emulator.StatusError, Error: cliHostile}}},
	}})
	cliSafe(t, "devices", b.ok("devices"))
	cliSafe(t, "devices --json", b.ok("devices", "--json"))
	sent := b.run("send", "--device", "tv", "--uri", "x:y", "--wait", "1m")
	cliSafe(t, "send --wait", sent.stdout)
	cliSafe(t, "watch", b.run("watch", cliField(t, sent.stdout, "command"), "--until-end").stdout)

	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		body, _ := json.Marshal(map[string]any{"error": map[string]string{"code": "accessDenied", "message": cliHostile}}) // text can be encoded
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write(body)
	}))
	t.Cleanup(refusing.Close)
	b = cliStartWith(t, emulator.Options{}, map[string]string{"BRIDGE_GRAPH_URL": refusing.URL + "/beta"})
	r := b.fails(exitRefused, "forbidden: ", "devices")
	cliSafe(t, "the error of devices", r.stderr)
	for line := range strings.Lines(r.stderr) {
		if !strings.HasPrefix(line, "devicebridge: ") {
			t.Errorf("a line of the error is forged: %q", r.stderr)
		}
	}
}

func TestErrorsQuotingTheCommandLineAreSafe(t *testing.T) {
	hostile := strings.ReplaceAll(cliHostile, "\n", "")
	for _, args := range [][]string{{hostile}, {"get", "--" + hostile}, {"list", "--state", hostile}, {"send", hostile}} {
		r := cliRun(t, nil, args...)
		if r.code != exitUsage {
			t.Errorf("%q: exit %d", args, r.code)
		}
		cliSafe(t, args[0], r.stderr)
	}
}
