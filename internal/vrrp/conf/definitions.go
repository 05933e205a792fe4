package conf

import "strings"

// definition is $NAME (lib/parser.c, 1.4.0 and newer).
type definition struct {
	name, value string
	// multi: it has several lines, with a line feed between them.
	multi bool
	// compute gives the value of a predefined one at each use.
	compute func(s *source, params string) string
	// params: it may be followed by words, within braces.
	params bool
	since  Release
}

// maxInLine bounds what can be replaced in one line: a definition may name itself.
const maxInLine = 1000

// standardDefinitions are the predefined ones.
func standardDefinitions() map[string]*definition {
	defs := map[string]*definition{}
	for _, d := range []definition{
		{name: "_PWD", since: Release{1, 4, 3}, compute: func(s *source, _ string) string { return s.dir }},
		{name: "_INSTANCE", since: Release{2, 0, 1}, compute: func(s *source, _ string) string { return s.id }},
		{name: "_RANDOM", since: Release{2, 0, 15}, compute: (*source).random, params: true},
		{name: "_ENV", since: Release{2, 4, 0}, compute: (*source).environment, params: true},
		{name: "_HASH", since: Release{2, 1, 4}, value: "#"},
		{name: "_BANG", since: Release{2, 1, 4}, value: "!"},
	} {
		defs[d.name] = &d
	}
	return defs
}

// random is ${_RANDOM min max}. Nobody knows what keepalived drew; it is at least the lower bound.
func (s *source) random(params string) string {
	s.report(Unresolved, s.at(), "${_RANDOM} is another number at each start of keepalived")
	low := "0"
	if f := strings.Fields(params); len(f) > 0 {
		low = f[0]
	}
	return low
}

// environment is ${_ENV NAME}.
func (s *source) environment(params string) string {
	s.report(Unresolved, s.at(), "${_ENV %s} is in the environment of keepalived, which is not read", params)
	return ""
}

func nameStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func namePart(c byte) bool { return nameStart(c) || c >= '0' && c <= '9' }

// nameLen is how many bytes at the beginning are a name.
func nameLen(text string) int {
	if text == "" || !nameStart(text[0]) {
		return 0
	}
	n := 1
	for n < len(text) && namePart(text[n]) {
		n++
	}
	return n
}

// define takes a line $NAME=value (check_definition). The value goes on in the next lines while they end with a backslash.
func (s *source) define(text string) bool {
	if text[0] != '$' {
		return false
	}
	n := nameLen(text[1:])
	name, rest := text[1:1+n], text[1+n:]
	if n == 0 || !strings.HasPrefix(rest, "=") {
		return false
	}
	s.need("definition ($NAME=)", Release{1, 4, 0}, s.at())
	value := strings.TrimLeft(rest[1:], blank)
	d := &definition{name: name, value: value}
	if strings.HasSuffix(value, `\`) {
		d.multi = true
		if d.value = strings.TrimRight(value[:len(value)-1], blank); d.value != "" {
			d.value += "\n"
		}
		s.defining = d
	}
	s.defs[name] = d
	return true
}

// defineMore adds a line to the definition that is being read.
func (s *source) defineMore(text string) {
	d := s.defining
	more := strings.HasSuffix(text, `\`)
	if more {
		text = strings.TrimRight(text[:len(text)-1], blank)
	} else {
		s.endDefinition()
	}
	if len(d.value)+len(text) > maxFileBytes {
		s.report(Limited, s.at(), "the definition of $%s is too long", d.name)
		return
	}
	if text != "" {
		d.value += text
		if more {
			d.value += "\n"
		}
	}
}

func (s *source) endDefinition() {
	if s.defining != nil && s.defining.value == "" {
		s.defining.multi = false
	}
	s.defining = nil
}

// reference finds the definition that a text behind a $ names, and how long the reference is (find_definition). Without braces only a
// blank, a comma, ) or the end may follow. One of several lines is replaced only at the end of a line.
func (s *source) reference(text string) (d *definition, params string, n int) {
	braced := strings.HasPrefix(text, "{")
	if braced {
		text, n = text[1:], 1
	}
	l := nameLen(text)
	if l == 0 {
		return nil, "", 0
	}
	name, rest := text[:l], text[l:]
	n += l
	if braced {
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return nil, "", 0
		}
		params, rest = rest[:end], rest[end+1:]
		n += end + 1
	} else if rest != "" && strings.IndexByte(" \t,)", rest[0]) < 0 {
		return nil, "", 0
	}
	d = s.defs[name]
	if d == nil || d.multi && rest != "" || params != "" && !d.params {
		return nil, "", 0
	}
	return d, strings.TrimSpace(params), n
}

// substitute replaces the references of a line (replace_param). changed is false if there is none, or if the line grows too long.
func (s *source) substitute(text string) (line string, changed bool) {
	from := 0
	for range maxInLine {
		i := strings.IndexByte(text[from:], '$')
		if i < 0 || from+i+1 == len(text) {
			return text, changed
		}
		at := from + i
		d, params, n := s.reference(text[at+1:])
		if d == nil {
			from = at + 1
			continue
		}
		if s.expansions++; s.expansions > maxExpansions {
			s.stop("more than %d definitions replaced", maxExpansions)
			return "", true
		}
		value := s.value(d, params)
		if len(text)-n-1+len(value) >= maxLine {
			s.report(Ignored, s.at(), "with the value of $%s the line is too long", d.name)
			return text, false
		}
		text, from, changed = text[:at]+value+text[at+1+n:], at, true
		if strings.HasPrefix(strings.TrimLeft(value, blank), "~") {
			return text, true
		}
	}
	s.report(Fatal, s.at(), "a definition names itself, or more than %d are replaced: keepalived does not get beyond that", maxInLine)
	return "", true
}

// value is what a reference stands for in this line. The further lines of a definition follow it.
func (s *source) value(d *definition, params string) string {
	if d.since != (Release{}) {
		s.need("${"+d.name+"}", d.since, s.at())
	}
	if d.compute != nil {
		return d.compute(s, params)
	}
	if !d.multi {
		return d.value
	}
	first, rest, more := strings.Cut(d.value, "\n")
	if more {
		s.pushLines(rest)
	}
	return first
}
