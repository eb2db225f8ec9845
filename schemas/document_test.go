package schemas_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"devicebridge/schemas"
)

// document is a YAML document among the embedded ones, as JSON values. Its
// schemas are compiled with the references as they stand, relative to the file.
type document struct {
	url      string
	root     map[string]any
	compiler *jsonschema.Compiler
}

func open(t *testing.T, name string) document {
	t.Helper()
	text, err := fs.ReadFile(schemas.FS(), name)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any // the decoder refuses a key that comes twice
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	d := document{url: "mem:///" + name, root: object(t, marshal(t, tree)), compiler: jsonschema.NewCompiler()}
	d.compiler.AssertFormat()
	d.compiler.UseLoader(jsonschema.SchemeURLLoader{})
	d.add(t, d.url, marshal(t, d.root))
	for _, schema := range schemas.Names() {
		d.add(t, "mem:///"+schema+".schema.json", read(t, schema))
	}
	return d
}

func (d document) add(t *testing.T, url string, text []byte) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = d.compiler.AddResource(url, value)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// check validates value against the schema that stands at pointer.
func (d document) check(t *testing.T, pointer string, value any) {
	t.Helper()
	schema, err := d.compiler.Compile(d.url + "#" + pointer)
	if err != nil {
		t.Errorf("%s: %v", pointer, err)
		return
	}
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(marshal(t, value)))
	if err == nil {
		err = schema.Validate(plain)
	}
	if err != nil {
		t.Errorf("%s: %v", pointer, err)
	}
}

// walk visits every object of the document with its JSON pointer, in order.
func (d document) walk(visit func(pointer string, node map[string]any)) {
	var each func(pointer string, node any)
	each = func(pointer string, node any) {
		switch node := node.(type) {
		case map[string]any:
			visit(pointer, node)
			for _, key := range slices.Sorted(maps.Keys(node)) {
				each(pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(key), node[key])
			}
		case []any:
			for i, item := range node {
				each(fmt.Sprintf("%s/%d", pointer, i), item)
			}
		}
	}
	each("", d.root)
}

// at gives the object at a local reference such as "#/channels/events".
func (d document) at(ref string) (map[string]any, bool) {
	var node any = d.root
	for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		o, _ := node.(map[string]any)
		node = o[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	o, ok := node.(map[string]any)
	return o, ok && strings.HasPrefix(ref, "#/")
}

// follow gives node, or what its reference leads to.
func (d document) follow(t *testing.T, node any) map[string]any {
	t.Helper()
	o, _ := node.(map[string]any)
	ref, refers := o["$ref"].(string)
	if !refers {
		return o
	}
	target, ok := d.at(ref)
	if !ok {
		t.Errorf("%s leads nowhere", ref)
	}
	return target
}

// checkExamples validates every example in the document and counts them: of
// AsyncAPI messages, of OpenAPI media types, parameters and headers, and of the
// schemas that stand in the document itself.
func (d document) checkExamples(t *testing.T) int {
	t.Helper()
	count := 0
	check := func(pointer string, value any) {
		t.Helper()
		d.check(t, pointer, value)
		count++
	}
	d.walk(func(pointer string, node map[string]any) {
		list, _ := node["examples"].([]any)
		named, _ := node["examples"].(map[string]any)
		switch {
		case node["payload"] != nil && list != nil:
			for _, example := range list {
				example := example.(map[string]any)
				check(pointer+"/payload/schema", example["payload"])
				if headers, ok := example["headers"]; ok {
					check(pointer+"/headers", headers)
				}
			}
		case node["schema"] != nil:
			if example, ok := node["example"]; ok {
				check(pointer+"/schema", example)
			}
			for _, example := range named {
				check(pointer+"/schema", example.(map[string]any)["value"])
			}
		case strings.HasPrefix(pointer, "/components/schemas/"):
			for _, example := range list {
				check(pointer, example)
			}
		}
	})
	return count
}

func TestReferencesResolve(t *testing.T) {
	for _, name := range []string{schemas.AsyncAPI, schemas.OpenAPI} {
		d, local, files := open(t, name), 0, 0
		d.walk(func(pointer string, node map[string]any) {
			ref, ok := node["$ref"].(string)
			if !ok {
				return
			}
			if len(node) != 1 {
				t.Errorf("%s: %s has neighbours, which tools ignore", name, pointer)
			}
			if file, isFile := strings.CutPrefix(ref, "./"); isFile {
				files++
				if _, err := fs.Stat(schemas.FS(), file); err != nil {
					t.Errorf("%s: %s: %v", name, pointer, err)
				}
				return
			}
			local++
			if _, ok := d.at(ref); !ok {
				t.Errorf("%s: %s: %s leads nowhere", name, pointer, ref)
			}
		})
		if local == 0 || files == 0 {
			t.Errorf("%s: %d local references, %d to files", name, local, files)
		}
	}
}

func TestNoComponentIsUnused(t *testing.T) {
	for _, name := range []string{schemas.AsyncAPI, schemas.OpenAPI} {
		d, used := open(t, name), make(map[any]bool)
		d.walk(func(_ string, node map[string]any) {
			if ref, ok := node["$ref"].(string); ok {
				used[ref] = true
			}
		})
		for section, members := range d.root["components"].(map[string]any) {
			for member := range members.(map[string]any) {
				if ref := "#/components/" + section + "/" + member; !used[ref] {
					t.Errorf("%s: %s is unused", name, ref)
				}
			}
		}
	}
}

// texts gives the strings of a list.
func texts(list any) []string {
	var all []string
	items, _ := list.([]any)
	for _, item := range items {
		text, _ := item.(string)
		all = append(all, text)
	}
	return all
}
