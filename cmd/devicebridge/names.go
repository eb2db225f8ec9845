package main

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

const ownPrefix = "BRIDGE_"

// unknownNames refuses a BRIDGE_* variable that nothing reads: most likely it is
// misspelt, and the setting meant would silently keep its default. The fault names
// the setting that is nearest.
func unknownNames(vars map[string]string) error {
	known := variableDefaults()
	names := slices.Sorted(maps.Keys(known))
	for _, secret := range secrets() {
		names = append(names, secret+"_FILE")
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if _, read := known[name]; read || !strings.HasPrefix(name, ownPrefix) || serviceLink(name, vars[name]) {
			continue
		}
		faults = append(faults, fmt.Errorf("%s: %s", name, unknownName(name, names)))
	}
	return errors.Join(faults...)
}

func unknownName(name string, known []string) string {
	if plain, file := strings.CutSuffix(name, "_FILE"); file && slices.Contains(known, plain) {
		return "only secrets are read from files; set " + plain + " itself"
	}
	if meant := nearestName(name, known); meant != "" {
		return "no such setting; did you mean " + meant + "? `devicebridge serve --help` lists them"
	}
	return "no such setting; `devicebridge serve --help` lists them"
}

// byVariable puts the variable and what it takes in the place of the struct's
// member and the conversion that the parser reports. The value is quoted: a
// secret is text, which always parses.
func byVariable(t reflect.Type, fault error, vars map[string]string) (name string, _ error) {
	parse, ok := errors.AsType[env.ParseError](fault)
	if !ok {
		return "", fault
	}
	f, found := t.FieldByName(parse.Name)
	if name, _, _ = strings.Cut(f.Tag.Get("env"), ","); !found || name == "" {
		return "", fault
	}
	return name, fmt.Errorf("%s: is %q; it takes %s", name, vars[name], takes(f.Type))
}

// takes says in words what a variable of a type takes that is not any text.
func takes(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "a duration such as 30s or 1h30m"
	case reflect.TypeFor[byteSize]():
		return "a size such as 512MiB, 1GiB or 1073741824"
	case reflect.TypeFor[float64]():
		return "a number such as 1.5"
	case reflect.TypeFor[logLevel]():
		return "debug, info, warn or error"
	default:
		return "a whole number"
	}
}

// serviceLink reports whether Kubernetes injects this variable into every pod
// beside a Service whose name begins with "bridge".
func serviceLink(name, value string) bool {
	if regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?)$`).MatchString(name) {
		return true
	}
	link := regexp.MustCompile(`_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`).MatchString(name)
	return link && (!strings.HasSuffix(name, "_PORT") || strings.Contains(value, "://") || strings.Contains(name, "_PORT_"))
}

// variableDefaults gives every variable that is read, with its default.
func variableDefaults() map[string]string {
	defaults := map[string]string{}
	for name, member := range settings() {
		defaults[name] = member.Tag.Get("envDefault")
	}
	return defaults
}
