package main

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"devicebridge/bridge/graph/signin"
)

// settings gives the member that each variable is parsed into.
func settings() map[string]reflect.StructField {
	members := map[string]reflect.StructField{}
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
			if name == "" && f.Type.Kind() == reflect.Struct {
				walk(f.Type)
			} else if name != "" {
				members[name] = f
			}
		}
	}
	walk(reflect.TypeFor[config]())
	return members
}

// form says what a variable takes, with its unit: its words where it is one of a
// few, else what its type and its name tell.
func form(name string, member reflect.StructField, words map[string]string) string {
	if text := words[name]; text != "" {
		return text
	}
	switch {
	case member.Type == reflect.TypeFor[signin.Mode]():
		return "one of the words at the right"
	case member.Type.Kind() != reflect.String:
		return takes(member.Type)
	case name == "NATS_URL":
		return "nats://host:port, comma separated"
	}
	for suffix, text := range map[string]string{
		"_URL": "URL", "_HOST": "URL", "_ADDR": "host:port", "_LISTEN": "host:port", "_DIR": "directory",
		"_FILE": "file", "_PATH": "file", "_CA": "file", "_CERT": "file", "_CREDS": "file", "NATS_KEY": "file", "NATS_NKEY": "file",
	} {
		if strings.HasSuffix(name, suffix) {
			return text
		}
	}
	return "text"
}

// choiceWords gives the words of the variables that are one of a few, in the words
// in which any other is refused.
func choiceWords() map[string]string {
	words := map[string]string{}
	for _, fault := range choiceFaults(config{}) { // which has none of the words
		name, rest, _ := strings.Cut(fault.Error(), ":")
		_, words[name], _ = strings.Cut(rest, "; it takes ")
	}
	return words
}

// reference renders CONFIGURATION.md.
func reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	members, words := settings(), choiceWords()
	var sections []string
	rows := map[string]string{}
	for _, v := range variables() {
		section, _, _ := strings.Cut(v.name, "_")
		if rows[section] == "" {
			sections = append(sections, section)
		}
		rows[section] += referenceRow(v, members[v.name], words) + "\n"
	}
	for _, section := range sections {
		_, _ = fmt.Fprintf(&b, "\n## %s_…\n\n| variable | default | takes | meaning |\n|---|---|---|---|\n%s", section, rows[section])
	}
	return b.String()
}

func referenceRow(v variable, member reflect.StructField, words map[string]string) string {
	name := "`" + v.name + "`"
	if slices.Contains(secrets(), v.name) {
		name += " (secret)"
	}
	given := ""
	if d := member.Tag.Get("envDefault"); d != "" {
		given = "`" + d + "`"
	}
	cells := []string{name, cmp.Or(given, "–"), form(v.name, member, words), v.meaning}
	for i, text := range cells {
		cells[i] = strings.NewReplacer("|", `\|`, "<", `\<`).Replace(text)
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

const referenceHead = `# Configuration

Every variable that ` + "`devicebridge serve`" + ` reads. Made by ` + "`go generate ./cmd/devicebridge`" + ` from the table that the program
itself parses by; a test fails when it is stale.

- An empty variable counts as not set. There is no configuration file beside the environment.
- A secret may come from a file instead: ` + "`NAME_FILE`" + ` names it, the white space around its content is dropped, and
  both at once are refused.
- A ` + "`BRIDGE_…`" + ` name that is not listed here is refused, with the nearest one that is. Names that Kubernetes injects
  for a Service whose name begins with "bridge" are let be.
- All faults are reported together, each under its variable, with exit code 2.
  ` + "`devicebridge config check`" + ` reports them without starting anything; ` + "`devicebridge config print`" + ` shows what is in effect
  and where it comes from, with secrets masked.
- Durations are Go's: ` + "`30s`, `1h30m`, `168h`" + `. Sizes are a number of bytes, or one with a unit: ` + "`512MiB`, `1GiB`, `10GB`" + `.
`
