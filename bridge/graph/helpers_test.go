package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"devicebridge/bridge/graph"
	"devicebridge/events"
)

const (
	token    = "Eaeou-a-token-nobody-may-see"
	deviceID = "6841b3db-2b55-467b-ad84-79a41a4ef665"
)

// sample gives a body as Graph's pages print it. It may be called by a server's
// goroutine, so it does not end the test.
func sample(t *testing.T, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Error(err)
	}
	return body
}

// serve runs handler on a real server and gives a client of it.
func serve(t *testing.T, handler http.HandlerFunc, change ...func(*graph.Options)) *graph.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return newClient(t, server.URL+"/beta", change...)
}

func newClient(t *testing.T, baseURL string, change ...func(*graph.Options)) *graph.Client {
	t.Helper()
	credential, err := graph.StaticToken(token)
	if err != nil {
		t.Fatal(err)
	}
	options := graph.Options{BaseURL: baseURL, Credential: credential}
	for _, c := range change {
		c(&options)
	}
	client, err := graph.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func answer(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func launch() graph.CommandRequest {
	return graph.CommandRequest{DeviceID: deviceID, Type: events.TypeLaunchURI, Payload: json.RawMessage(`{"uri":"https://bing.com"}`)}
}

// tokens gives "token-1", "token-2" and so on, then fails where last is set.
type tokens struct {
	last   int32
	given  atomic.Int32
	scopes []string
}

func (c *tokens) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	n := c.given.Add(1)
	c.scopes = o.Scopes
	if c.last > 0 && n > c.last {
		return azcore.AccessToken{}, fmt.Errorf("the account is signed out")
	}
	return azcore.AccessToken{Token: fmt.Sprintf("token-%d", n), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func withCredential(c azcore.TokenCredential) func(*graph.Options) {
	return func(o *graph.Options) { o.Credential = c }
}

func withTransport(rt http.RoundTripper) func(*graph.Options) {
	return func(o *graph.Options) { o.Transport = rt }
}

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func readAll(t *testing.T, r io.Reader) []byte {
	t.Helper()
	body, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return body
}

// sendError checks that err is a *SendError with this outcome and gives what it
// holds.
func sendError(t *testing.T, err error, want graph.Outcome) graph.SendError {
	t.Helper()
	e, ok := err.(*graph.SendError) //nolint:errorlint // the contract is the type itself, not a wrapped one
	if !ok {
		t.Fatalf("got %T %v, want a *SendError", err, err)
	}
	if e.Outcome != want {
		t.Fatalf("outcome is %q, want %q: %v", e.Outcome, want, err)
	}
	return *e
}

// allocated gives how many bytes were allocated while f ran.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
