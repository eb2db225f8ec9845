package graph

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"devicebridge/events"
)

func TestAppPayloadStaysByteForByte(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                                     `{}`,
		` { "@odata.context" : "x" } `:           `{}`,
		`{"@ODATA.CONTEXT":{"a":[1]},"a":1}`:     `{"a":1}`,
		`{"a":1,"@odata.context":"x"}`:           `{"a":1}`,
		`{"a":1,"\u0040odata.context":"x","b":}`: "",
		`{"a":1,"\u0040odata.context":"x"}`:      `{"a":1}`,
		`{"z":1.50,"a":1e400,"z":"\u00e9é,\"}"}`: `{"z":1.50,"a":1e400,"z":"\u00e9é,\"}"}`,
		`{"a":{"@odata.context":"kept"}}`:        `{"a":{"@odata.context":"kept"}}`,
		`{"@odata.type":"kept","@odata.id":"k"}`: `{"@odata.type":"kept","@odata.id":"k"}`,
		"\xef\xbb\xbf[1, 2]":                     `[1,2]`,
		`0`:                                      `0`,
		``:                                       "",
		`null`:                                   "",
		`{"a":1} {"b":2}`:                        "",
		`{"a":"` + "\xff" + `"}`:                 "",
	} {
		got, err := appPayload([]byte(body))
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %s, %v; want %s", body, got, err, want)
		}
	}
}

func FuzzAppPayload(f *testing.F) {
	f.Add([]byte(`{"@odata.context":"x","MsIgnoredParameter":0,"CreationDate":"04/27/2017","Type":"Ok"}`))
	f.Add([]byte(`{"a":{"b":[1,{"@odata.context":2}]},"@odata.context":null,"c":"}"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		payload, err := appPayload(body)
		if err != nil {
			return
		}
		if !json.Valid(payload) || !bytes.Equal(payload, events.Compact(payload)) {
			t.Fatalf("%q gives %q", body, payload)
		}
		again, err := appPayload(payload)
		if err != nil || !bytes.Equal(again, payload) {
			t.Errorf("%q gives %q, then %q, %v", body, payload, again, err)
		}
	})
}

func FuzzDecodeError(f *testing.F) {
	f.Add(400, []byte(`{"error":{"code":"badRequest","message":"m","innerError":{"code":"x","request-id":"y"}}}`))
	f.Add(502, []byte(`<html>`))
	f.Add(-1, []byte(strings.Repeat(`{"error":{"innererror":`, 100)))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := decodeError(status, http.Header{}, body)
		if e.Code == "" || e.Message == "" || len(e.Code) > maxCode || len(e.Message) > maxMessage || len(e.InnerCodes) > maxInnerCodes ||
			len(e.RequestID) > maxCode || !utf8.ValidString(e.Error()) {
			t.Errorf("%d %q gives %+v", status, body, e)
		}
	})
}

func FuzzDevicePage(f *testing.F) {
	f.Add([]byte(`{"value":[{"Name":"JimSurface","id":"6841b3db"}],"@odata.nextLink":"?$skiptoken=1"}`))
	client := &Client{}
	base, err := parseBaseURL(DefaultBaseURL)
	if err != nil {
		f.Fatal(err)
	}
	client.base = base
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := parsePage(body)
		if err != nil {
			return
		}
		next, err := client.nextPage(DefaultBaseURL+"/me/devices", string(page.NextLink))
		if err == nil && next != "" && !strings.HasPrefix(strings.ToLower(next), "https://graph.microsoft.com") {
			t.Errorf("%q leads to %s", page.NextLink, next)
		}
	})
}
