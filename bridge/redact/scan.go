package redact

// scan returns where text has a part of a secret of the indexes, or a callback
// token.
func scan(text []byte, indexes []*index) []span {
	var (
		spans  []span
		window uint64
		starts [gram]int // of the bytes in the window
		n      int
		runs   = make([]run, len(indexes))
		token  callback
	)
	for r := (reader{text: text}); ; n++ {
		c, start, ok := r.next()
		if !ok {
			break
		}
		window = window<<8 | fold(c)
		starts[n%gram] = start
		if n >= gram-1 {
			first := starts[(n+1)%gram]
			for i, x := range indexes {
				if need := x.need(window); need != 0 || runs[i].end != 0 {
					spans = runs[i].take(spans, need, first, r.pos)
				}
			}
		}
		if token.part != 0 || token.before == '.' {
			spans = token.take(spans, c, start, r.pos)
		}
		token.before = c
	}
	for i := range runs {
		spans = runs[i].finish(spans)
	}
	return token.finish(spans, len(text))
}

// run is a part of the text in which one gram of a secret follows another.
type run struct {
	span
	length int // of what is secret in it
	need   int
}

// take adds a gram that begins at first and ends before end, with what index.need
// says of it.
func (r *run) take(spans []span, need uint8, first, end int) []span {
	if need == 0 {
		return r.finish(spans)
	}
	if r.end == 0 {
		r.start, r.need = first, weak
	}
	r.end = end
	if need != weak {
		r.length++
		r.need = min(r.need, int(need))
	}
	return spans
}

// finish ends the run.
func (r *run) finish(spans []span) []span {
	if r.length > 0 && r.length+gram-1 >= r.need {
		spans = append(spans, r.span)
	}
	*r = run{}
	return spans
}

// callback looks for what has the form of a callback token: a key id, a time in
// seconds and a code, with a dot between two.
type callback struct {
	part   int // of the token: 0 before the time, 1 in it, 2 in the code
	start  int // of the time
	length int // of the part so far
	before byte
}

const (
	leastDigits, mostDigits = 9, 12
	// wholeCode is the length of a code, and leastCode how much of it is taken for one.
	wholeCode, leastCode = 43, 32
)

func (t *callback) take(spans []span, c byte, start, end int) []span {
	switch digit := c >= '0' && c <= '9'; {
	case t.part == 2 && (isWord(c) || digit):
		if t.length++; t.length == wholeCode {
			spans = t.finish(spans, end)
		}
	case t.part == 2:
		spans = t.finish(spans, start)
	case t.part == 1 && digit:
		t.length++
	case t.part == 1 && c == '.' && t.length >= leastDigits && t.length <= mostDigits:
		t.part, t.length = 2, 0
	case digit && t.before == '.':
		t.part, t.start, t.length = 1, start, 1
	default:
		t.part = 0
	}
	return spans
}

// finish ends the token before end.
func (t *callback) finish(spans []span, end int) []span {
	if t.part == 2 && t.length >= leastCode {
		spans = append(spans, span{t.start, end})
	}
	t.part = 0
	return spans
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-'
}
