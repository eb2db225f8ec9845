package emulator_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/bridge/graph/emulator/directory"
)

// Every 401 leads to the authority on the host that was asked, and there is one when it is mounted.
func TestChallengeNamesTheEmulator(t *testing.T) {
	refuse := func(token string, _ emulator.Permissions) error {
		if token == "old" {
			return errors.New("expired")
		}
		return nil
	}
	d, err := directory.New(directory.Options{
		Authorize: refuse, Faults: directory.Faults{Next: []directory.Fault{{Kind: directory.FaultUnauthorized}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := emulator.New(emulator.Options{
		Authorize: refuse, Directory: d,
		Faults: emulator.Faults{Next: []emulator.Fault{{On: emulator.OpDevices, Kind: emulator.FaultUnauthorized}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	signIn, err := authority.New(authority.Options{})
	if err != nil {
		t.Fatal(err)
	}
	plain, secure := httptest.NewServer(e), httptest.NewTLSServer(signIn.Over(e))
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	for _, srv := range []*httptest.Server{plain, secure} {
		for _, path := range []string{"/beta/me/devices", "/v1.0/devices"} {
			for _, header := range []string{"Bearer good", "", "Basic abc", "Bearer old"} {
				a := ask(t, srv, http.MethodGet, path, header) //nolint:bodyclose // ask has closed it
				if header == "Bearer good" && srv == secure {
					continue // its faults are used up
				}
				want := `Bearer realm="", authorization_uri="` + srv.URL + `/common/oauth2/v2.0/authorize", client_id=`
				if got := a.Header.Get("WWW-Authenticate"); a.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(got, want) {
					t.Errorf("%s%s with %q: %d, WWW-Authenticate %q", srv.URL, path, header, a.StatusCode, got)
				}
			}
		}
	}
	if a := ask(t, secure, http.MethodGet, "/common/oauth2/v2.0/authorize", ""); a.StatusCode == http.StatusNotFound { //nolint:bodyclose // ask has closed it
		t.Error("nothing is where the challenge leads")
	}
}

// ask sends a request without a body and with an Authorization header, where it is not empty.
func ask(t *testing.T, srv *httptest.Server, method, path, authorization string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp
}
