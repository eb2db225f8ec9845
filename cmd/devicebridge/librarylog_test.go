package main

import (
	"bytes"
	"log"
	"testing"
)

func TestTheStandardLogQuotesNoServer(t *testing.T) {
	var out bytes.Buffer
	standard := log.New(libraryLog{&out}, "", 0)
	standard.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", "HTTP/1.1 500 token-of-somebody", nil)
	standard.Print("http: saw Authorization: Bearer abcdefghijkl")
	want := "Unsolicited response received on idle HTTP channel (what it began with is left out)\nhttp: saw Authorization: Bearer [redacted]\n"
	if out.String() != want {
		t.Errorf("got %q", out.String())
	}
}
