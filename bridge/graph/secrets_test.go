package graph_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/graph"
	"devicebridge/bridge/redact"
)

const (
	callbackToken = "k1.2000000000.uBPbbKdYEZLmxRtN5c9aSNLvoXQRSzLwwTJYZEzkWDU"
	callbackURL   = "https://bridge.example/postback/xm2igitaea4d34ipad5wcv3kzi/" + callbackToken
)

// repeating are answers that repeat a secret, which is put in the place of %[1]s.
func repeating() map[string]string {
	ok := func(body string) string {
		return fmt.Sprintf("HTTP/1.1 201 Created\r\nContent-Length: {length}\r\n\r\n%s", body)
	}
	refused := func(body string) string {
		return fmt.Sprintf("HTTP/1.1 400 Bad Request\r\nContent-Length: {length}\r\n\r\n%s", body)
	}
	return map[string]string{
		"error text":         ok(`{"id":"c","status":"failedToSend","error":"POST %[1]s failed"}`),
		"error object":       ok(`{"id":"c","status":"failedToSend","error":{"code":"%[1]s","message":"POST %[1]s failed"}}`),
		"error of any shape": ok(`{"id":"c","status":"failedToSend","error":{"urls":["%[1]s"],"%[1]s":1}}`),
		"id":                 ok(`{"id":"%[1]s","status":"completed"}`),
		"status":             ok(`{"id":"c","status":"%[1]s"}`),
		"payload":            ok(`{"id":"c","status":"completed","responsePayload":{"headers":{"Authorization":"Bearer %[1]s"}}}`),
		"refusal":            refused(`{"error":{"code":"%[1]s","message":"%[1]s","innerError":{"code":"%[1]s","request-id":"%[1]s"}}}`),
		"refusal in words":   refused(`{"error":"%[1]s","error_description":"%[1]s"}`),
		"headers":            "HTTP/1.1 503 %[1]s\r\nrequest-id: %[1]s\r\nclient-request-id: %[1]s\r\nx-ms-ags-diagnostic: {\"%[1]s\":1}\r\nLocation: /%[1]s\r\nRetry-After: %[1]s\r\nDate: %[1]s\r\nContent-Length: 0\r\n\r\n",
		"challenge":          "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer error=\"insufficient_claims\", claims=\"%[1]s\"\r\nContent-Length: 0\r\n\r\n",
		"no HTTP":            "%[1]s\r\n\r\n",
		"header line":        "HTTP/1.1 200 OK\r\n%[1]s\r\n\r\n",
		"length":             "HTTP/1.1 200 OK\r\nContent-Length: %[1]s\r\n\r\n",
		"encoding":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: %[1]s\r\n\r\n",
		"content encoding":   "HTTP/1.1 200 OK\r\nContent-Encoding: %[1]s\r\nContent-Length: 2\r\n\r\n{}",
	}
}

func TestNothingThatGraphRepeatsShowsASecret(t *testing.T) {
	for _, secret := range []string{token, callbackToken, callbackToken[14:], strings.ToUpper(callbackToken)} {
		for name, answer := range repeating() {
			t.Run(name, func(t *testing.T) {
				_, body, _ := strings.Cut(answer, "\r\n\r\n")
				text := fmt.Sprintf(strings.ReplaceAll(answer, "{length}", fmt.Sprint(len(fmt.Sprintf(body+"%[1].0s", secret)))), secret)
				checkNothingShown(t, text, secret)
			})
		}
	}
}

// checkNothingShown asks everything of a server that answers so.
func checkNothingShown(t *testing.T, answer, secret string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, answer)
		_ = conn.Close()
	}))
	t.Cleanup(server.Close)
	var seen bytes.Buffer
	client := newClient(t, server.URL+"/beta", func(o *graph.Options) {
		o.Log = slog.New(slog.NewJSONHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Observe = func(e graph.Exchange) { fmt.Fprintf(&seen, "%+v\n", e) }
		o.Trace = func(ctx context.Context, _ graph.Outgoing) (context.Context, func(graph.Incoming)) {
			return ctx, func(in graph.Incoming) { fmt.Fprintf(&seen, "%+v\n", in) }
		}
		o.CircuitFailures, o.GetTimeout = 1000, 400*time.Millisecond // less than the pause before a retry
	})
	command := launch()
	command.PostBackURI = callbackURL
	o, err := client.Send(t.Context(), command)
	fmt.Fprintf(&seen, "%+v %s\n%#v %v\n", o, o.ResponsePayload, err, err)
	ctx := graph.Hiding(t.Context(), callbackToken)
	o, err = client.Command(ctx, deviceID, "c")
	fmt.Fprintf(&seen, "%+v %s\n%v\n", o, o.ResponsePayload, err)
	payload, err := client.ResponsePayload(ctx, deviceID, "c")
	fmt.Fprintf(&seen, "%s\n%v\n", payload, err)
	devices, err := client.Devices(ctx)
	fmt.Fprintf(&seen, "%+v\n%v\n", devices, err)
	for i := 0; i+16 <= len(secret); i++ {
		if part := secret[i : i+16]; strings.Contains(seen.String(), part) && !strings.Contains("k1.2000000000.", part[:8]) {
			t.Fatalf("shows %q in:\n%s", part, seen.String())
		}
	}
}

// An answer in UTF-16 is read as well, so it is looked through as what it says.
func TestNothingInUTF16ShowsASecret(t *testing.T) {
	for _, secret := range []string{token, callbackToken} {
		for _, name := range []string{"error text", "id", "status", "payload", "refusal"} {
			t.Run(name, func(t *testing.T) {
				head, body, _ := strings.Cut(repeating()[name], "\r\n\r\n")
				wide := "\xff\xfe"
				for _, c := range []byte(fmt.Sprintf(body, secret)) {
					wide += string([]byte{c, 0})
				}
				head = strings.ReplaceAll(head, "{length}", strconv.Itoa(len(wide)))
				checkNothingShown(t, head+"\r\n\r\n"+wide, secret)
			})
		}
	}
}

// The directory's clients and the postback endpoint share what is known.
func TestWhatOneClientSendsAnotherDoesNotShow(t *testing.T) {
	shared := new(redact.Keeper)
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, []byte(`{"value":[]}`)) },
		func(o *graph.Options) { o.Secrets = shared })
	if _, err := client.Devices(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := string(shared.Clean([]byte("it was " + token))); got != "it was [redacted]" {
		t.Errorf("got %s", got)
	}
}

// What Graph says of a command stays as it is but for the secret in it.
func TestOnlyTheSecretIsTakenOut(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, []byte(`{"a":"x `+token+` y","n":1.50,"u":"\u00fc"}`))
	})
	payload, err := client.ResponsePayload(t.Context(), deviceID, "c")
	if want := `{"a":"x [redacted] y","n":1.50,"u":"\u00fc"}`; err != nil || string(payload) != want {
		t.Errorf("got %s, %v", payload, err)
	}
}
