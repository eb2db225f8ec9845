package schemas_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"devicebridge/schemas"
)

// eachSchema visits a schema and every schema inside it, with its JSON pointer and
// the types that are known for the value there: its own, or else those of a schema
// around it that judges the same value.
func eachSchema(pointer string, schema any, types []string, visit func(pointer string, schema map[string]any, types []string)) {
	node, isObject := schema.(map[string]any)
	if !isObject {
		return
	}
	switch own := node["type"].(type) {
	case string:
		types = []string{own}
	case []any:
		types = texts(own)
	}
	visit(pointer, node, types)
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := node[key].([]any)
		for i, item := range list {
			eachSchema(fmt.Sprintf("%s/%s/%d", pointer, key, i), item, types, visit)
		}
	}
	for _, key := range []string{"if", "then", "else", "not"} {
		eachSchema(pointer+"/"+key, node[key], types, visit)
	}
	eachSchema(pointer+"/propertyNames", node["propertyNames"], []string{"string"}, visit)
	for _, key := range []string{"items", "contains", "additionalProperties"} {
		eachSchema(pointer+"/"+key, node[key], nil, visit)
	}
	for _, key := range []string{"properties", "patternProperties", "$defs", "dependentSchemas"} {
		members, _ := node[key].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			eachSchema(pointer+"/"+key+"/"+name, members[name], nil, visit)
		}
	}
}

// everySchema visits the schemas of the files and those that stand in the AsyncAPI
// and OpenAPI documents, and fails the test if the walk does not reach them.
func everySchema(t *testing.T, visit func(where string, schema map[string]any, types []string)) {
	t.Helper()
	count := 0
	each := func(where string, schema any) {
		eachSchema(where+"#", schema, nil, func(pointer string, schema map[string]any, types []string) {
			count++
			visit(pointer, schema, types)
		})
	}
	for _, name := range schemas.Names() {
		each(name, object(t, read(t, name)))
	}
	for _, name := range []string{schemas.AsyncAPI, schemas.OpenAPI} {
		open(t, name).walk(func(pointer string, node map[string]any) {
			parent, key := pointer[:max(0, strings.LastIndex(pointer, "/"))], pointer[strings.LastIndex(pointer, "/")+1:]
			if key == "schema" || parent == "/components/schemas" {
				each(name+"#"+pointer, node)
			}
		})
	}
	if count < 500 {
		t.Errorf("%d schemas are visited; the walk does not reach them", count)
	}
}

// TestReferencesLeadToTheSameSchemaByFileAndByID: a tool that opens files resolves
// a reference against the place of the file, one that is handed the schemas against
// their $id.
func TestReferencesLeadToTheSameSchemaByFileAndByID(t *testing.T) {
	ids := make(map[string]string)
	for _, name := range schemas.Names() {
		id, _ := object(t, read(t, name))["$id"].(string)
		if other, taken := ids[id]; taken || id != name+".schema.json" {
			t.Errorf("%s: the $id is %q, want the name of the file (%q has the same)", name, id, other)
		}
		ids[id] = name
	}
	references := 0
	for _, name := range schemas.Names() {
		schema := object(t, read(t, name))
		id, _ := schema["$id"].(string)
		base, err := url.Parse(id)
		if err != nil {
			t.Fatal(err)
		}
		eachSchema("#", schema, nil, func(pointer string, node map[string]any, _ []string) {
			if _, has := node["$id"]; has && pointer != "#" {
				t.Errorf("%s: %s has an $id, which moves the base of its references", name, pointer)
			}
			ref, refers := node["$ref"].(string)
			if !refers {
				return
			}
			references++
			if len(node) != 1 {
				t.Errorf("%s: %s has neighbours, which tools ignore", name, pointer)
			}
			if _, err := fs.Stat(schemas.FS(), strings.TrimPrefix(ref, "./")); err != nil {
				t.Errorf("%s: %s: %v", name, pointer, err)
			}
			target, err := base.Parse(ref)
			if err != nil {
				t.Errorf("%s: %s: %v", name, pointer, err)
			} else if found := strings.TrimPrefix(target.String(), "/"); ids[found] != strings.TrimSuffix(strings.TrimPrefix(ref, "./"), ".schema.json") {
				t.Errorf("%s: %s: %s leads to %s, which is the $id of %q", name, pointer, ref, found, ids[found])
			}
		})
	}
	if references < 15 {
		t.Errorf("%d references are seen; the walk does not reach them", references)
	}
}

