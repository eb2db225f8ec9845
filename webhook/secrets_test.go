package webhook_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"devicebridge/bridge/redact"
	"devicebridge/webhook"
)

// A sender that repeats what it was told must not tell it to who reads the events.
func TestAPostbackShowsNoToken(t *testing.T) {
	const bearer = "EwB4A8l6BAAUbDba3x2OMJElkF7gJ4zVbCPEz0AAXLz"
	shared := new(redact.Keeper)
	shared.Learn(bearer)
	own := path(t)[strings.LastIndexByte(path(t), '/')+1:]
	code := own[strings.LastIndexByte(own, '.')+1:]
	for _, secret := range []string{own, code, code[4:30], url.QueryEscape(path(t)), strings.ToLower(own), bearer, bearer[:24]} {
		for name, body := range map[string]string{
			"error":           `{"status":"failedToSend","error":{"message":"POST %s was answered with 503"}}`,
			"error as object": `{"status":"failedToSend","error":{"%s":1}}`,
			"id":              `{"status":"completed","id":"%s"}`,
			"status":          `{"status":"%s"}`,
			"payload":         `{"status":"completed","responsePayload":{"postBackUri":"%s"}}`,
			"list":            `{"value":[{"status":"completed","error":"%s"}]}`,
		} {
			t.Run(name, func(t *testing.T) {
				into := &sink{}
				handler := server(t, webhook.Options{Sink: into, Secrets: shared}).Handler()
				if got := direct(handler, http.MethodPost, path(t), strings.NewReader(fmt.Sprintf(body, secret))); got.Code != http.StatusAccepted {
					t.Fatalf("answered %d", got.Code)
				}
				for _, o := range into.told()[0].observations {
					shown := fmt.Sprintf("%s %s %s %s", o.GraphID, o.Status, o.Error, o.ResponsePayload)
					if strings.Contains(shown, secret) || strings.Contains(shown, code[10:26]) || !strings.Contains(shown, redact.Mark) {
						t.Errorf("stored: %s", shown)
					}
				}
			})
		}
	}
}

// A body in UTF-16 is taken as well, so it is looked through as what it says.
func TestAPostbackInUTF16ShowsNoSecret(t *testing.T) {
	into := &sink{}
	handler := server(t, webhook.Options{Sink: into}).Handler()
	target := path(t)
	token := target[strings.LastIndexByte(target, '/')+1:]
	for _, mark := range [][]uint16{{0xfeff}, nil} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			var body []byte
			for _, unit := range append(mark, utf16.Encode([]rune(`{"status":"failedToSend","error":"POST `+token+` failed"}`))...) {
				body = order.AppendUint16(body, unit)
			}
			if got := direct(handler, http.MethodPost, target, bytes.NewReader(body)); got.Code != http.StatusAccepted {
				t.Fatalf("answered %d", got.Code)
			}
		}
	}
	for _, call := range into.told() {
		if o := call.observations[0]; o.Status != "failedToSend" || !strings.HasSuffix(o.Error, redact.Mark+" failed") {
			t.Errorf("stored: %+v", o)
		}
	}
}

// Another replica's bearer token is not known here; the word before it is.
func TestAPostbackShowsNoTokenOfAnotherReplica(t *testing.T) {
	into := &sink{}
	handler := server(t, webhook.Options{Sink: into}).Handler()
	body := `{"status":"failedToSend","error":"sent with Authorization: Bearer EwB4A8l6BAAUbDba3x2OMJElkF7gJ4z"}`
	direct(handler, http.MethodPost, path(t), strings.NewReader(body))
	if got := into.told()[0].observations[0].Error; got != "sent with Authorization: Bearer [redacted]" {
		t.Errorf("stored: %s", got)
	}
}
