package directory_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/directory"
	"devicebridge/bridge/graph"
	"devicebridge/events"
)

func answered(status int, code string) *graph.Error {
	return &graph.Error{StatusCode: status, Code: code, Message: "in Graph's words", RequestID: "r-1"}
}

func throttled(status int) *graph.Error {
	e := answered(status, "TooManyRequests")
	e.RetryAfter = 2128 * time.Millisecond
	return e
}

func TestGraphsRefusals(t *testing.T) {
	const list, remove = "list", "delete"
	for name, c := range map[string]struct {
		endpoint string
		err      error
		code     events.Code
		words    string
	}{
		"bad request":      {list, answered(400, "Request_UnsupportedQuery"), events.CodeInvalid, "Request_UnsupportedQuery: in Graph's words"},
		"method":           {remove, answered(405, "x"), events.CodeInvalid, "in Graph's words"},
		"sign-in":          {list, answered(401, "InvalidAuthenticationToken"), events.CodeForbidden, "in Graph's words"},
		"permission":       {list, answered(403, "Authorization_RequestDenied"), events.CodeForbidden, "the permission for this is Device.Read.All"},
		"to delete":        {remove, answered(403, "x"), events.CodeForbidden, "Directory.AccessAsUser.All of a signed-in administrator; an application cannot"},
		"to create":        {"create", answered(403, "x"), events.CodeForbidden, "Device.ReadWrite.All of an application"},
		"of groups":        {"memberOf.list", answered(403, "x"), events.CodeForbidden, "Directory.Read.All"},
		"of owners":        {"registeredOwners.add", answered(403, "x"), events.CodeForbidden, "Directory.ReadWrite.All"},
		"not there":        {"get", answered(404, "Request_ResourceNotFound"), events.CodeNotFound, "in Graph's words"},
		"conflict":         {"create", answered(409, "x"), events.CodeConflict, "in Graph's words"},
		"precondition":     {"update", answered(412, "x"), events.CodeConflict, "in Graph's words"},
		"too long":         {"update", answered(413, "x"), events.CodeTooLarge, "in Graph's words"},
		"throttled read":   {list, throttled(429), events.CodeUnavailable, "; ask again; Graph asks to wait 2.128s"},
		"throttled change": {remove, throttled(429), events.CodeUnavailable, "; nothing was changed, ask again; Graph asks to wait 2.128s"},
		"not now":          {list, throttled(503), events.CodeUnavailable, "Graph asks to wait 2.128s"},
		"broken":           {list, answered(500, "x"), events.CodeUnavailable, "; ask again"},
		"redirect":         {list, answered(307, "x"), events.CodeUnavailable, "in Graph's words"},
		"stale":            {"delta", &graph.ResyncError{Restart: "x", Err: answered(410, "gone")}, events.CodeConflict, "pageToken is one that Graph has forgotten; ask without it"},
		"stale with 400":   {"delta", &graph.ResyncError{Err: answered(400, "syncStateNotFound")}, events.CodeConflict, "ask without it"},
	} {
		t.Run(name, func(t *testing.T) {
			g := full()
			g.err = fmt.Errorf("graph: something: %w", c.err)
			var log bytes.Buffer
			endpoints := service(t, g, func(o *directory.Options) {
				o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			refusal := refused(t, endpoints[c.endpoint], bodies()[c.endpoint], c.code)
			if !strings.Contains(refusal.Message, c.words) {
				t.Errorf("message %q, want %q in it", refusal.Message, c.words)
			}
			answer, _ := errors.AsType[*graph.Error](c.err)
			if refusal.HTTPStatus != answer.StatusCode || refusal.RequestID != "r-1" {
				t.Errorf("refusal %+v", refusal)
			}
			if !strings.Contains(log.String(), "directory.devices."+c.endpoint) || !strings.Contains(log.String(), "r-1") {
				t.Errorf("the log says %q", log.String())
			}
		})
	}
}

// bodies gives a good request for some endpoints.
func bodies() map[string]string {
	return map[string]string{
		"list": `{}`, "delta": `{}`, "get": `{"id":"a"}`, "delete": `{"id":"a"}`, "create": `{"device":` + newOne + `}`,
		"update": `{"id":"a","changes":{"model":null}}`, "memberOf.list": `{"id":"a"}`, "registeredOwners.add": `{"id":"a","objectId":"u"}`,
	}
}

func TestGraphDidNotAnswer(t *testing.T) {
	g := full()
	g.err = errors.New("graph: no token: secret details")
	for _, err := range []error{
		&graph.CircuitOpenError{State: graph.CircuitState{Reason: "it answered 502"}}, &graph.SignInError{Reason: "run `devicebridge login`"},
	} {
		knows := full()
		knows.err = fmt.Errorf("graph: something: %w", err)
		if refusal := refused(t, service(t, knows)["delete"], bodies()["delete"], events.CodeUnavailable); refusal.Message != err.Error()+"; nothing was changed, ask again" {
			t.Errorf("got %q", refusal.Message)
		}
	}
	for endpoint, words := range map[string]string{
		"list":   "Graph could not be asked now, or what it answered cannot be read; ask again",
		"delete": "Graph could not be asked now, or what it answered cannot be read; nothing was changed, ask again",
	} {
		if refusal := refused(t, service(t, g)[endpoint], bodies()[endpoint], events.CodeUnavailable); refusal.Message != words {
			t.Errorf("%s: %q, want %q", endpoint, refusal.Message, words)
		}
	}
}

// client gives endpoints over the real client, and a server of this handler.
func client(t *testing.T, handler http.HandlerFunc, change ...func(*directory.Options)) (endpoints map[string]endpoint, base string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	credential, err := graph.StaticToken("a-token-nobody-may-see")
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.NewDirectory(graph.Options{BaseURL: server.URL + "/v1.0", Credential: credential})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.CloseIdleConnections)
	return service(t, g, change...), server.URL + "/v1.0"
}

// Of a change that went unanswered nobody knows whether it was made.
func TestAChangeWithoutAnAnswer(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"broken off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"502":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
	} {
		endpoints, _ := client(t, handler)
		if refusal := refused(t, endpoints["delete"], `{"id":"a"}`, events.CodeUnavailable); !strings.Contains(refusal.Message, "may have been made or not: read the device") {
			t.Errorf("%s: %q", name, refusal.Message)
		}
	}
}

