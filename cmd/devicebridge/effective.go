package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// setting is one variable as it is in effect.
type setting struct {
	Name string `json:"name"`
	// Value is masked where it is secret; of an address, who signs in is.
	Value string `json:"value"`
	// Source is fromDefault, fromEnvironment or fromFile; File is named for the last.
	Source string `json:"source"`
	File   string `json:"file,omitempty"`
	Secret bool   `json:"secret,omitempty"`
	// Refused: what was set has a fault, so that serve does not start. What cannot be
	// read at all is shown as the default.
	Refused bool `json:"refused,omitempty"`
	// Unused says because of what other setting this one, which is given, has no effect.
	Unused string `json:"unused,omitempty"`
}

const (
	fromDefault     = "default"
	fromEnvironment = "environment"
	fromFile        = "file"
)

// mask stands for what is set and not shown, however long it is.
const mask = "********"

// effective gives every setting of c, which was read from vars with fault, in the
// order of the help.
func effective(c config, vars map[string]string, fault error) []setting {
	values := settingValues(c)
	refused := map[string]bool{}
	for _, f := range configFaults(fault) {
		refused[strings.TrimSuffix(f.Variable, "_FILE")] = true
	}
	unused := map[string]string{}
	for _, s := range ignoredSettings(c, vars) {
		unused[s.Variable] = s.Because
	}
	list := make([]setting, 0, len(values))
	for _, v := range variables() {
		s := setting{Name: v.name, Value: values[v.name], Source: fromDefault, Secret: slices.Contains(secrets(), v.name), Refused: refused[v.name]}
		if !s.Refused {
			s.Unused = unused[v.name]
		}
		switch file := vars[v.name+"_FILE"]; {
		case vars[v.name] != "":
			s.Source = fromEnvironment
		case s.Secret && file != "":
			s.Source, s.File = fromFile, file
		}
		switch {
		case s.Secret && s.Value != "":
			s.Value = mask
		case s.Name == "NATS_URL":
			s.Value = withoutUser(strings.Split(s.Value, ",")...)
		case strings.HasSuffix(s.Name, "_URL"), strings.HasSuffix(s.Name, "_HOST"), strings.HasSuffix(s.Name, "_ENDPOINT"), strings.Contains(s.Value, "://"):
			s.Value = withoutUser(s.Value)
		}
		if !s.Refused && s.Unused == "" {
			s = inEffect(c, s)
		}
		list = append(list, s)
	}
	return list
}

// withoutUser masks who signs in where an address, or each of several, names
// somebody. It reads the text and no URL, since what cannot be read is shown too.
func withoutUser(list ...string) string {
	for i, address := range list {
		at := strings.LastIndex(address, "@")
		if at < 0 {
			continue
		}
		scheme := ""
		if end := strings.Index(address[:at], "://"); end >= 0 {
			scheme = address[:end+len("://")]
		}
		list[i] = scheme + mask + address[at:]
	}
	return strings.Join(list, ",")
}

// settingValues gives the text of every variable that c was parsed from.
func settingValues(c config) map[string]string {
	values := map[string]string{}
	var walk func(reflect.Value)
	walk = func(v reflect.Value) {
		for f, value := range v.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("env"), ",")
			switch {
			case name != "":
				values[name] = settingText(value)
			case value.Kind() == reflect.Struct && (f.IsExported() || f.Anonymous):
				walk(value)
			}
		}
	}
	walk(reflect.ValueOf(c))
	return values
}

// settingText gives a value as it could be set.
func settingText(v reflect.Value) string {
	if level, ok := reflect.TypeAssert[logLevel](v); ok {
		return strings.ToLower(level.String())
	}
	return fmt.Sprint(v.Interface())
}
