package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spf13/cobra"
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
