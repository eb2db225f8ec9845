package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/events"
	"devicebridge/webhook"
)

// cliPieces answers commands.response with the pieces in order, and counts the
// questions.
func cliPieces(t *testing.T, asked *int, pieces ...events.ResponseReply) asker {
	return func(_ context.Context, endpoint string, request, reply any) error {
		r, ok := request.(events.ResponseRequest)
		if !ok || endpoint != "commands.response" || r.ID != "id" {
			t.Errorf("%s is asked %+v", endpoint, request)
		}
		at := 0
		if r.Cursor != "" {
			var err error
			if at, err = strconv.Atoi(r.Cursor); err != nil {
				t.Error(err)
			}
		}
		*asked++
		*reply.(*events.ResponseReply) = pieces[at]
		return nil
	}
}

func cliRef(payload string) events.ObjectRef {
	sum := sha256.Sum256([]byte(payload))
	return events.ObjectRef{Bucket: "b", Name: "n", Size: int64(len(payload)), SHA256: hex.EncodeToString(sum[:])}
}

func TestAPayloadIsWholeOrNotGiven(t *testing.T) {
	const payload = `{"text":"Küche"}`
	ref := cliRef(payload)
	piece := func(data, cursor string) events.ResponseReply {
		return events.ResponseReply{Data: []byte(data), Size: ref.Size, SHA256: ref.SHA256, Cursor: cursor}
	}
	changed := piece(payload, "")
	changed.SHA256 = cliRef("other").SHA256
	for name, test := range map[string]struct {
		pieces []events.ResponseReply
		asked  int
		words  string // empty: it is given
	}{
		"at once":             {[]events.ResponseReply{piece(payload, "")}, 1, ""},
		"cut in a character":  {[]events.ResponseReply{piece(payload[:11], "1"), piece(payload[11:], "")}, 2, ""},
		"an empty last piece": {[]events.ResponseReply{piece(payload, "1"), piece("", "")}, 2, ""},
		"too short":           {[]events.ResponseReply{piece(payload[:11], "")}, 1, "it has 11 bytes in the place of 17"},
		"too long":            {[]events.ResponseReply{piece(payload+" ", "1"), piece("", "")}, 1, "longer than its 17 bytes"},
		"another":             {[]events.ResponseReply{piece(strings.ToUpper(payload[:12])+payload[12:], "")}, 1, "SHA-256"},
		"changed meanwhile":   {[]events.ResponseReply{piece(payload[:5], "1"), changed}, 2, "changed while it was read"},
		"no progress":         {[]events.ResponseReply{piece("", "1"), piece("", "2")}, 1, "lead nowhere"},
		"the same cursor":     {[]events.ResponseReply{piece("a", "1"), piece("b", "1")}, 2, "lead nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			got, err := readPayload(t.Context(), cliPieces(t, &asked, test.pieces...), "id", ref)
			switch {
			case test.words == "" && (err != nil || string(got) != payload):
				t.Errorf("given is %q (%v)", got, err)
			case test.words != "" && (err == nil || !strings.Contains(err.Error(), test.words) || got != nil && err == nil):
				t.Errorf("%q (%v), want an error that says %q", got, err, test.words)
			}
			if asked != test.asked {
				t.Errorf("asked %d times, want %d", asked, test.asked)
			}
		})
	}
}

