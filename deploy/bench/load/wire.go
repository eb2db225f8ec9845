package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// readMessage reads one HTTP/1.1 message, which must have a length, and forgets
// it. It gives the status, 0 for a request.
func readMessage(r *bufio.Reader) (status int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if bytes.HasPrefix(line, []byte("HTTP/1.1 ")) && len(line) >= 12 {
		if status, err = strconv.Atoi(string(line[9:12])); err != nil {
			return 0, fmt.Errorf("the status line %q", line)
		}
	}
	length := -1
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if len(name) == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, fmt.Errorf("the length %q", value)
			}
		}
	}
	if length < 0 {
		return 0, errors.New("a message without a length")
	}
	_, err = r.Discard(length)
	return status, err
}
