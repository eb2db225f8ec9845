package graph_test

import (
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"devicebridge/bridge/graph"
)

func TestNewReportsEveryFault(t *testing.T) {
	_, err := graph.New(graph.Options{
		BaseURL: "http://graph.example/beta", Scopes: []string{}, UserAgent: "a\nb", PostTimeout: -1, GetTimeout: -time.Second,
		CircuitFailures: -1, CircuitOpenFor: -1, Transport: http.DefaultTransport, RootCAs: x509.NewCertPool(),
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, option := range []string{"BaseURL", "Credential", "Scopes", "UserAgent", "PostTimeout", "GetTimeout", "CircuitFailures", "CircuitOpenFor", "RootCAs"} {
		if !strings.Contains(err.Error(), "graph: "+option+": ") {
			t.Errorf("%s is missing in\n%v", option, err)
		}
	}
}

func TestBaseURL(t *testing.T) {
	for _, good := range []string{
		"", graph.DefaultBaseURL, "https://graph.example", "https://graph.example:8443/a/b/", "HTTPS://graph.example",
		"http://localhost:1/beta", "http://LOCALHOST", "http://127.0.0.1", "http://127.9.8.7:80/", "http://[::1]:8080/beta", "http://[::ffff:127.0.0.1]",
	} {
		newClient(t, good)
	}
	credential, err := graph.StaticToken(token)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"graph.example", "/beta", "ftp://graph.example", "https://", "https:graph.example", "https:///beta", "http://graph.example",
		"http://10.0.0.1", "http://localhost.example", "http://127.0.0.1.example", "http://[::2]", "http://0.0.0.0",
		"https://hunter2@graph.example", "https://me:hunter2@graph.example", "https://me:hunter2@graph.example:port",
		"https://graph.example?a=b", "https://graph.example?", "https://graph.example#a", "https://graph.example/#", "https://graph example",
	} {
		_, err := graph.New(graph.Options{BaseURL: bad, Credential: credential})
		if err == nil || !strings.Contains(err.Error(), "BaseURL") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestOwnUserAgentAndScopes(t *testing.T) {
	credential := &tokens{}
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("User-Agent"); got != "bridge/1.2" {
			t.Errorf("User-Agent %q", got)
		}
		answer(w, http.StatusOK, []byte(`{"value":[]}`))
	}, withCredential(credential), func(o *graph.Options) { o.UserAgent, o.Scopes = "bridge/1.2", []string{"api://gateway/.default"} })
	if _, err := client.Devices(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(credential.scopes) != 1 || credential.scopes[0] != "api://gateway/.default" {
		t.Errorf("scopes %q", credential.scopes)
	}
}
