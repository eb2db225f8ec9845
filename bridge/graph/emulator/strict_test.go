package emulator_test

import (
	"bytes"
	"compress/gzip"
	"devicebridge/bridge/graph/emulator"
	"net/http"
	"strings"
	"testing"
)

func TestRefusedBodies(t *testing.T) {
	const app = `"type":"AppService","appServiceName":"a","packageFamilyName":"p","payload":{}`
	const uri = `"type":"LaunchUri","payload":{"uri":"https://bing.com"}`
	tests := map[string]struct{ body, message string }{
		"empty":                   {" ", "Empty Payload"},
		"not JSON":                {"{", "well-formed JSON"},
		"two values":              {"{} {}", "well-formed JSON"},
		"not UTF-8":               {"{\"type\":\"\xff\"}", "UTF-8"},
		"an array":                {"[]", "JSON object"},
		"null":                    {"null", "JSON object"},
		"no type":                 {`{"payload":{}}`, "'type'"},
		"null type":               {`{"type":null,"payload":{}}`, "'type'"},
		"unknown type":            {`{"type":"Reboot","payload":{}}`, "'type'"},
		"number as type":          {`{"type":1,"payload":{}}`, "'type'"},
		"no payload":              {`{"type":"LaunchUri"}`, "'payload'"},
		"null payload":            {`{"type":"LaunchUri","payload":null}`, "'payload'"},
		"text as payload":         {`{"type":"LaunchUri","payload":"https://bing.com"}`, "'payload'"},
		"array as payload":        {`{"type":"AppService","appServiceName":"a","packageFamilyName":"p","payload":[]}`, "'payload'"},
		"no uri":                  {`{"type":"LaunchUri","payload":{}}`, "'payload.uri'"},
		"number as uri":           {`{"type":"LaunchUri","payload":{"uri":1}}`, "'payload.uri'"},
		"null uri":                {`{"type":"LaunchUri","payload":{"uri":null}}`, "'payload.uri'"},
		"relative uri":            {`{"type":"LaunchUri","payload":{"uri":"bing.com"}}`, "'payload.uri'"},
		"scheme alone":            {`{"type":"LaunchUri","payload":{"uri":"https:"}}`, "'payload.uri'"},
		"uri with a space":        {`{"type":"LaunchUri","payload":{"uri":"https://bing.com/a b"}}`, "'payload.uri'"},
		"uri twice":               {`{"type":"LaunchUri","payload":{"uri":"a:b","Uri":"a:c"}}`, "'payload.Uri'"},
		"app key twice":           {`{"type":"AppService","appServiceName":"a","packageFamilyName":"p","payload":{"k":1,"k":2}}`, "'payload.k'"},
		"no app service":          {`{"type":"AppService","packageFamilyName":"p","payload":{}}`, "'appServiceName'"},
		"blank app service":       {`{"type":"AppService","appServiceName":" ","packageFamilyName":"p","payload":{}}`, "'appServiceName'"},
		"number as app service":   {`{"type":"AppService","appServiceName":1,"packageFamilyName":"p","payload":{}}`, "'appServiceName'"},
		"no package":              {`{"type":"AppService","appServiceName":"a","payload":{}}`, "'packageFamilyName'"},
		"object as package":       {`{"type":"AppService","appServiceName":"a","packageFamilyName":{},"payload":{}}`, "'packageFamilyName'"},
		"unknown member":          {`{` + uri + `,"priority":1}`, "'priority'"},
		"read-only member":        {`{` + uri + `,"Status":"completed"}`, "'Status' is read-only"},
		"member twice":            {`{` + app + `,"type":"AppService"}`, "'type' repeats"},
		"member in two casings":   {`{` + app + `,"PackageFamilyName":"q"}`, "'PackageFamilyName' repeats the property 'packageFamilyName'"},
		"postback member twice":   {`{` + uri + `,"postBackUri":"https://a","postbackURI":"https://b"}`, "'postbackURI'"},
		"foreign annotation":      {`{` + uri + `,"@odata.type":"#microsoft.graph.user"}`, "@odata.type"},
		"relative postback":       {`{` + uri + `,"postBackUri":"postbackURI"}`, "'postBackUri'"},
		"number as postback":      {`{` + uri + `,"postBackUri":1}`, "'postBackUri'"},
		"plain postback":          {`{` + uri + `,"postBackUri":"http://example.org/p"}`, "'postBackUri' must be an https URL"},
		"loopback by name":        {`{` + uri + `,"postBackUri":"http://localhost.example.org/p"}`, "'postBackUri'"},
		"ftp postback":            {`{` + uri + `,"postBackUri":"ftp://localhost/p"}`, "'postBackUri'"},
		"postback with a user":    {`{` + uri + `,"postBackUri":"https://u:p@example.org/"}`, "'postBackUri'"},
		"postback with fragment":  {`{` + uri + `,"postBackUri":"https://example.org/#f"}`, "'postBackUri'"},
		"postback without a host": {`{` + uri + `,"postBackUri":"https:///p"}`, "'postBackUri'"},
	}
	g := start(t, emulator.Options{})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			mustRefuse(t, g.do(http.MethodPost, commands(tablet), tt.body), http.StatusBadRequest, "BadRequest", tt.message)
		})
	}
	for _, rec := range g.Commands() {
		if rec.Taken || rec.HTTPStatus != http.StatusBadRequest {
			t.Errorf("%s was taken, or answered %d", rec.Body, rec.HTTPStatus)
		}
	}
}

