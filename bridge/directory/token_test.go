package directory_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"devicebridge/bridge"
	"devicebridge/events"
)

type endpoint = bridge.Endpoint

// pages gives the tokens that every list can have.
func pages(t *testing.T) (endpoints map[string]endpoint, g *scripted, tokens map[string]string) {
	t.Helper()
	g = full()
	endpoints, tokens = service(t, g), make(map[string]string)
	for _, name := range []string{"list", "memberOf.list", "transitiveMemberOf.list", "registeredOwners.list", "registeredUsers.list"} {
		body := `{"id":"a"}`
		if name == "list" {
			body = `{}`
		}
		tokens[name] = read[events.DirectoryListReply](t, ask(t, endpoints[name], body)).NextPageToken
	}
	tokens["delta"] = read[events.DirectoryDeltaReply](t, ask(t, endpoints["delta"], `{}`)).DeltaToken
	return endpoints, g, tokens
}

func TestAPageTokenGoesOnWhereItCameFrom(t *testing.T) {
	endpoints, g, tokens := pages(t)
	for name, token := range tokens {
		if token == "" || strings.ContainsAny(token, "{}/:") {
			t.Errorf("%s gave the token %q", name, token)
		}
		g.asked = nil
		ask(t, endpoints[name], fmt.Sprintf(`{"pageToken":%q}`, token))
		want := "Related {URL:next Eventual:true}"
		switch name {
		case "list":
			want = "Devices {URL:next Eventual:true}"
		case "delta":
			want = "Delta later"
		}
		if got := strings.Join(g.asked, "; "); got != want {
			t.Errorf("%s asks %s, want %s", name, got, want)
		}
	}
}

func TestAPageTokenIsOfOneListAndAlone(t *testing.T) {
	endpoints, g, tokens := pages(t)
	g.asked = nil
	for of, token := range tokens {
		for name, e := range endpoints {
			if _, list := tokens[name]; !list || name == of {
				continue
			}
			if refusal := refused(t, e, fmt.Sprintf(`{"pageToken":%q}`, token), events.CodeInvalid); refusal.Field != "pageToken" {
				t.Errorf("%s takes the token of %s: %+v", name, of, refusal)
			}
		}
		more := fmt.Sprintf(`{"pageToken":%q,"select":["id"]}`, token)
		if refusal := refused(t, endpoints[of], more, events.CodeInvalid); refusal.Field != "pageToken" || !strings.Contains(refusal.Message, "alone") {
			t.Errorf("%s: %+v", of, refusal)
		}
		for _, made := range []string{"x", "!", token + "x", base64.RawURLEncoding.EncodeToString([]byte(`null`)), base64.StdEncoding.EncodeToString([]byte(`{}`))} {
			if refusal := refused(t, endpoints[of], fmt.Sprintf(`{"pageToken":%q}`, made), events.CodeInvalid); refusal.Field != "pageToken" {
				t.Errorf("%s takes %q: %+v", of, made, refusal)
			}
		}
	}
	if len(g.asked) > 0 {
		t.Errorf("Graph was asked %v", g.asked)
	}
}

// Whoever makes up a page token gets nowhere but to the directory's devices.
func TestAForgedPageTokenLeadsNowhere(t *testing.T) {
	endpoints, base := client(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked %s", r.RequestURI) })
	for _, url := range []string{
		"", "https://evil.example/v1.0/devices", base + "/users", base + "/devices/../users", base + "/devices/%2e%2e/me",
		strings.Replace(base, "http://", "http://user@", 1) + "/devices", base + "@evil.example/devices", "/v1.0/devices",
	} {
		for name, list := range map[string]string{"list": "devices", "delta": "delta", "memberOf.list": "memberOf"} {
			made := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"list":%q,"url":%q,"eventual":true}`, list, url))
			refusal := refused(t, endpoints[name], fmt.Sprintf(`{"pageToken":%q}`, made), events.CodeInvalid)
			if refusal.Field != "pageToken" || strings.Contains(refusal.Message, "evil") {
				t.Errorf("%s with %s: %+v", name, url, refusal)
			}
		}
	}
}

// The header goes along from page to page, through the token.
func TestPagesOverTheRealClient(t *testing.T) {
	var base string
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("ConsistencyLevel") != "eventual" {
			t.Errorf("%s has no ConsistencyLevel", r.RequestURI)
		}
		switch r.RequestURI {
		case "/v1.0/devices?$search=%22displayName:x%22&$top=1&$count=true":
			_, _ = fmt.Fprintf(w, `{"@odata.count":2,"value":[{"id":"a"}],"@odata.nextLink":"%s/devices?$search=%%22displayName:x%%22&$skiptoken=s"}`, base)
		case "/v1.0/devices?$search=%22displayName:x%22&$skiptoken=s":
			_, _ = fmt.Fprint(w, `{"value":[{"id":"b"}]}`)
		default:
			t.Errorf("asked %s", r.RequestURI)
		}
	}
	endpoints, at := client(t, handler)
	base = at
	first := read[events.DirectoryListReply](t, ask(t, endpoints["list"], `{"search":"\"displayName:x\"","top":1}`))
	if first.Count == nil || *first.Count != 2 || len(first.Devices) != 1 {
		t.Fatalf("got %+v", first)
	}
	second := read[events.DirectoryListReply](t, ask(t, endpoints["list"], fmt.Sprintf(`{"pageToken":%q}`, first.NextPageToken)))
	if len(second.Devices) != 1 || second.Devices[0].ID != "b" || second.NextPageToken != "" || second.Count != nil {
		t.Errorf("got %+v", second)
	}
}
