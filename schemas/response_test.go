package schemas_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"

	"devicebridge/events"
	"devicebridge/schemas"
)

// TestResponseExamplesAreOnePayload does what a reader of the examples will do:
// join the pieces and hold them against the size and digest that come with them.
func TestResponseExamplesAreOnePayload(t *testing.T) {
	message, _ := open(t, schemas.AsyncAPI).at("#/components/messages/responsePiece")
	var shown []any
	for _, example := range message["examples"].([]any) {
		shown = append(shown, example.(map[string]any)["payload"])
	}
	for where, examples := range map[string][]any{
		"response-reply": object(t, read(t, "response-reply"))["examples"].([]any),
		schemas.AsyncAPI: shown,
	} {
		var pieces []events.ResponseReply
		if err := json.Unmarshal(marshal(t, examples), &pieces); err != nil {
			t.Fatal(err)
		}
		var payload []byte
		for i, piece := range pieces {
			payload = append(payload, piece.Data...)
			if last := i == len(pieces)-1; (piece.Cursor == "") != last {
				t.Errorf("%s: piece %d of %d has the cursor %q", where, i, len(pieces), piece.Cursor)
			}
		}
		sum := sha256.Sum256(payload)
		for i, piece := range pieces {
			if piece.Size != int64(len(payload)) || piece.SHA256 != hex.EncodeToString(sum[:]) {
				t.Errorf("%s: piece %d tells of %d bytes with %s, joined there are %d with %x", where, i, piece.Size, piece.SHA256, len(payload), sum)
			}
		}
		if len(pieces) < 2 || !json.Valid(payload) {
			t.Errorf("%s: %d pieces of %q", where, len(pieces), payload)
		}
	}
}

func TestResponseRefExamplesNameTheirObject(t *testing.T) {
	shown := 0
	for i, example := range object(t, read(t, "command"))["examples"].([]any) {
		var c events.Command
		if err := json.Unmarshal(marshal(t, example), &c); err != nil {
			t.Fatal(err)
		}
		if c.ResponseRef == nil {
			continue
		}
		shown++
		want := events.ObjectRef{
			Bucket: events.Subjects{}.ResponseBucket(), Name: fmt.Sprintf("%s/%s", c.ID, c.ResponseRef.SHA256),
			Size: c.ResponseRef.Size, SHA256: c.ResponseRef.SHA256,
		}
		if *c.ResponseRef != want {
			t.Errorf("example %d has %+v, want %+v", i, *c.ResponseRef, want)
		}
	}
	if shown == 0 {
		t.Error("no example has a responseRef")
	}
}
