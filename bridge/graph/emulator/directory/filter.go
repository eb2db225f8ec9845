package directory

import (
	"errors"
	"strings"
	"time"

	"devicebridge/bridge/graph/emulator/internal/odata"
)

// maxIn is the documented number of values that the operator in takes.
const maxIn = 15

// parseFilter reads a filter and checks each clause with the schema's table.
func parseFilter(text string, s schema) (odata.Expr, error) {
	if len(text) > maxFilter {
		return nil, badRequest("The query option '$filter' is longer than %d bytes.", maxFilter)
	}
	e, err := odata.Parse(text)
	if fault, ok := errors.AsType[*odata.Error](err); ok {
		if fault.Unsupported {
			return nil, unsupportedQuery("Unsupported query filter: %v.", fault)
		}
		return nil, badRequest("Invalid filter clause: %v.", fault)
	}
	if err != nil {
		return nil, err
	}
	return e, filterCheck{schema: s}.expr(e, false)
}

// filterCheck checks the clauses of a filter, or of the inside of a lambda.
type filterCheck struct {
	schema schema
	// variable stands for an element of collection; it is empty outside of a lambda.
	variable   string
	collection property
}

// expr checks e and all below it; negated says that a not stands above.
func (f filterCheck) expr(e odata.Expr, negated bool) error {
	switch e := e.(type) {
	case odata.And:
		return errors.Join(f.expr(e.Left, negated), f.expr(e.Right, negated))
	case odata.Or:
		return errors.Join(f.expr(e.Left, negated), f.expr(e.Right, negated))
	case odata.Not:
		return f.expr(e.Inner, true)
	case odata.Any:
		p, ok := f.schema.find(e.Path.String())
		if !ok || !p.collection() || p.filter == "" || f.variable != "" {
			return f.invalid(e.Path)
		}
		return filterCheck{schema: f.schema, variable: e.Var, collection: p}.expr(e.Inner, negated)
	}
	return f.clause(e, negated)
}

func (f filterCheck) clause(e odata.Expr, negated bool) error {
	switch e := e.(type) {
	case odata.Compare:
		return f.compare(e, negated)
	case odata.In:
		if len(e.Values) > maxIn {
			return unsupportedQuery("The operator 'in' takes at most %d values.", maxIn)
		}
		for _, v := range e.Values {
			if err := f.operand(e.Path, "in", v, negated); err != nil {
				return err
			}
		}
	case odata.Call:
		op := map[string]string{"startswith": "startsWith", "endswith": "endsWith"}[e.Func]
		return f.operand(e.Path, op, e.Value, negated)
	}
	return nil
}

func (f filterCheck) compare(e odata.Compare, negated bool) error {
	if !e.Path.Counts() {
		return f.operand(e.Path, e.Op, e.Value, negated)
	}
	p, ok := f.schema.find(e.Path[:len(e.Path)-1].String())
	if !ok || !p.filters("count") || e.Value != 0.0 || e.Op != "eq" && e.Op != "ne" {
		return f.invalid(e.Path)
	}
	return nil
}

// operand checks one property, operator and value.
func (f filterCheck) operand(path odata.Path, op string, value any, negated bool) error {
	p, leaf, ok := f.resolve(path)
	switch {
	case !ok, !p.filters(op), negated && !p.filters("not"):
		return f.invalid(path)
	case value == nil && !p.filters("null"):
		return f.invalid(path)
	case value != nil && !leaf.takes(value):
		return badRequest("Invalid filter clause: the value for the property '%s' is of another type.", path)
	}
	return nil
}

func (f filterCheck) invalid(path odata.Path) error {
	return unsupportedQuery("Unsupported or invalid query filter clause specified for property '%s' of resource '%s'.", path, f.schema.name)
}

// resolve gives the property whose operators count, and the type of the value that the path leads to.
func (f filterCheck) resolve(path odata.Path) (p property, leaf property, ok bool) {
	if f.variable != "" {
		return f.element(path)
	}
	p, ok = f.schema.find(path[0])
	if ok && p.kind == extensions {
		return p, property{kind: text}, len(path) == 2 && isExtensions(map[string]any{path[1]: nil})
	}
	return p, p, ok && len(path) == 1 && !p.collection()
}

// element resolves a path inside of a lambda, where only the variable can be asked.
func (f filterCheck) element(path odata.Path) (p property, leaf property, ok bool) {
	p, ok = f.collection, path[0] == f.variable
	switch {
	case p.kind == texts:
		return p, property{kind: text}, ok && len(path) == 1
	case len(path) == 2:
		part, known := securityParts()[path[1]]
		return p, property{kind: part}, ok && known
	}
	return p, p, false
}

func securityParts() map[string]kind {
	return map[string]kind{"type": integer, "key": text, "identityProvider": text}
}

// takes says whether a literal is of the property's type.
func (p property) takes(value any) bool {
	var ok bool
	switch p.kind {
	case boolean:
		_, ok = value.(bool)
	case integer:
		_, ok = value.(float64)
	case timestamp:
		_, ok = value.(time.Time)
	default:
		_, ok = value.(string)
	}
	return ok
}

// advancedClause names the first clause that only an advanced query may have.
func advancedClause(e odata.Expr) string {
	found := ""
	_ = odata.Walk(e, func(e odata.Expr, _ bool) error { // it gives no error
		switch e := e.(type) {
		case odata.Not:
			found = "The operator 'not'"
		case odata.Compare:
			switch {
			case e.Path.Counts():
				found = "The segment '/$count' in a filter"
			case e.Op == "ne":
				found = "The operator 'ne'"
			}
		case odata.Call:
			if strings.HasPrefix(e.Func, "ends") {
				found = "The operator 'endsWith'"
			}
		}
		return nil
	})
	return found
}
