package emulator_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator"
	"devicebridge/bridge/graph/emulator/authority"
	"devicebridge/bridge/graph/emulator/directory"
)

const goneDevice = "000005c3-b7a6-4c61-89fc-80bf5ccfc366" // a device of the directory, which the tests delete

// controlSite serves the emulator with a directory and an authority, as `devicebridge emulator --sign-in` does.
type controlSite struct {
	t   *testing.T
	srv *httptest.Server
	a   *authority.Authority
	d   *directory.Directory
}

func startControl(t *testing.T, open bool) *controlSite {
	t.Helper()
	d, err := directory.New(directory.Options{SoftDelete: true, OpenControl: open})
	if err != nil {
		t.Fatal(err)
	}
	e, err := emulator.New(emulator.Options{Directory: d, OpenControl: open})
	if err != nil {
		t.Fatal(err)
	}
	a, err := authority.New(authority.Options{OpenControl: open})
	if err != nil {
		t.Fatal(err)
	}
	s := &controlSite{t: t, srv: httptest.NewTLSServer(a.Over(e)), a: a, d: d}
	t.Cleanup(func() {
		s.srv.Close()
		_ = e.Close()
	})
	return s
}

// pending gives the user code of a new sign-in.
func (s *controlSite) pending() string {
	s.t.Helper()
	form := "client_id=" + authority.DeviceApp + "&scope=https://graph.microsoft.com/Device.Read"
	s.do(http.MethodPost, "/consumers/oauth2/v2.0/devicecode", form, "Content-Type", "application/x-www-form-urlencoded")
	codes := s.a.Pending()
	if len(codes) == 0 {
		s.t.Fatal("no code")
	}
	return codes[len(codes)-1].UserCode
}

// do sends a body with headers, given as name and value in turn.
func (s *controlSite) do(method, path, body string, header ...string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.srv.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.srv.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// paths are all calls of the three control surfaces that take a body, with what they answer to none.
func (s *controlSite) paths() []controlCall {
	code := "/emulator/signin/codes/" + s.pending()
	const member = "/emulator/directory/devices/" + goneDevice
	return []controlCall{
		{"POST", code + "/approve", 400, `\"account\"`},
		{"POST", code + "/decline", 204, ""},
		{"POST", "/emulator/signin/revoke", 400, "either Account or"},
		{"POST", "/emulator/signin/interaction", 400, `\"account\"`},
		{"PUT", "/emulator/signin/token-life", 400, "less than a"},
		{"PUT", "/emulator/signin/faults", 204, ""},
		{"POST", "/emulator/commands/x/status", 400, "Status"},
		{"PUT", "/emulator/devices/" + tablet + "/script", 204, ""},
		{"PUT", "/emulator/devices/" + tablet + "/response", 204, ""},
		{"PUT", "/emulator/faults", 204, ""},
		{"PUT", "/emulator/directory/faults", 204, ""},
		{"PUT", member, 400, "'device' is missing"},
		{"PATCH", member, 204, ""},
		{"POST", member + "/restore", 409, "not deleted"},
		{"POST", "/emulator/directory/generate", 400, "'count'"},
		{"POST", "/emulator/directory/change", 400, "'count'"},
		{"POST", "/emulator/directory/delta/expire", 204, ""},
	}
}

type controlCall struct {
	method, path string
	status       int
	message      string
}

// What has nothing to say needs neither a body nor a content type, and what is missing is named.
func TestControlWithoutABody(t *testing.T) {
	for name, header := range map[string][]string{
		"no content type": nil,
		"JSON":            {"Content-Type", "application/json"},
		"as curl sends":   {"Content-Type", "application/x-www-form-urlencoded"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startControl(t, false)
			for _, c := range s.paths() {
				if status, text := s.do(c.method, c.path, "", header...); status != c.status || !strings.Contains(text, c.message) {
					t.Errorf("%s %s: %d %s", c.method, c.path, status, text)
				}
			}
			if n := len(s.a.Pending()); n != 0 {
				t.Errorf("%d codes are pending still", n)
			}
		})
	}
}

// A body has to be JSON, and to say so, also where none is needed.
func TestControlBodyIsJSON(t *testing.T) {
	s := startControl(t, false)
	for _, c := range s.paths() {
		for name, tt := range map[string]struct {
			body   string
			header []string
			status int
		}{
			"no content type": {"{}", nil, 415},
			"a form":          {"{}", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
			"text":            {"yes", []string{"Content-Type", "text/plain"}, 415},
			"not JSON":        {"yes", []string{"Content-Type", "application/json"}, 400},
			"two values":      {"null null", []string{"Content-Type", "application/json"}, 400},
		} {
			if status, text := s.do(c.method, c.path, tt.body, tt.header...); status != tt.status {
				t.Errorf("%s %s, %s: %d %s", c.method, c.path, name, status, text)
			}
		}
	}
	if n := len(s.a.Pending()); n != 1 {
		t.Errorf("%d codes are pending", n)
	}
}

// A page of another origin makes no change, whatever it sends, also where every caller may use the control surface.
func TestControlIsNotForForeignPages(t *testing.T) {
	for _, open := range []bool{false, true} {
		s := startControl(t, open)
		calls := append(s.paths(), controlCall{method: "DELETE", path: "/emulator/directory/devices/" + goneDevice})
		for _, c := range calls {
			for _, header := range [][]string{
				{"Origin", "https://evil.example"},
				{"Origin", "null"},
				{"Sec-Fetch-Site", "cross-site"},
				{"Sec-Fetch-Site", "same-site", "Origin", s.srv.URL},
				{"Origin", "https://evil.example", "Content-Type", "application/json"},
			} {
				if status, text := s.do(c.method, c.path, "", header...); status != http.StatusForbidden || !strings.Contains(text, "another origin") {
					t.Errorf("%s %s %v: %d %s", c.method, c.path, header, status, text)
				}
			}
		}
		if len(s.a.Pending()) != 1 || len(s.d.Devices()) != 12 {
			t.Errorf("%d codes are pending, %d devices", len(s.a.Pending()), len(s.d.Devices()))
		}
		decline := "/emulator/signin/codes/" + s.a.Pending()[0].UserCode + "/decline"
		if status, text := s.do(http.MethodPost, decline, "", "Origin", s.srv.URL, "Sec-Fetch-Site", "same-origin"); status != http.StatusNoContent {
			t.Errorf("a page of its own: %d %s", status, text)
		}
	}
}
