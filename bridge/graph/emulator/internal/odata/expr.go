package odata

import "strings"

// Expr is a node of a filter: And, Or, Not, Compare, In, Call or Any.
type Expr interface{ children() []Expr }

// And is true when both sides are.
type And struct{ Left, Right Expr }

// Or is true when one side is.
type Or struct{ Left, Right Expr }

// Not is true when Inner is not.
type Not struct{ Inner Expr }

// Compare is Path Op Value.
type Compare struct {
	Path Path
	// Op is "eq", "ne", "ge" or "le".
	Op string
	// Value is nil, a bool, a string, a float64 or a time.Time.
	Value any
}

// In is Path in (Values).
type In struct {
	Path   Path
	Values []any
}

// Call is startsWith(Path,Value) or endsWith(Path,Value).
type Call struct {
	// Func is "startswith" or "endswith".
	Func  string
	Path  Path
	Value any
}

// Any is Path/any(Var:Inner): true when Inner is for one element of the collection.
type Any struct {
	Path  Path
	Var   string
	Inner Expr
}

// Path names a property: its segments, of which the last is "$count" for the number of elements. Inside of an Any the
// first segment is the variable.
type Path []string

// String writes the segments with slashes, as in the filter.
func (p Path) String() string { return strings.Join(p, "/") }

// Counts says whether the path asks for the number of elements.
func (p Path) Counts() bool { return len(p) > 0 && p[len(p)-1] == "$count" }

func (e And) children() []Expr   { return []Expr{e.Left, e.Right} }
func (e Or) children() []Expr    { return []Expr{e.Left, e.Right} }
func (e Not) children() []Expr   { return []Expr{e.Inner} }
func (Compare) children() []Expr { return nil }
func (In) children() []Expr      { return nil }
func (Call) children() []Expr    { return nil }
func (e Any) children() []Expr   { return []Expr{e.Inner} }

// Walk visits e and all below it, parents first, until visit gives an error, which it returns. negated says that a Not
// stands above.
func Walk(e Expr, visit func(e Expr, negated bool) error) error { return walk(e, false, visit) }

func walk(e Expr, negated bool, visit func(Expr, bool) error) error {
	if err := visit(e, negated); err != nil {
		return err
	}
	_, not := e.(Not)
	for _, c := range e.children() {
		if err := walk(c, negated || not, visit); err != nil {
			return err
		}
	}
	return nil
}
