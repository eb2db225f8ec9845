package schemas

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Load gives the schema name with its ID as the $id, and the names of the schemas
// that it refers to, by ID. In the file, the $id and the references are file names.
func Load(name string) (schema map[string]any, refers []string, err error) {
	text, err := Read(name)
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		return nil, nil, fmt.Errorf("schema %q: %w", name, err)
	}
	schema["$id"] = ID(name)
	return schema, relink(schema), nil
}

// relink turns every file reference below node into one by ID, and gives the
// names referred to.
func relink(node any) []string {
	var names []string
	switch node := node.(type) {
	case []any:
		for _, item := range node {
			names = append(names, relink(item)...)
		}
	case map[string]any:
		for key, item := range node {
			if file, ok := item.(string); ok && key == "$ref" && strings.HasSuffix(file, suffix) {
				name := strings.TrimSuffix(strings.TrimPrefix(file, "./"), suffix)
				node[key] = ID(name)
				names = append(names, name)
			}
			names = append(names, relink(item)...)
		}
	}
	return names
}