func TestAcceptedBodies(t *testing.T) {
	for _, body := range []string{
		`{"Type":"launchUri","Payload":{"Uri":"http://bing.com"}}`,
		`{"TYPE":"LAUNCHURI","payload":{"uri":"ms-settings:display"}}`,
		`{"type":"LaunchURI","payload":{"uri":"tel:123","more":[1]},"appServiceName":null,"postBackUri":null}`,
		`{"type":"AppServices","appServiceName":"a","packageFamilyName":"p","payload":{"k":1,"K":2}}`,
		`{"@odata.type":"#microsoft.graph.command","type":"appService","appServiceName":"a","packageFamilyName":"p","payload":{}}`,
		`{"type":"LaunchUri","payload":{"uri":"https://bing.com"},"postbackURI":"https://example.org/p?t=1"}`,
	} {
		// By hand, so that no postback leaves this machine.
		g := start(t, emulator.Options{Devices: []emulator.Device{{ID: "d", Script: []emulator.Step{}}}})
		g.send("d", body)
	}
}

// The payload and the callback URL come back as they were sent.
func TestEcho(t *testing.T) {
	g := start(t, emulator.Options{Devices: []emulator.Device{{ID: "d", Script: []emulator.Step{}}}})
	a := g.do(http.MethodPost, commands("d"),
		`{"type":"AppService","appServiceName":"a","packageFamilyName":"p","payload":{"n":12345678901234567,"t":"<&>"},"postBackUri":"https://example.org/p?a=1&b=2"}`)
	for _, part := range []string{`"payload":{"n":12345678901234567,"t":"<&>"}`, `"postBackUri":"https://example.org/p?a=1&b=2"`} {
		if !strings.Contains(string(a.raw), part) {
			t.Errorf("%s is not in %s", part, a.raw)
		}
	}
}

func TestRefusedHeaders(t *testing.T) {
	tests := map[string]struct {
		header        map[string]string
		status        int
		code, message string
	}{
		"no content type":      {map[string]string{"Content-Type": ""}, 415, "UnsupportedMediaType", "Content-Type is missing"},
		"form":                 {map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415, "UnsupportedMediaType", "Content-Type"},
		"latin-1":              {map[string]string{"Content-Type": "application/json; charset=iso-8859-1"}, 415, "UnsupportedMediaType", "charset"},
		"brotli":               {map[string]string{"Content-Encoding": "br"}, 415, "UnsupportedMediaType", "Content-Encoding"},
		"not gzip":             {map[string]string{"Content-Encoding": "gzip"}, 400, "BadRequest", "not gzip"},
		"client-request-id":    {map[string]string{"client-request-id": "42"}, 400, "BadRequest", "client-request-id"},
		"GUID in braces":       {map[string]string{"client-request-id": "{7f1c2d34-5e6f-4a1b-9c8d-0e1f2a3b4c5d}"}, 400, "BadRequest", "client-request-id"},
		"XML only":             {map[string]string{"Accept": "application/xml"}, 406, "NotAcceptable", "Accept"},
		"JSON not at all":      {map[string]string{"Accept": "application/json;q=0, text/html"}, 406, "NotAcceptable", "Accept"},
		"larger than allowed":  {map[string]string{"X-Pad": "1"}, 413, "RequestEntityTooLarge", "256 bytes"},
		"larger after gunzip":  {map[string]string{"Content-Encoding": "gzip"}, 413, "RequestEntityTooLarge", "256 bytes"},
		"Accept with a choice": {map[string]string{"Accept": "text/html, application/json;q=0.9"}, 201, "", ""},
		"any Accept":           {map[string]string{"Accept": "*/*"}, 201, "", ""},
		"gzip":                 {map[string]string{"Content-Encoding": "gzip"}, 201, "", ""},
	}
	g := start(t, emulator.Options{MaxBody: 256})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := launch
			switch name {
			case "larger than allowed":
				body += strings.Repeat(" ", 256)
			case "larger after gunzip":
				body = zipped(t, body+strings.Repeat(" ", 10_000))
			case "gzip":
				body = zipped(t, body)
			}
			a, err := g.request(http.MethodPost, commands(tablet), body, tt.header)
			if err != nil {
				t.Fatal(err)
			}
			if tt.code == "" {
				if a.status != tt.status {
					t.Fatalf("%d %s", a.status, a.raw)
				}
				return
			}
			mustRefuse(t, a, tt.status, tt.code, tt.message)
		})
	}
}

func zipped(t *testing.T, s string) string {
	t.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	if _, err := zw.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}
