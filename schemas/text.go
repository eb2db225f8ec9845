package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Text gives the schema name as compact JSON that stands on its own, for the
// metadata of a service endpoint: the schemas it refers to are bundled under
// $defs, as section 9.3.1 of JSON Schema 2020-12 describes. The error for a name
// that is not one of Names wraps fs.ErrNotExist.
func Text(name string) (string, error) {
	schema, refers, err := Load(name)
	if err != nil {
		return "", err
	}
	bundled := make(map[string]any)
	for len(refers) > 0 {
		next := refers[0]
		refers = refers[1:]
		if bundled[next] != nil {
			continue
		}
		part, more, err := Load(next)
		if err != nil {
			return "", err
		}
		delete(part, "examples") // the examples of the whole show it
		bundled[next] = part
		refers = append(refers, more...)
	}
	if len(bundled) > 0 {
		schema["$defs"] = bundled
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(schema); err != nil {
		return "", fmt.Errorf("schema %q: %w", name, err)
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}
