package graph_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"

	"devicebridge/bridge/graph"
)

func TestErrorObject(t *testing.T) {
	const inner = `"date":"2020-08-18T12:51:51","request-id":"inner-id"`
	cases := []struct {
		name, body string
		status     int
		requestID  string // of the header
		want       graph.Error
	}{
		{
			"documented", `{"error":{"code":"badRequest","message":"Uploaded fragment overlaps","innerError":{"code":"invalidRange",` + inner + `}}}`,
			400, "header-id",
			graph.Error{Code: "badRequest", Message: "Uploaded fragment overlaps", InnerCodes: []string{"invalidRange"}, RequestID: "header-id"},
		},
		{
			"lower-case innererror", `{"error":{"code":"TooManyRequests","message":"m","innererror":{"code":"429",` + inner + `}}}`, 400, "",
			graph.Error{Code: "TooManyRequests", Message: "m", InnerCodes: []string{"429"}, RequestID: "inner-id"},
		},
		{
			"Pascal and nested", `{"Error":{"Code":"a","Message":"m","InnerError":{"InnerError":{"Code":"b","innererror":{"code":"c"}}}}}`, 404, "",
			graph.Error{Code: "a", Message: "m", InnerCodes: []string{"b", "c"}},
		},
		{"no code", `{"error":{"message":"m"}}`, 403, "", graph.Error{Code: "forbidden", Message: "m"}},
		{"code of the wrong type", `{"error":{"code":7,"message":"m"}}`, 502, "", graph.Error{Code: "badGateway", Message: "m"}},
		{"error is a string", `{"error":"invalid_token"}`, 400, "", graph.Error{Code: "invalid_token", Message: "no message"}},
		{"OAuth", `{"error":"invalid_token","error_description":"It has expired."}`, 400, "", graph.Error{Code: "invalid_token", Message: "It has expired."}},
		{"no object around", `{"code":"BadGateway","Message":"upstream","error":null}`, 502, "", graph.Error{Code: "BadGateway", Message: "upstream"}},
		{"number as code", `{"statusCode":403,"message":"Forbidden by policy"}`, 403, "", graph.Error{Code: "forbidden", Message: "Forbidden by policy"}},
		{"problem", `{"type":"about:blank","title":"Not there","status":404,"detail":"No such device."}`, 404, "", graph.Error{Code: "notFound", Message: "No such device."}},
		{"OData 3", `{"odata.error":{"code":"Request_BadRequest","message":{"lang":"en","value":"Bad."}}}`, 400, "", graph.Error{Code: "Request_BadRequest", Message: "Bad."}},
		{"list of errors", `{"errors":[{"message":"first"},{"message":"second"}]}`, 400, "", graph.Error{Code: "badRequest", Message: "first"}},
		{"fault", `{"fault":{"faultstring":"Spike arrest","detail":{"errorcode":"x"}}}`, 429, "", graph.Error{Code: "tooManyRequests", Message: "Spike arrest"}},
		{"plain text", "upstream connect error\r\nor disconnect", 502, "", graph.Error{Code: "badGateway", Message: "upstream connect error or disconnect"}},
		{"mark", "\xef\xbb\xbf" + `{"error":{"code":"a","message":"m"}}`, 400, "", graph.Error{Code: "a", Message: "m"}},
		{"text in an object", `{"error":{"code":"a","message":{"value":"m"}}}`, 400, "", graph.Error{Code: "a", Message: "m"}},
		{"list", `["secret"]`, 400, "", graph.Error{Code: "badRequest", Message: "no message"}},
		{"HTML", `<html><body>Bad gateway</body></html>`, 502, "", graph.Error{Code: "badGateway", Message: "no message"}},
		{"empty", ``, 500, "", graph.Error{Code: "internalServerError", Message: "no message"}},
		{"unknown status", ``, 509, "", graph.Error{Code: "status509", Message: "no message"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var sent string
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				sent = r.Header.Get("client-request-id")
				if c.requestID != "" {
					w.Header().Set("request-id", c.requestID)
				}
				answer(w, c.status, []byte(c.body))
			})
			_, sendErr := client.Send(t.Context(), launch())
			check(t, sendErr, c.status, sent, c.want)
			_, getErr := client.Command(t.Context(), deviceID, "0")
			check(t, getErr, c.status, sent, c.want)
		})
	}
}

