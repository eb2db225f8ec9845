package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logKeys are the keys that every line of the log has by itself. An attribute of the
// same name would make a line with one key twice, of which a reader takes either.
// slog's "source" is not among them: no line says where in the program it comes from.
func logKeys() []string { return []string{"time", "level", "msg", "host", "component"} }

// TestNoAttributeHasABuiltInKey reads the program for the keys that it logs.
func TestNoAttributeHasABuiltInKey(t *testing.T) {
	methods := []string{"Debug", "Info", "Warn", "Error", "Log", "DebugContext", "InfoContext", "WarnContext", "ErrorContext", "With", "Group"}
	makers := []string{"String", "Int", "Int64", "Uint64", "Float64", "Bool", "Time", "Duration", "Any", "Group"}
	// The two that give every line, or every line of a part, such a key.
	given := map[string]string{"cmd/devicebridge/serve.go": "host", "bridge/bus/serverlog.go": "component"}
	root, seen := filepath.Join("..", ".."), 0
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && file != root && (strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." || isModule(file)) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			of, isName := selector.X.(*ast.Ident)
			if isName && of.Name == "slog" && slices.Contains(makers, selector.Sel.Name) || slices.Contains(methods, selector.Sel.Name) {
				seen++
				for _, argument := range call.Args {
					literal, ok := argument.(*ast.BasicLit)
					if !ok || literal.Kind != token.STRING {
						continue
					}
					if key, _ := strconv.Unquote(literal.Value); slices.Contains(logKeys(), key) && given[filepath.ToSlash(relative)] != key {
						t.Errorf("%s logs an attribute %q, which every line has already", files.Position(literal.Pos()), key)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil || seen < 100 {
		t.Fatalf("%d calls were looked at, %v", seen, err)
	}
}

// checkKeysOnce asserts that a line of the log has each key once.
func checkKeysOnce(t *testing.T, line string) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(line))
	var keys []string
	for depth, isKey := 0, false; ; {
		piece, err := decoder.Token()
		if err != nil {
			break
		}
		if mark, ok := piece.(json.Delim); ok {
			if mark == '{' || mark == '[' {
				depth++
			} else {
				depth--
			}
			isKey = depth == 1
			continue
		}
		if key, ok := piece.(string); ok && depth == 1 && isKey {
			keys = append(keys, key)
			isKey = false
			continue
		}
		isKey = depth == 1
	}
	slices.Sort(keys)
	if len(keys) == 0 || len(slices.Compact(slices.Clone(keys))) != len(keys) {
		t.Errorf("keys %v in %s", keys, line)
	}
}
