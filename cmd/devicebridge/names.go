package main

import (
	"errors"
	"fmt"
	"log/slog"
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
// misspelt, and the setting meant would silently keep its default.
func unknownNames(vars map[string]string) error {
	known := variableDefaults()
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if _, read := known[name]; read || !strings.HasPrefix(name, ownPrefix) || serviceLink(name, vars[name]) {
			continue
		}
		faults = append(faults, fmt.Errorf("%s: no such setting; `devicebridge serve --help` lists them", name))
	}
	return errors.Join(faults...)
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
	takes := "a whole number"
	switch f.Type {
	case reflect.TypeFor[time.Duration]():
		takes = "a duration such as 30s or 1h30m"
	case reflect.TypeFor[float64]():
		takes = "a number such as 1.5"
	case reflect.TypeFor[slog.Level]():
		takes = "debug, info, warn or error"
	}
	return name, fmt.Errorf("%s: is %q; it takes %s", name, vars[name], takes)
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
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
			if name == "" && f.Type.Kind() == reflect.Struct {
				walk(f.Type)
			} else if name != "" {
				defaults[name] = f.Tag.Get("envDefault")
			}
		}
	}
	walk(reflect.TypeFor[config]())
	return defaults
}
