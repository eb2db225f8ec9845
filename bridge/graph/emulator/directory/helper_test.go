package directory_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"devicebridge/bridge/graph/emulator/directory"
)

const (
	desktop       = "000005c3-b7a6-4c61-89fc-80bf5ccfc366" // the first default device
	desktopDevice = "6fa60d52-01e7-4b18-8055-4759461fc16b"
	surface       = "5e7d2c10-90ab-4c1d-8e2f-3a4b5c6d7e02"
	iphone        = "5e7d2c10-90ab-4c1d-8e2f-3a4b5c6d7e03"
	adele         = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a3001"
	bianca        = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a3002"
	allDevices    = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a1001"
	windows       = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a1002"
	tablets       = "0d8f3f1e-5c0b-4b6e-9a55-0e6c1f0a1003"

	// sample is the request of Graph's page "Create device".
	sample = `{
  "accountEnabled":false,
  "alternativeSecurityIds":
  [
    {
      "type":2,
      "key":"base64Y3YxN2E1MWFlYw=="
    }
  ],
  "deviceId":"4c299165-6e8f-4b45-a5ba-c5d250a707ff",
  "displayName":"Test device",
  "operatingSystem":"linux",
  "operatingSystemVersion":"1"
}`
)

// site is a directory on a server of its own, and a client of it.
type site struct {
	*directory.Directory
	t   testing.TB
	url string
}

func start(t testing.TB, o directory.Options) *site {
	t.Helper()
	d, err := directory.New(o)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(d)
	t.Cleanup(srv.Close)
	return &site{Directory: d, t: t, url: srv.URL}
}

// answer is what came back, with the body as bytes and as JSON.
type answer struct {
	status int
	header http.Header
	raw    []byte
	json   map[string]any
}

// request sends with a bearer token and JSON; header overrides, where an empty value removes. path is absolute or not.
func (g *site) request(method, path, body string, header map[string]string) (answer, error) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.url+strings.TrimPrefix(path, g.url), strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer Eaeou")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		req.Header.Set(k, v)
		if v == "" {
			req.Header.Del(k)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: raw}
	a.decode()
	return a, nil
}

// decode leaves json empty for a body that is no object.
func (a *answer) decode() { _ = json.Unmarshal(a.raw, &a.json) }

// do is request for calls that must be answered.
func (g *site) do(method, path, body string) answer {
	g.t.Helper()
	a, err := g.request(method, path, body, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return a
}

func (g *site) get(path string) answer {
	g.t.Helper()
	return g.do(http.MethodGet, path, "")
}

// advanced is get with ConsistencyLevel.
func (g *site) advanced(path string) answer {
	g.t.Helper()
	a, err := g.request(http.MethodGet, path, "", map[string]string{"ConsistencyLevel": "eventual"})
	if err != nil {
		g.t.Fatal(err)
	}
	return a
}

// devices is the path of a list with options, in pairs of name and value.
func devices(options ...string) string { return path("/v1.0/devices", options...) }

func path(p string, options ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(options); i += 2 {
		q.Set(options[i], options[i+1])
	}
	if len(q) == 0 {
		return p
	}
	return p + "?" + q.Encode()
}

// values gives the objects of a list.
func (a answer) values(t testing.TB) []map[string]any {
	t.Helper()
	list, ok := a.json["value"].([]any)
	if a.status != http.StatusOK || !ok {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	objects := make([]map[string]any, len(list))
	for i, v := range list {
		objects[i] = v.(map[string]any)
	}
	return objects
}

// column gives one member of each object.
func column(list []map[string]any, name string) []string {
	var texts []string
	for _, m := range list {
		s, _ := m[name].(string)
		texts = append(texts, s)
	}
	return texts
}

// pages follows the next links from path and gives the objects of all pages, and the sizes.
func (g *site) pages(path string) (all []map[string]any, sizes []int, last answer) {
	g.t.Helper()
	for path != "" {
		last = g.advanced(path)
		list := last.values(g.t)
		all, sizes = append(all, list...), append(sizes, len(list))
		path, _ = last.json["@odata.nextLink"].(string)
		if path != "" && !strings.HasPrefix(path, g.url+"/v1.0/") {
			g.t.Fatalf("nextLink %q is not absolute", path)
		}
	}
	return all, sizes, last
}

func mustRefuse(t testing.TB, a answer, status int, code, message string) {
	t.Helper()
	e, _ := a.json["error"].(map[string]any)
	if a.status != status || e["code"] != code {
		t.Fatalf("%d %s, want %d %s", a.status, a.raw, status, code)
	}
	if text, _ := e["message"].(string); !strings.Contains(text, message) {
		t.Fatalf("message %q does not name %q", text, message)
	}
	inner, _ := e["innerError"].(map[string]any)
	if inner["request-id"] != a.header.Get("request-id") || inner["date"] == nil || inner["client-request-id"] == nil {
		t.Fatalf("innerError %v", inner)
	}
}

func mustEqual(t testing.TB, got, want any) {
	t.Helper()
	g, w := canonical(t, got), canonical(t, want)
	if !bytes.Equal(g, w) {
		t.Fatalf("\n got %s\nwant %s", g, w)
	}
}

func canonical(t testing.TB, v any) []byte {
	t.Helper()
	if s, ok := v.(string); ok {
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// subset keeps the members of m that are in names.
func subset(m map[string]any, names ...string) map[string]any {
	s := map[string]any{}
	for k, v := range m {
		if slices.Contains(names, k) {
			s[k] = v
		}
	}
	return s
}
