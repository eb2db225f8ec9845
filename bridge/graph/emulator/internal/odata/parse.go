package odata

import (
	"fmt"
	"slices"
	"strings"
)

// maxDepth is how deep parentheses, nots and lambdas may nest, so that no filter exhausts the stack.
const maxDepth = 64

// Parse reads a filter. The error is an *Error.
func Parse(filter string) (Expr, error) {
	tokens, err := lex(filter)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != end {
		return nil, p.unexpected("and, or or the end")
	}
	return e, nil
}

type parser struct {
	tokens []token
	depth  int
}

func (p *parser) peek() token { return p.tokens[0] }

// next takes a token; the end stays.
func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) take(text string) error {
	if !p.peek().is(text) {
		return p.unexpected(text)
	}
	p.next()
	return nil
}

func (p *parser) unexpected(want string) *Error {
	t := p.peek()
	return &Error{Position: t.at, Message: fmt.Sprintf("%s where %s is expected", t.describe(), want)}
}

func (p *parser) or() (Expr, error) {
	return p.chain("or", p.and, func(l, r Expr) Expr { return Or{l, r} })
}

func (p *parser) and() (Expr, error) {
	return p.chain("and", p.unary, func(l, r Expr) Expr { return And{l, r} })
}

func (p *parser) chain(operator string, operand func() (Expr, error), join func(l, r Expr) Expr) (Expr, error) {
	e, err := operand()
	for err == nil && p.peek().is(operator) {
		p.next()
		var right Expr
		if right, err = operand(); err == nil {
			e = join(e, right)
		}
	}
	return e, err
}

// unary is a not, a group in parentheses, or a clause.
func (p *parser) unary() (Expr, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, &Error{Position: p.peek().at, Message: "the filter is nested too deeply"}
	}
	defer func() { p.depth-- }()
	switch {
	case p.peek().is("not"):
		p.next()
		return p.not()
	case p.peek().is("("):
		p.next()
		e, err := p.or()
		if err != nil {
			return nil, err
		}
		return e, p.take(")")
	}
	return p.clause()
}

// not reads what follows a not. In OData it binds tighter than a comparison, which so needs parentheses.
func (p *parser) not() (Expr, error) {
	t := p.peek()
	inner, err := p.unary()
	if err != nil {
		return nil, err
	}
	switch inner.(type) {
	case Compare, In:
		if !t.is("(") {
			return nil, &Error{Position: t.at, Message: "a comparison after not needs parentheses"}
		}
	}
	return Not{inner}, nil
}

// clause is a call or what begins with a path.
func (p *parser) clause() (Expr, error) {
	t := p.peek()
	if t.kind == literal {
		return nil, p.unexpected("a property")
	}
	if slices.Contains([]string{"startswith", "endswith"}, strings.ToLower(t.text)) && p.tokens[1].is("(") {
		return p.call()
	}
	if t.kind == name && p.tokens[1].is("(") {
		return nil, &Error{Position: t.at, Message: fmt.Sprintf("the function %s is not supported", t.text), Unsupported: true}
	}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	if last := path[len(path)-1]; len(path) > 1 && p.peek().is("(") {
		return p.lambda(path[:len(path)-1], last)
	}
	return p.comparison(path)
}

func (p *parser) path() (Path, error) {
	var path Path
	for {
		t := p.peek()
		if t.kind != name {
			return nil, p.unexpected("a property")
		}
		path = append(path, p.next().text)
		if !p.peek().is("/") {
			return path, nil
		}
		p.next()
	}
}

func (p *parser) call() (Expr, error) {
	c := Call{Func: strings.ToLower(p.next().text)}
	if err := p.take("("); err != nil {
		return nil, err
	}
	var err error
	if c.Path, err = p.path(); err != nil {
		return nil, err
	}
	if err := p.take(","); err != nil {
		return nil, err
	}
	if c.Value, err = p.value(); err != nil {
		return nil, err
	}
	return c, p.take(")")
}

func (p *parser) lambda(path Path, function string) (Expr, error) {
	at := p.next().at
	if !strings.EqualFold(function, "any") {
		return nil, &Error{Position: at, Message: fmt.Sprintf("the lambda %s is not supported; any is", function), Unsupported: true}
	}
	variable := p.peek()
	if variable.kind != name {
		return nil, p.unexpected("a variable")
	}
	p.next()
	if err := p.take(":"); err != nil {
		return nil, err
	}
	inner, err := p.or()
	if err != nil {
		return nil, err
	}
	return Any{Path: path, Var: variable.text, Inner: inner}, p.take(")")
}

func (p *parser) comparison(path Path) (Expr, error) {
	t := p.peek()
	op := strings.ToLower(t.text)
	switch {
	case t.kind != name:
		return nil, p.unexpected("an operator")
	case op == "in":
		p.next()
		return p.in(path)
	case slices.Contains([]string{"eq", "ne", "ge", "le"}, op):
		p.next()
		v, err := p.value()
		return Compare{Path: path, Op: op, Value: v}, err
	case slices.Contains([]string{"gt", "lt", "has", "add", "sub", "mul", "div", "mod"}, op):
		return nil, &Error{Position: t.at, Message: fmt.Sprintf("the operator %s is not supported", op), Unsupported: true}
	}
	return nil, p.unexpected("an operator")
}

func (p *parser) in(path Path) (Expr, error) {
	e := In{Path: path}
	if err := p.take("("); err != nil {
		return nil, err
	}
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		e.Values = append(e.Values, v)
		if !p.peek().is(",") {
			return e, p.take(")")
		}
		p.next()
	}
}

func (p *parser) value() (any, error) {
	t := p.peek()
	switch {
	case t.kind == literal:
		return p.next().value, nil
	case t.is("true"), t.is("false"):
		return p.next().is("true"), nil
	case t.is("null"):
		p.next()
		return nil, nil //nolint:nilnil // null is a value
	}
	return nil, p.unexpected("a value")
}
