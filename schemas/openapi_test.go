package schemas_test

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"devicebridge/events"
	"devicebridge/schemas"
	"devicebridge/webhook"
)

const postbackPath = "/postback/{command}/{token}"

// operation gives the one operation of the document.
func operation(t *testing.T, d document) map[string]any {
	t.Helper()
	paths := d.root["paths"].(map[string]any)
	path, _ := paths[postbackPath].(map[string]any)
	post, _ := path["post"].(map[string]any)
	if len(paths) != 1 || len(path) != 2 || post == nil {
		t.Fatalf("paths %v", paths)
	}
	return post
}

func TestOpenAPIStructure(t *testing.T) {
	d := open(t, schemas.OpenAPI)
	if version, _ := d.root["openapi"].(string); !strings.HasPrefix(version, "3.1.") || d.root["jsonSchemaDialect"] != draft {
		t.Errorf("openapi %v, dialect %v", d.root["openapi"], d.root["jsonSchemaDialect"])
	}
	info := d.root["info"].(map[string]any)
	if info["title"] == nil || info["version"] == nil || !strings.Contains(info["description"].(string), "**The postback is an assumption.**") {
		t.Errorf("info %v", info)
	}
	post := operation(t, d)
	if post["operationId"] == nil || post["summary"] == nil {
		t.Errorf("operation %v", post)
	}
	var named []string
	for _, parameter := range d.root["paths"].(map[string]any)[postbackPath].(map[string]any)["parameters"].([]any) {
		parameter := d.follow(t, parameter)
		if parameter["in"] != "path" || parameter["required"] != true {
			t.Errorf("parameter %v", parameter)
		}
		named = append(named, parameter["name"].(string))
	}
	if !slices.Equal(named, []string{"command", "token"}) {
		t.Errorf("parameters %v", named)
	}
	body := post["requestBody"].(map[string]any)
	if got := slices.Sorted(maps.Keys(body["content"].(map[string]any))); !slices.Equal(got, []string{"*/*", "application/json"}) || body["required"] != true {
		t.Errorf("request body of %v, required %v", got, body["required"])
	}
}

func TestOpenAPICoversEveryStatus(t *testing.T) {
	want := map[string]bool{}
	for _, status := range webhook.Statuses() {
		want[strconv.Itoa(status)] = true
	}
	responses := operation(t, open(t, schemas.OpenAPI))["responses"].(map[string]any)
	if got := slices.Sorted(maps.Keys(responses)); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Errorf("statuses %v, the endpoint has %v", got, slices.Sorted(maps.Keys(want)))
	}
}

func TestOpenAPIResponses(t *testing.T) {
	d := open(t, schemas.OpenAPI)
	own := map[string]string{"405": "Allow", "415": "Accept-Encoding", "429": "Retry-After", "503": "Retry-After"}
	for status, response := range operation(t, d)["responses"].(map[string]any) {
		response := response.(map[string]any)
		headers := response["headers"].(map[string]any)
		for _, name := range []string{"Cache-Control", own[status]} {
			if name != "" && d.follow(t, headers[name])["required"] != true {
				t.Errorf("%s has no header %s", status, name)
			}
		}
		content, _ := response["content"].(map[string]any)
		if status == "202" {
			if content != nil {
				t.Errorf("202 has the content %v", content)
			}
			continue
		}
		media, _ := content["application/problem+json"].(map[string]any)
		examples, _ := media["examples"].(map[string]any)
		if len(content) != 1 || len(examples) == 0 || media["schema"].(map[string]any)["$ref"] != "./problem.schema.json" {
			t.Errorf("%s: content %v", status, content)
		}
		code, _ := strconv.Atoi(status)
		for name, example := range examples {
			problem := example.(map[string]any)["value"].(map[string]any)
			if problem["status"] != float64(code) || problem["title"] != http.StatusText(code) {
				t.Errorf("%s: example %s is %v", status, name, problem)
			}
		}
	}
}

func TestOpenAPIExamples(t *testing.T) {
	d := open(t, schemas.OpenAPI)
	if count := d.checkExamples(t); count < 15 {
		t.Errorf("%d examples are checked", count)
	}
	body := operation(t, d)["requestBody"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)
	for name, example := range body["examples"].(map[string]any) {
		text := marshal(t, example.(map[string]any)["value"])
		if observations, err := events.ParseObservations(text); err != nil || len(observations) != 1 || observations[0].Status == "" {
			t.Errorf("example %s reads as %v, %v", name, observations, err)
		}
	}
	for i, example := range object(t, read(t, "postback"))["examples"].([]any) {
		if _, err := events.ParseObservations(marshal(t, example)); err != nil {
			t.Errorf("example %d of postback: %v", i, err)
		}
	}
}