func TestArgumentsThatTheClientRefuses(t *testing.T) {
	endpoints, _ := client(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked %s", r.RequestURI) })
	for body, field := range map[string]string{
		`{"id":"a","deviceId":"b"}`: "deviceId", `{"id":"../users"}`: "id", `{"id":"delta"}`: "id", `{"deviceId":"a/../b"}`: "deviceId",
	} {
		for _, name := range []string{"get", "delete", "memberOf.list", "getMemberObjects"} {
			if refusal := refused(t, endpoints[name], body, events.CodeInvalid); refusal.Field != field {
				t.Errorf("%s %s: %+v", name, body, refusal)
			}
		}
	}
	if refusal := refused(t, endpoints["registeredUsers.add"], `{"id":"a","objectId":"../b"}`, events.CodeInvalid); refusal.Field != "objectId" {
		t.Errorf("got %+v", refusal)
	}
	many := `{"id":"a","ids":["` + strings.Repeat(`x","`, 20) + `x"]}`
	if refusal := refused(t, endpoints["checkMemberObjects"], many, events.CodeInvalid); refusal.Field != "ids" || !strings.Contains(refusal.Message, "1 to 20") {
		t.Errorf("got %+v", refusal)
	}
}

func TestAnswersThatFitNoMessage(t *testing.T) {
	g := full()
	endpoints := service(t, g, func(o *directory.Options) { o.MaxMessage = 20 })
	for name, words := range map[string]string{"list": "smaller `top`", "get": "`select`", "memberOf.list": "`select`", "delta": "begin without `pageToken`"} {
		refusal := refused(t, endpoints[name], bodies()[name], events.CodeTooLarge)
		if !strings.Contains(refusal.Message, words) || !strings.Contains(refusal.Message, "takes 20") {
			t.Errorf("%s: %q", name, refusal.Message)
		}
	}
	if refusal := refused(t, endpoints["getMemberObjects"], `{"id":"a"}`, events.CodeTooLarge); !strings.Contains(refusal.Message, "memberOf.list") {
		t.Errorf("got %q", refusal.Message)
	}
	// What was done is told, whatever its length.
	if got := ask(t, endpoints["create"], bodies()["create"]); !strings.Contains(got, objectID) {
		t.Errorf("got %s", got)
	}
	long, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte(" "), 9<<20))
	})
	if refusal := refused(t, long["list"], `{}`, events.CodeTooLarge); !strings.Contains(refusal.Message, "smaller `top`") {
		t.Errorf("got %q", refusal.Message)
	}
}
