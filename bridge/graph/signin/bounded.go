package signin

import (
	"fmt"
	"io"
	"net/http"
)

// maxAnswer bounds what is read of an authority's answer, in bytes. The libraries
// read all that there is; an answer with tokens has a few kilobytes.
const maxAnswer = 1 << 20

// bounded carries requests and bounds what their answers hold.
type bounded struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil && resp.Body != nil {
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxAnswer}
	}
	return resp, err
}

// boundedBody ends with an error behind its bound.
type boundedBody struct {
	io.ReadCloser
	left int
}

// Read gives what is left within the bound.
func (b *boundedBody) Read(p []byte) (int, error) {
	// One byte more than allowed tells a body that fits from one that does not.
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if n > b.left {
		n, err = b.left, fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	b.left -= n
	return n, err
}
