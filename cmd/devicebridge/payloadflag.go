package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxPayloadInput is the most that is read of a payload. No NATS message is larger
// than this, and what does not fit one the bridge refuses by itself.
const maxPayloadInput = 64 << 20

// readPayloadFlag gives the JSON that --payload names: the text itself, the content of
// the file behind an "@", or, for "-" and "@-", what is on the standard input.
func readPayloadFlag(text string, stdin io.Reader) (json.RawMessage, error) {
	content, from, err := []byte(text), "--payload", error(nil)
	switch file, named := strings.CutPrefix(text, "@"); {
	case text == "":
		return nil, errors.New(`--payload is missing; an app service takes an object, such as '{"Type":"Toast"}'; @file reads it from a file, - from the standard input`)
	case text == "-" || text == "@-":
		from = "--payload: the standard input"
		content, err = io.ReadAll(io.LimitReader(stdin, maxPayloadInput+1))
	case named && file == "":
		return nil, errors.New("--payload: @ is followed by the name of a file, or by - for the standard input")
	case named:
		from = "--payload: the file " + file
		content, err = readBounded(file)
	}
	if err != nil {
		return nil, fmt.Errorf("--payload: %w", err)
	}
	// Editors put a byte order mark before UTF-8, which is no part of JSON.
	content = bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")))
	switch {
	case len(content) > maxPayloadInput:
		return nil, fmt.Errorf("%s has more than %d bytes, which fit no NATS message", from, maxPayloadInput)
	case len(content) == 0:
		return nil, errors.New(from + " is empty")
	case !json.Valid(content):
		return nil, errors.New(from + ` is not JSON; an app service takes an object, such as '{"Type":"Toast"}'; @file reads it from a file, - from the standard input`)
	}
	return content, nil
}

func readBounded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, maxPayloadInput+1))
}
