package graph

import (
	"slices"
	"testing"
)

func TestEveryOperationHasARoute(t *testing.T) {
	seen := map[string]bool{}
	for _, operation := range slices.Concat(Operations(), DirectoryOperations()) {
		route := routeOf(operation)
		if route == "/" {
			t.Errorf("%q has no route", operation)
		}
		seen[route] = true
	}
	if len(seen) < 12 || routeOf("another") != "/" {
		t.Errorf("%d routes; an unknown operation has %q", len(seen), routeOf("another"))
	}
}
