package conf

import (
	"errors"
	"path"
	"strings"
)

// checks are what an include asks for (lib/parser.c, 2.2.0 and newer): if it fails, keepalived does not start.
type checks int

const (
	readable checks = 1 << iota
	match
	wildcardMatch
	braceMatch
)

// includes are the keywords.
var includes = map[string]checks{
	"include": 0, "includer": readable, "includem": readable | match, "includew": readable | match | wildcardMatch,
	"includeb": readable | braceMatch, "includea": readable | match | wildcardMatch | braceMatch,
}

// include takes an include line. The rest of the line is the pattern, as it stands: since 2.1.5 quotes are a part of it.
func (s *source) include(text string) bool {
	i := strings.IndexAny(text, white)
	if i < 0 {
		return false
	}
	check, ok := includes[text[:i]]
	if !ok {
		return false
	}
	if check != 0 {
		s.need(text[:i], Release{2, 2, 0}, s.at())
	}
	pattern := strings.TrimLeft(text[i:], blank)
	if strings.Contains(pattern, "{") {
		s.need("braces in an include", Release{1, 3, 8}, s.at())
	}
	if len(s.stack) >= maxDepth {
		s.report(Limited, s.at(), "more than %d includes in each other", maxDepth)
		return true
	}
	names, missing, err := s.glob(pattern)
	switch {
	case len(names) == 0:
		s.unmatched(pattern, check, err)
	case missing && (check|s.check)&braceMatch != 0:
		s.report(Fatal, s.at(), "include %.100s: some of its files are missing", pattern)
		names = nil
	case missing:
		s.report(Ignored, s.at(), "include %.100s: some of its files are missing", pattern)
	}
	s.push(&include{names: names, check: check})
	return true
}

// unmatched says that no file has the name.
func (s *source) unmatched(pattern string, check checks, err error) {
	kind, wanted := Ignored, match
	head, _, _ := strings.Cut(pattern, "*")
	switch {
	case strings.Contains(pattern, "{"):
		wanted = braceMatch
	case wild(pattern) && s.files.Exists(s.absolute(path.Dir(head))):
		wanted = wildcardMatch // Else a directory is missing, which counts as a missing file.
	}
	if (check|s.check)&wanted != 0 {
		kind = Fatal
	}
	switch {
	case err != nil:
		s.report(kind, s.at(), "include %.100s: %v", pattern, err)
	case strings.Contains(pattern, `"`):
		s.report(Unresolved, s.at(), "include %.100s: since 2.1.5 the quotes are a part of the name, before they were not; hint: write it without", pattern)
	case !wild(pattern) || kind == Fatal:
		s.report(kind, s.at(), "include %.100s: there is no such file", pattern)
	}
}

// push begins to read an include.
func (s *source) push(i *include) {
	i.saved = s.check
	s.stack = append(s.stack, i)
	s.openNext()
}

// nextFile goes on with the next file of an include, or ends it.
func (s *source) nextFile() {
	top := s.stack[len(s.stack)-1]
	s.check, s.dir = top.saved, top.dir
	s.openNext()
}

// openNext opens the next file of the innermost include. If there is none, the include ends.
func (s *source) openNext() {
	top := s.stack[len(s.stack)-1]
	top.dir = s.dir
	at := s.includer()
	for len(top.names) > 0 {
		name := top.names[0]
		top.names = top.names[1:]
		text, err := s.load(name)
		if err != nil {
			s.lastError = err
			kind := Ignored
			if (top.check|s.check)&readable != 0 {
				kind = Fatal
			}
			s.report(kind, at, "include %s: %v", name, reason(err))
			continue
		}
		if s.read = append(s.read, name); text == "" {
			continue
		}
		top.name, top.text, top.line, top.partial = name, text, 0, false
		s.dir = path.Dir(name)
		return
	}
	s.stack = s.stack[:len(s.stack)-1]
}

// includer is the line that includes the innermost file.
func (s *source) includer() Position {
	if n := len(s.stack); n > 1 {
		return Position{s.stack[n-2].name, max(s.stack[n-2].line, 1)}
	}
	return Position{s.stack[0].name, 1}
}

var (
	errLoop  = errors.New("it includes itself")
	errFiles = errors.New("more files than are read")
	errBytes = errors.New("more bytes than are read")
)

// load reads a file, within the limits.
func (s *source) load(name string) (string, error) {
	for _, i := range s.stack[:len(s.stack)-1] {
		if i.name == name {
			return "", errLoop
		}
	}
	if len(s.read) >= maxFiles {
		return "", errFiles
	}
	b, err := s.files.Read(name, maxFileBytes)
	if err != nil {
		return "", err
	}
	if s.bytes += len(b); s.bytes > maxBytes {
		return "", errBytes
	}
	return string(b), nil
}
