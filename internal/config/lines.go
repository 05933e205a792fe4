package config

import (
	"slices"
	"strconv"
	"strings"
)

// lineIndex knows on which line of a TOML text each key and each element of its list begins.
type lineIndex struct {
	keys map[string][]int // full key name: line of the key, then of each element
}

// find gives the line of a key (elem 0) or of an element of its list (counted from 1); 0 if the key is not there.
func (x *lineIndex) find(full string, elem int) int {
	lines := x.keys[full]
	if elem < len(lines) {
		return lines[elem]
	}
	if len(lines) > 0 {
		return lines[0]
	}
	return 0
}

// indexLines scans a text that is valid TOML. The TOML library gives positions for syntax errors only, and our own checks
// must name the line as well. On a text that is not valid it gives up where it is lost.
func indexLines(text string) *lineIndex {
	s := &lineScanner{text: text, line: 1, x: &lineIndex{keys: map[string][]int{}}}
	var table []string
	for s.skip(" \t\r\n") {
		switch {
		case s.peek() == '#':
			s.restOfLine()
		case s.peek() == '[':
			line := s.line
			for s.more() && s.peek() == '[' {
				s.pos++
			}
			table = s.keyPath(nil)
			s.x.add(table, line)
			s.restOfLine()
		default:
			if !s.pair(table) {
				return s.x
			}
			s.restOfLine()
		}
	}
	return s.x
}

// add notes a key's lines; a dotted key makes the tables above it as well.
func (x *lineIndex) add(parts []string, lines ...int) {
	for n := range parts {
		full, at := strings.Join(parts[:n+1], "."), lines
		if n+1 < len(parts) {
			at = lines[:1]
		}
		if _, known := x.keys[full]; !known {
			x.keys[full] = at
		}
	}
}

// lineScanner walks over a text and counts lines.
type lineScanner struct {
	text      string
	pos, line int
	x         *lineIndex
}

func (s *lineScanner) more() bool { return s.pos < len(s.text) }

func (s *lineScanner) peek() byte { return s.text[s.pos] }

// next steps over one byte.
func (s *lineScanner) next() byte {
	c := s.text[s.pos]
	if c == '\n' {
		s.line++
	}
	s.pos++
	return c
}

// skip steps over the given bytes and tells whether anything follows.
func (s *lineScanner) skip(set string) bool {
	for s.more() && strings.IndexByte(set, s.peek()) >= 0 {
		s.next()
	}
	return s.more()
}

func (s *lineScanner) restOfLine() {
	for s.more() && s.peek() != '\n' {
		s.pos++
	}
}

// pair reads KEY = VALUE.
func (s *lineScanner) pair(table []string) bool {
	line := s.line
	full := s.keyPath(table)
	if !s.skip(" \t") || s.peek() != '=' {
		return false
	}
	s.pos++
	elems := s.value(full)
	s.x.add(full, append([]int{line}, elems...)...)
	return true
}

// keyPath reads a dotted key and gives its parts, with those of its table in front.
func (s *lineScanner) keyPath(table []string) []string {
	parts := slices.Clone(table)
	for s.skip(" \t") {
		parts = append(parts, s.keyPart())
		if !s.skip(" \t") || s.peek() != '.' {
			break
		}
		s.pos++
	}
	return parts
}

func (s *lineScanner) keyPart() string {
	start := s.pos
	if c := s.peek(); c == '"' || c == '\'' {
		s.str()
		quoted := s.text[start:s.pos]
		if plain, err := strconv.Unquote(quoted); err == nil && c == '"' {
			return plain
		}
		return strings.Trim(quoted, string(c))
	}
	for s.more() && strings.IndexByte(" \t\r\n=.[]", s.peek()) < 0 {
		s.pos++
	}
	return s.text[start:s.pos]
}

// value steps over a value; of a list it gives the line of each element.
func (s *lineScanner) value(full []string) (elems []int) {
	if !s.skip(" \t") {
		return nil
	}
	switch s.peek() {
	case '"', '\'':
		s.str()
	case '[':
		s.pos++
		for s.skipBlank() && s.peek() != ']' {
			elems = append(elems, s.line)
			before := s.pos
			// Keys of a table within a list are nobody's: they get a table that no file can name.
			s.value([]string{"[]"})
			if s.skipBlank() && s.peek() == ',' {
				s.pos++
			}
			if s.pos == before {
				return elems
			}
		}
		if s.more() {
			s.pos++
		}
	case '{':
		s.pos++
		for s.skipBlank() && s.peek() != '}' {
			if !s.pair(full) {
				return nil
			}
			if s.skipBlank() && s.peek() == ',' {
				s.pos++
			}
		}
		if s.more() {
			s.pos++
		}
	default:
		for s.more() && strings.IndexByte(",]}#\n", s.peek()) < 0 {
			s.pos++
		}
	}
	return elems
}

// skipBlank steps over blanks, line ends and comments.
func (s *lineScanner) skipBlank() bool {
	for s.skip(" \t\r\n") {
		if s.peek() != '#' {
			return true
		}
		s.restOfLine()
	}
	return false
}

// str steps over a text in one of TOML's four kinds of quotes.
func (s *lineScanner) str() {
	quote := s.text[s.pos : s.pos+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s.text[s.pos:], triple) {
		s.pos += 3
		for s.more() && !strings.HasPrefix(s.text[s.pos:], triple) {
			s.step(quote)
		}
		// Up to two more quotes belong to the text itself.
		for s.more() && s.peek() == quote[0] {
			s.pos++
		}
		return
	}
	s.pos++
	for s.more() && s.peek() != quote[0] && s.peek() != '\n' {
		s.step(quote)
	}
	if s.more() && s.peek() == quote[0] {
		s.pos++
	}
}

// step steps over one byte of a text, or over an escape.
func (s *lineScanner) step(quote string) {
	if s.next() == '\\' && quote == `"` && s.more() {
		s.next()
	}
}
