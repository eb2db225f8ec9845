package authority

import (
	"html"
	"strings"
)

// markup is HTML as it stands. A constant becomes it by itself, a string only
// through text, so nothing that somebody sent reaches a page unescaped by
// oversight.
//
// The pages are not html/template's: templates call methods by names that are
// known only at run time, so wherever a template is executed the linker keeps
// every exported method of every type, five megabytes in this binary.
type markup string

// text escapes s, for text and for the value of a quoted attribute.
func text(s string) markup { return markup(html.EscapeString(s)) }

// when gives m where it holds, and else nothing.
func when(holds bool, m markup) markup {
	if holds {
		return m
	}
	return ""
}

// each puts together what render gives for every item.
func each[T any](items []T, render func(int, T) markup) markup {
	var b strings.Builder
	for i, item := range items {
		b.WriteString(string(render(i, item)))
	}
	return markup(b.String())
}
