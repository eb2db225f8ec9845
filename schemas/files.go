package schemas

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed *.schema.json asyncapi.yaml openapi.yaml
var files embed.FS

// The documents beside the schemas, by their names in FS.
const (
	AsyncAPI = "asyncapi.yaml"
	OpenAPI  = "openapi.yaml"
)

const (
	suffix   = ".schema.json"
	idPrefix = "urn:devicebridge:schema:"
	idSuffix = ":v1"
)

// FS gives every document: <name>.schema.json for each of Names, AsyncAPI and
// OpenAPI. References between them are relative file names, because that is what
// the tools for AsyncAPI and OpenAPI can open, and the $id of a file is its name.
func FS() fs.FS { return files }

// Names lists the schemas, sorted: "command", "request" and so on.
func Names() []string {
	names, _ := fs.Glob(files, "*"+suffix) // fails for a malformed pattern only
	for i, name := range names {
		names[i] = strings.TrimSuffix(name, suffix)
	}
	slices.Sort(names) // as names: command before command-reply
	return names
}

// ID returns the URN of the schema name, whether there is one or not: its $id in
// what Load and Text return, and the dataschema of the events that have it.
func ID(name string) string { return idPrefix + name + idSuffix }

// Read gives the schema name as its file has it; Text gives it complete. The error for a name that is not one
// of Names wraps fs.ErrNotExist.
func Read(name string) ([]byte, error) {
	text, err := files.ReadFile(name + suffix)
	if err != nil {
		return nil, fmt.Errorf("schema %q: %w", name, err)
	}
	return text, nil
}
