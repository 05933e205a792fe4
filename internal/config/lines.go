package config

import (
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lineIndex knows on which line of a TOML text each key begins, by its full name, and behind it each element of its list.
type lineIndex map[string][]int

// find gives the line of a key (elem 0) or of an element of its list (counted from 1); 0 if the key is not there.
func (x lineIndex) find(full string, elem int) int {
	lines := x[full]
	if elem < len(lines) {
		return lines[elem]
	}
	if len(lines) > 0 {
		return lines[0]
	}
	return 0
}

// indexLines reads a text once more, for the positions: the decoder gives them for syntax errors only, and our own checks must name
// the line as well. On a text that is not valid it gives up where it is lost.
func indexLines(text string) lineIndex {
	s := lineScanner{text: text, line: 1, x: lineIndex{}}
	var p unstable.Parser
	p.Reset([]byte(text))
	var table []string
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			var line int
			table, line = s.key(nil, e)
			s.x.add(table, line)
		case unstable.KeyValue:
			s.pair(table, e)
		}
	}
	return s.x
}

// deepest is how many parts of a key are looked at, more than any key of ours has: a hostile file has one of half a million.
const deepest = 8

// add notes a key's lines; a dotted key makes the tables above it as well.
func (x lineIndex) add(parts []string, lines ...int) {
	for n := range min(len(parts), deepest) {
		full, at := strings.Join(parts[:n+1], "."), lines
		if n+1 < len(parts) {
			at = lines[:1]
		}
		if _, known := x[full]; !known {
			x[full] = at
		}
	}
}

// lineScanner counts the lines of a text up to where it is.
type lineScanner struct {
	text      string
	pos, line int
	x         lineIndex
}

// at is the line of a node, or of the first one in it. Nodes come in the order of the text.
func (s *lineScanner) at(n *unstable.Node) int {
	for n.Raw.Length == 0 && n.Child() != nil {
		n = n.Child()
	}
	if begin := int(n.Raw.Offset); begin > s.pos {
		s.line += strings.Count(s.text[s.pos:begin], "\n")
		s.pos = begin
	}
	return s.line
}

// key gives the parts of a key, with those of its table in front, and its line.
func (s *lineScanner) key(table []string, of *unstable.Node) (parts []string, line int) {
	parts = slices.Clone(table)
	for k := of.Key(); k.Next(); {
		if line == 0 {
			line = s.at(k.Node())
		}
		parts = append(parts, string(k.Node().Data))
	}
	return parts, line
}

// pair notes a key, the elements of its list, and the keys of its table.
func (s *lineScanner) pair(table []string, n *unstable.Node) {
	full, line := s.key(table, n)
	lines := []int{line}
	for e := n.Value().Children(); e.Next(); {
		switch n.Value().Kind {
		case unstable.Array:
			lines = append(lines, s.at(e.Node()))
		case unstable.InlineTable:
			s.pair(full, e.Node())
		}
	}
	s.x.add(full, lines...)
}
