package directory

import (
	"regexp"
	"strings"
	"unicode"
)

// search is a $search: it holds when all of one of its groups do.
type search [][]searchTerm

// searchTerm asks for words in one property.
type searchTerm struct {
	property string
	words    []string
}

// parseSearch reads "property:words" clauses in quotes, joined by AND and OR, of which AND binds tighter. That is the
// form on Graph's page "Use the $search query parameter" for directory objects.
func parseSearch(value string, s schema) (search, error) {
	clause := regexp.MustCompile(`^\s*"([A-Za-z]+):((?:[^"\\]|\\.)*)"\s*`)
	joint := regexp.MustCompile(`^(AND|OR)\s+`)
	groups := search{nil}
	for rest := value; ; {
		m := clause.FindStringSubmatch(rest)
		if m == nil {
			return nil, badRequest(`The query option '$search' must be of the form "property:words", joined by AND and OR.`)
		}
		p, ok := s.find(m[1])
		if !ok || !p.has("search") {
			return nil, unsupportedQuery("The property '%s' of resource '%s' does not support $search.", m[1], s.name)
		}
		words := splitWords(m[2])
		if len(words) == 0 {
			return nil, badRequest("The query option '$search' has no words for the property '%s'.", p.name)
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], searchTerm{p.name, words})
		if rest = rest[len(m[0]):]; rest == "" {
			return groups, nil
		}
		j := joint.FindStringSubmatch(rest)
		if j == nil {
			return nil, badRequest(`The query option '$search' must join its clauses by AND or OR.`)
		}
		if j[1] == "OR" {
			groups = append(groups, nil)
		}
		rest = rest[len(j[0]):]
	}
}

func (s search) match(object map[string]any) bool {
	for _, group := range s {
		all := true
		for _, term := range group {
			value, _ := object[term.property].(string)
			all = all && term.match(value)
		}
		if all {
			return true
		}
	}
	return s == nil
}

// match says whether every word begins a word of the value.
func (t searchTerm) match(value string) bool {
	have := splitWords(value)
	for _, w := range t.words {
		found := false
		for _, h := range have {
			found = found || strings.HasPrefix(h, w)
		}
		if !found {
			return false
		}
	}
	return true
}

// splitWords cuts a text as the documented tokenizer does: at spaces, at symbols, between letters and digits, and where
// lower case turns into upper. The words are in lower case.
func splitWords(s string) []string {
	var words []string
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			words = append(words, strings.ToLower(word.String()))
			word.Reset()
		}
	}
	var before rune
	for _, r := range s {
		letter, digit := unicode.IsLetter(r), unicode.IsDigit(r)
		if !letter && !digit || digit && unicode.IsLetter(before) || letter && unicode.IsDigit(before) ||
			unicode.IsUpper(r) && unicode.IsLower(before) {
			end()
		}
		if letter || digit {
			word.WriteRune(r)
		}
		before = r
	}
	end()
	return words
}
