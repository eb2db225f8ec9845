package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"devicebridge/events"
)

// asker asks an endpoint of the bridge; *bus.Bus.Request does.
type asker func(ctx context.Context, endpoint string, request, reply any) error

// bringPayload puts the response payload that lies in an object store in its
// place in c. Where it is there already, or where there is none, it does nothing.
func bringPayload(ctx context.Context, ask asker, c *events.Command) error {
	if c.ResponsePayload != nil || c.ResponseRef == nil {
		return nil
	}
	payload, err := readPayload(ctx, ask, c.ID, *c.ResponseRef)
	if err != nil {
		return fmt.Errorf("response payload: %w", err)
	}
	if !json.Valid(payload) {
		return errors.New("response payload: it is not JSON")
	}
	c.ResponsePayload = payload
	return nil
}

// readPayload reads a payload piece by piece and holds it against its size and
// digest, so that what it gives is whole.
func readPayload(ctx context.Context, ask asker, command string, ref events.ObjectRef) ([]byte, error) {
	var payload []byte
	request := events.ResponseRequest{ID: command}
	for {
		var piece events.ResponseReply
		if err := ask(ctx, "commands.response", request, &piece); err != nil {
			return nil, err
		}
		payload = append(payload, piece.Data...)
		switch {
		case piece.Size != ref.Size || piece.SHA256 != ref.SHA256:
			return nil, errors.New("it changed while it was read; ask again")
		case int64(len(payload)) > ref.Size:
			return nil, fmt.Errorf("it is longer than its %d bytes", ref.Size)
		case piece.Cursor == "":
			return payload, checkPayload(payload, ref)
		case len(piece.Data) == 0 || piece.Cursor == request.Cursor:
			return nil, errors.New("the bridge's answers lead nowhere")
		}
		request.Cursor = piece.Cursor
	}
}

func checkPayload(payload []byte, ref events.ObjectRef) error {
	if int64(len(payload)) != ref.Size {
		return fmt.Errorf("it has %d bytes in the place of %d", len(payload), ref.Size)
	}
	if sum := sha256.Sum256(payload); hex.EncodeToString(sum[:]) != ref.SHA256 {
		return errors.New("its SHA-256 is not the one that its event tells")
	}
	return nil
}

// writePayload writes the payload alone: to a file byte by byte, to a terminal
// as one line that cannot steer it.
func writePayload(w io.Writer, c events.Command) error {
	switch {
	case c.State == events.StateErased:
		return events.NotFound("this command was erased, and with it any response payload that it had")
	case c.ResponsePayload == nil && c.Response == events.ResponsePending:
		return events.NotFound("the response payload of this command is not here yet; ask again")
	case c.ResponsePayload == nil:
		return events.NotFound("this command has no response payload: its response is " + string(c.Response))
	case isTerminal(w):
		return writeJSON(w, c.ResponsePayload)
	}
	_, err := w.Write(c.ResponsePayload)
	return err
}

// shownPayload is how much of a large payload is printed for a person, in
// characters.
const shownPayload = 200

// payloadText gives a payload for a person: one that fits a message whole, of a
// larger one the beginning and the size.
func payloadText(payload []byte, large bool) string {
	text := []rune(string(payload))
	if !large || len(text) <= shownPayload {
		return string(text)
	}
	return fmt.Sprintf("%s… (%d bytes; --payload writes all of them)", string(text[:shownPayload]), len(payload))
}
