package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"devicebridge/bridge/graph/emulator/authority"
)

// directoryOf makes the directory of a command line.
func directoryOf(t *testing.T, token string, args ...string) (http.Handler, error) {
	t.Helper()
	cmd := &cobra.Command{}
	newDirectory := directoryFlags(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return newDirectory(token, nil)
}

func directoryGet(t *testing.T, h http.Handler, path, token string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("ConsistencyLevel", "eventual")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestDirectoryFlags(t *testing.T) {
	h, err := directoryOf(t, "right", "--directory-devices", "500", "--directory-delta-page", "7", "--directory-delta-expiry", "syncStateNotFound")
	if err != nil {
		t.Fatal(err)
	}
	if w := directoryGet(t, h, "/v1.0/devices/$count", "right"); w.Code != http.StatusOK || w.Body.String() != "512" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := directoryGet(t, h, "/v1.0/devices/$count", "wrong"); w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := directoryGet(t, h, "/v1.0/devices/delta", "right"); strings.Count(w.Body.String(), `"displayName"`) != 7 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	foreign := strings.Repeat("A", 80)
	if w := directoryGet(t, h, "/v1.0/devices/delta?$deltatoken="+foreign, "right"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "syncStateNotFound") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	open, err := directoryOf(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if w := directoryGet(t, open, "/v1.0/devices/$count", "any"); w.Body.String() != "12" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestDirectoryFlagErrors(t *testing.T) {
	for want, args := range map[string][]string{
		"--directory-devices: must not be negative":                    {"--directory-devices", "-1"},
		"--directory-devices: Directory_QuotaExceeded":                 {"--directory-devices", "100001"},
		`--directory-delta-expiry: delta expiry "never" is not one of`: {"--directory-delta-expiry", "never"},
		"DeltaPageSize: must not be negative":                          {"--directory-delta-page", "-1"},
	} {
		if _, err := directoryOf(t, "", args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// An app signs in at the emulated authority, and may read the directory and not delete from it.
func TestDirectoryAsksTheAuthority(t *testing.T) {
	identity, err := authority.New(authority.Options{})
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {authority.DirectoryApp}, "client_secret": {authority.DirectorySecret},
		"scope": {"https://graph.microsoft.com/.default"},
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://localhost/"+authority.Tenant+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	identity.ServeHTTP(w, r)
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Token == "" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	cmd := &cobra.Command{}
	h, err := directoryFlags(cmd)("", authorizeBy(identity))
	if err != nil {
		t.Fatal(err)
	}
	if w := directoryGet(t, h, "/v1.0/devices/$count", answer.Token); w.Code != http.StatusOK || w.Body.String() != "12" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := directoryGet(t, h, "/v1.0/devices/$count", "another"); w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r = httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/v1.0/devices/000005c3-b7a6-4c61-89fc-80bf5ccfc366", nil)
	r.Header.Set("Authorization", "Bearer "+answer.Token)
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "Authorization_RequestDenied") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