func check(t *testing.T, err error, status int, clientRequestID string, want graph.Error) {
	t.Helper()
	got, ok := errors.AsType[*graph.Error](err)
	if !ok {
		t.Fatalf("no *Error in %v", err)
	}
	if got.StatusCode != status || got.Code != want.Code || got.Message != want.Message || got.RequestID != want.RequestID ||
		got.ClientRequestID != clientRequestID || !slices.Equal(got.InnerCodes, want.InnerCodes) {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(err.Error(), got.Code) || !strings.Contains(err.Error(), got.Message) || !strings.Contains(err.Error(), got.RequestID) {
		t.Errorf("%q leaves something out", err)
	}
	for _, code := range append(want.InnerCodes, want.Code, strings.ToUpper(want.Code)) {
		if !got.HasCode(code) {
			t.Errorf("HasCode(%q) is false", code)
		}
	}
	if got.HasCode("otherwise") || graph.IsNotFound(err) != (status == http.StatusNotFound) {
		t.Errorf("HasCode or IsNotFound is wrong for %v", err)
	}
}

func TestErrorMessageIsCut(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusBadRequest, []byte(`{"error":{"code":"`+strings.Repeat("c", 500)+`","message":"`+strings.Repeat("ü", 5000)+`"}}`))
	})
	_, err := client.Send(t.Context(), launch())
	e, _ := errors.AsType[*graph.Error](err)
	if e == nil || len(e.Message) != 2048 || !utf8.ValidString(e.Message) || len(e.Code) != 128 {
		t.Errorf("got %v", err)
	}
}

// Nothing that is logged or told may hold the token, the callback URL, the
// payload or a query: not our log, not azcore's, and not an error in which Graph
// repeats them.
func TestSecretsStayOut(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	azlog.SetListener(func(_ azlog.Event, text string) { log.Debug(text) })
	t.Cleanup(func() { azlog.SetListener(nil) })

	const callback = "https://bridge.example/postback/abc/k1.1700000000.c2VjcmV0LW1hYw"
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("request-id", "graph-1")
		if r.URL.Path == "/beta/me/devices" && r.URL.RawQuery == "" {
			answer(w, http.StatusOK, []byte(`{"value":[],"@odata.nextLink":"?$skiptoken=query-secret"}`))
			return
		}
		message := "bad: " + r.Header.Get("Authorization")
		if r.Method == http.MethodPost {
			message += " " + callback + " k1.1700000000.c2VjcmV0LW1hYw"
		}
		answer(w, http.StatusBadRequest, []byte(`{"error":{"code":"x","message":"`+message+`"}}`))
	}, func(o *graph.Options) { o.Log = log })
	r := launch()
	r.PostBackURI, r.Payload = callback, []byte(`{"uri":"payload-secret"}`)
	_, sendErr := client.Send(t.Context(), r)
	_, listErr := client.Devices(t.Context())
	if sendErr == nil || listErr == nil {
		t.Fatal("no errors to look at")
	}
	everything := out.String() + sendErr.Error() + listErr.Error()
	for _, secret := range []string{token, "c2VjcmV0LW1hYw", "payload-secret", "query-secret"} {
		if strings.Contains(everything, secret) {
			t.Errorf("%q is told in\n%s", secret, everything)
		}
	}
	for _, want := range []string{
		`"msg":"graph request","method":"POST","operation":"send command"`, `"operation":"list devices"`,
		`"status":400`, `"duration":"`, `"clientRequestId":"`, `"requestId":"graph-1"`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing in\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), `"msg":"graph request"`); n != 3 {
		t.Errorf("%d lines for three requests", n)
	}
}