// TestFilesCompileAsTheyAre: with the references and $ids as the files have them.
func TestFilesCompileAsTheyAre(t *testing.T) {
	set := compiled(t)
	for _, base := range []string{"file:///srv/schemas/", "https://example.com/v1/"} {
		compiler := jsonschema.NewCompiler()
		compiler.AssertFormat()
		compiler.UseLoader(jsonschema.SchemeURLLoader{})
		for _, name := range schemas.Names() {
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(read(t, name))))
			if err == nil {
				err = compiler.AddResource(base+name+".schema.json", value)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range schemas.Names() {
			schema, err := compiler.Compile(base + name + ".schema.json")
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for i, example := range object(t, read(t, name))["examples"].([]any) {
				for _, text := range variants(t, example) {
					value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
					if err != nil {
						t.Fatal(err)
					}
					if byFile, byID := schema.Validate(value), set.Validate(name, []byte(text)); (byFile == nil) != (byID == nil) {
						t.Errorf("%s, example %d: by file %v, by ID %v\n%s", name, i, byFile, byID, text)
					}
				}
			}
		}
	}
}

// variants returns an example as it is, and once without each of its members.
func variants(t *testing.T, example any) []string {
	t.Helper()
	all := []string{string(marshal(t, example))}
	members, _ := example.(map[string]any)
	for name := range members {
		rest := maps.Clone(members)
		delete(rest, name)
		all = append(all, string(marshal(t, rest)))
	}
	return all
}

// TestSchemasAreStrict holds what validators ask in their strict mode, such as ajv
// with strictRequired and strictTypes: a name that is required and not among the
// properties may be misspelled, and a rule for objects passes every other value.
func TestSchemasAreStrict(t *testing.T) {
	applies := map[string]string{
		"required": "object", "properties": "object", "additionalProperties": "object", "patternProperties": "object",
		"propertyNames": "object", "minProperties": "object", "maxProperties": "object", "dependentRequired": "object",
		"items": "array", "prefixItems": "array", "contains": "array", "minItems": "array", "maxItems": "array", "uniqueItems": "array",
		"minLength": "string", "maxLength": "string", "pattern": "string", "format": "string",
	}
	everySchema(t, func(where string, schema map[string]any, types []string) {
		properties, _ := schema["properties"].(map[string]any)
		for _, name := range texts(schema["required"]) {
			if _, defined := properties[name]; !defined {
				t.Errorf("%s requires %s, which is not among its properties", where, name)
			}
		}
		for keyword, kind := range applies {
			if _, has := schema[keyword]; has && !slices.Contains(types, kind) {
				t.Errorf("%s has %s without the type %s", where, keyword, kind)
			}
		}
	})
}

// identifier returns what a code generator keeps of a title.
func identifier(title string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// TestTitlesAreUnique: code generators make one type of two schemas with one title.
// A message may be called as its own payload is.
func TestTitlesAreUnique(t *testing.T) {
	titled := make(map[string]string)
	everySchema(t, func(where string, schema map[string]any, _ []string) {
		title, _ := schema["title"].(string)
		if title == "" {
			return
		}
		name := identifier(title)
		if other, taken := titled[name]; taken {
			t.Errorf("%s and %s have the title %q", other, where, title)
		}
		titled[name] = where
	})
	for _, name := range schemas.Names() {
		title, _ := object(t, read(t, name))["title"].(string)
		if titled[identifier(title)] != name+"#" {
			t.Errorf("%s: the title %q is not its own", name, title)
		}
	}
	messages := make(map[string]string)
	d := open(t, schemas.AsyncAPI)
	for name, message := range d.root["components"].(map[string]any)["messages"].(map[string]any) {
		message := message.(map[string]any)
		title, _ := message["title"].(string)
		if other, taken := messages[identifier(title)]; taken || title == "" {
			t.Errorf("the messages %s and %s have the title %q", other, name, title)
		}
		messages[identifier(title)] = name
		payload, _ := message["payload"].(map[string]any)
		schema, _ := payload["schema"].(map[string]any)
		ref, _ := schema["$ref"].(string)
		file := strings.TrimSuffix(strings.TrimPrefix(ref, "./"), ".schema.json") + "#"
		if owner, taken := titled[identifier(title)]; taken && owner != file {
			t.Errorf("the message %s has the title %q of %s, its payload is of %s", name, title, owner, file)
		}
	}
	if len(titled) < len(schemas.Names()) || len(messages) < 40 {
		t.Errorf("%d titles of schemas and %d of messages; the walk does not reach them", len(titled), len(messages))
	}
}

// TestStrictWalkSeesFaults: the checks above are of a walk that finds what it looks for.
func TestStrictWalkSeesFaults(t *testing.T) {
	var schema map[string]any
	text := `{"type":"object","if":{"required":["a"]},"properties":{"b":{"allOf":[{"minLength":1}]},"c":{"type":["string","null"],"allOf":[{"minLength":1}]}}}`
	if err := json.Unmarshal([]byte(text), &schema); err != nil {
		t.Fatal(err)
	}
	var seen []string
	eachSchema("#", schema, nil, func(pointer string, _ map[string]any, types []string) {
		seen = append(seen, pointer+" "+strings.Join(types, ","))
	})
	want := []string{"# object", "#/if object", "#/properties/b ", "#/properties/b/allOf/0 ", "#/properties/c string,null", "#/properties/c/allOf/0 string,null"}
	if !slices.Equal(seen, want) {
		t.Errorf("visited %q, want %q", seen, want)
	}
}
