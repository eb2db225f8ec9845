package graph_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"devicebridge/bridge/graph"
)

// TestACredentialOfAzidentity lets a real credential of azidentity get its token
// from an authority and carry it to Graph.
func TestACredentialOfAzidentity(t *testing.T) {
	const token = "token-from-the-authority"
	var authority *httptest.Server
	authority = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": token}
		if r.Method == http.MethodGet {
			base := authority.URL + "/contoso/oauth2/v2.0/"
			answer = map[string]any{
				"issuer": authority.URL + "/contoso/v2.0", "token_endpoint": base + "token", "authorization_endpoint": base + "authorize",
			}
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	defer authority.Close()
	credential, err := azidentity.NewClientSecretCredential("contoso", "client", "secret", &azidentity.ClientSecretCredentialOptions{
		ClientOptions: azcore.ClientOptions{
			Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: authority.URL},
			Transport: authority.Client(),
		},
		DisableInstanceDiscovery: true,
	})
	if err != nil {
		t.Fatal(err)
	}

	seen := make(chan string, 1)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"value":[]}`))
	}))
	defer gateway.Close()
	client, err := graph.New(graph.Options{
		BaseURL: gateway.URL + "/beta", Credential: credential, Scopes: []string{"https://graph.microsoft.com/.default"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	if err := client.Ready(t.Context()); err != nil {
		t.Fatalf("no token in hand: %v", err)
	}
	if _, err := client.Devices(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-seen; got != "Bearer "+token {
		t.Errorf("Graph was shown %q", got)
	}
}