func TestBringPayloadLeavesWhatIsThere(t *testing.T) {
	never := func(context.Context, string, any, any) error { return events.Unavailable("asked") }
	inline := events.Command{ResponsePayload: json.RawMessage(`{}`), ResponseRef: &events.ObjectRef{Size: 2}}
	for _, c := range []events.Command{{}, inline} {
		if err := bringPayload(t.Context(), never, &c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	absent := events.Command{ID: "id", ResponseRef: &events.ObjectRef{Size: 2}}
	if err := bringPayload(t.Context(), never, &absent); exitCode(err) != exitUnavailable || absent.ResponsePayload != nil {
		t.Errorf("%v, exit %d", err, exitCode(err))
	}
	const text = "not JSON"
	ref := cliRef(text)
	broken := events.Command{ID: "id", ResponseRef: &ref}
	asked := 0
	err := bringPayload(t.Context(), cliPieces(t, &asked, events.ResponseReply{Data: []byte(text), Size: ref.Size, SHA256: ref.SHA256}), &broken)
	if err == nil || broken.ResponsePayload != nil {
		t.Errorf("a payload that is no JSON is put in place (%v)", err)
	}
}

func TestPayloadTextCutsOnlyWhatIsLarge(t *testing.T) {
	long := `"` + strings.Repeat("ü", 300) + `"`
	for _, test := range []struct {
		payload string
		large   bool
		want    string
	}{
		{long, false, long},
		{`{"a":1}`, true, `{"a":1}`},
		{long, true, `"` + strings.Repeat("ü", 199) + "… (602 bytes; --payload writes all of them)"},
	} {
		if got := payloadText([]byte(test.payload), test.large); got != test.want {
			t.Errorf("shown is %q, want %q", got, test.want)
		}
	}
}

// cliBigGraph takes one appService command, completes it at the first poll and
// has a response payload that fits no NATS message.
func cliBigGraph(t *testing.T, payload []byte) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"id":"graph-id","status":"requesting"}`))
		case strings.HasSuffix(r.URL.Path, "/responsePayload"):
			_, _ = w.Write(payload)
		default:
			_, _ = w.Write([]byte(`{"id":"graph-id","status":"completed"}`))
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestALargePayloadComesWholeToTheClient(t *testing.T) {
	payload := []byte(`{"text":"` + strings.Repeat("Küche ", 500_000) + `"}`)
	b := cliStartWith(t, emulator.Options{}, map[string]string{
		"BRIDGE_GRAPH_URL": cliBigGraph(t, payload).URL + "/beta", "BRIDGE_POLL_FIRST": "10ms", "BRIDGE_POLL_MAX": "20ms",
	})
	sent := b.ok("send", "--device", "id:d", "--app-service", "a", "--package", "p", "--payload", "{}", "--wait", "1m")
	id := cliField(t, sent, "command")
	shown := `{"text":"` + strings.Repeat("Küche ", 40)
	for what, out := range map[string]string{"send": sent, "get": b.ok("get", id)} {
		text := cliField(t, out, "response")
		if !strings.HasPrefix(text, shown[:200]) || !strings.HasSuffix(text, "("+strconv.Itoa(len(payload))+" bytes; --payload writes all of them)") {
			t.Errorf("%s shows %.300q", what, text)
		}
	}
	if got := b.ok("get", id, "--payload"); got != string(payload) {
		t.Errorf("--payload wrote %d bytes, want %d", len(got), len(payload))
	}
	c := cliJSON[events.CommandReply](t, b.ok("get", id, "--json")).Command
	if !bytes.Equal(c.ResponsePayload, payload) || c.ResponseRef == nil || c.ResponseRef.Size != int64(len(payload)) {
		t.Errorf("--json has %d bytes of payload and the reference %+v", len(c.ResponsePayload), c.ResponseRef)
	}
	if string(c.Payload) != "{}" || cliField(t, b.ok("get", id), "payload") != "{}" {
		t.Errorf("get shows the request's payload as %s", c.Payload)
	}
	timeline := b.ok("watch", id, "--until-end")
	if !strings.Contains(timeline, strconv.Itoa(len(payload))+" bytes; devicebridge get "+id+" --payload") {
		t.Errorf("watch shows\n%s", timeline)
	}
}

func TestGetPayload(t *testing.T) {
	b := cliStart(t, emulator.Options{})
	done := cliField(t, b.ok("send", "--device", cliCompletes, "--app-service", "a", "--package", "p", "--payload", "{}", "--wait", "1m"), "command")
	inline := cliJSON[events.CommandReply](t, b.ok("get", done, "--json")).Command.ResponsePayload
	if got := b.ok("get", done, "--payload"); inline == nil || got != string(inline) {
		t.Errorf("--payload wrote %q, --json has %s", got, inline)
	}
	none := cliField(t, b.ok("send", "--device", cliCompletes, "--uri", "x:y", "--wait", "1m"), "command")
	if r := b.fails(exitRefused, "has no response payload", "get", none, "--payload"); r.stdout != "" {
		t.Errorf("it wrote %q", r.stdout)
	}
	b.fails(exitUsage, "contradict each other", "get", done, "--payload", "--json")
}

// TestALostObjectIsSaid: the record is shown when the object that it names cannot
// be had, and the failure is told.
func TestALostObjectIsSaid(t *testing.T) {
	url := cliNATS(t)
	b := cliStartWith(t, emulator.Options{}, map[string]string{
		"BRIDGE_GRAPH_URL": cliBigGraph(t, []byte(`"`+strings.Repeat("x", 2<<20)+`"`)).URL + "/beta", "BRIDGE_POLL_FIRST": "10ms", "BRIDGE_POLL_MAX": "20ms",
		"NATS_URL": url, "BRIDGE_CALLBACK_KEYS": webhook.NewKey(),
	})
	id := cliField(t, b.ok("send", "--device", "id:d", "--app-service", "a", "--package", "p", "--payload", "{}", "--wait", "1m"), "command")
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := js.Stream(t.Context(), "OBJ_DEVICEBRIDGE_V1_RESPONSES")
	if err != nil {
		t.Fatal(err)
	}
	if err := objects.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"get", id}, {"get", id, "--json"}, {"get", id, "--payload"}} {
		r := b.fails(exitRefused, "response payload: notFound: ", args...)
		if shows := strings.Contains(r.stdout, id); shows == slices.Contains(args, "--payload") {
			t.Errorf("%v shows %.200q", args, r.stdout)
		}
	}
}
