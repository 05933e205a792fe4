package conf

import "strings"

// source gives the lines of all files, as read_line of lib/parser.c does.
type source struct {
	files  Files
	id     string
	dir    string
	report func(kind Kind, at Position, format string, args ...any)
	need   func(form string, since Release, at Position)

	stack    []*include
	read     []string
	bytes    int
	listings int
	lines    int
	// expansions counts the definitions that were replaced.
	expansions int
	over       bool
	lastError  error
	// check is what include_check asks of every include.
	check checks

	defs      map[string]*definition
	defining  *definition
	sequences []*sequence
	// pending are the further lines of definitions; the last entry is read first.
	pending []pendingLines
	// residue is what stands behind a brace.
	residue string
	// depth counts the braces; opened is where it was 0.
	depth  int
	opened Position
}

// pendingLines are lines of a definition, and how many sequences were open around it: those wait until it ends.
type pendingLines struct {
	text      string
	sequences int
}

// include is one include line: the files of its pattern, and the one that is read.
type include struct {
	names []string
	check checks
	// name, text and line of the file that is read; dir is the directory to return to.
	name, text string
	line       int
	// partial: the line goes on, as it is too long.
	partial bool
	dir     string
	// saved is the include_check before it.
	saved checks
}

// at is the line that is being read.
func (s *source) at() Position {
	if len(s.stack) == 0 {
		if len(s.read) == 0 {
			return Position{}
		}
		return Position{s.read[len(s.read)-1], 1}
	}
	top := s.stack[len(s.stack)-1]
	return Position{top.name, max(top.line, 1)}
}

// line is one line without its comment, with its definitions replaced, and with no brace but its own.
type line struct {
	text string
	at   Position
}

// next is the next line that is not empty; ok is false at the end.
func (s *source) next() (l line, ok bool) {
	for {
		text, ok := s.raw()
		if !ok {
			return line{}, false
		}
		if s.defining != nil {
			s.defineMore(text)
			continue
		}
		if text = s.interpret(text); text == "" || s.include(text) {
			continue
		}
		if text = s.split(text); text != "" {
			return line{text, s.at()}, true
		}
	}
}

// raw is the next line from where one may come: the rest of a line, a sequence, a definition of several lines, a file.
func (s *source) raw() (text string, ok bool) {
	if s.lines++; s.lines > maxLines {
		s.stop("more than %d lines", maxLines)
	}
	if s.over {
		return "", false
	}
	if text = s.residue; text != "" {
		s.residue = ""
		return text, true
	}
	waiting := 0
	if n := len(s.pending); n > 0 {
		waiting = s.pending[n-1].sequences
	}
	if n := len(s.sequences); n > waiting {
		text, more := s.sequences[n-1].next(s)
		if !more {
			s.sequences = s.sequences[:n-1]
		}
		return text, true
	}
	if n := len(s.pending); n > 0 {
		text, rest, more := strings.Cut(s.pending[n-1].text, "\n")
		s.pending[n-1].text = rest
		if !more {
			s.pending = s.pending[:n-1]
		}
		return text, true
	}
	return s.fileLine()
}

// stop ends the reading, as if all files ended here.
func (s *source) stop(why string, args ...any) {
	if !s.over {
		s.report(Limited, s.at(), why+": the rest is not read", args...)
		s.over = true
	}
}

// pushLines puts lines before all that is still to be read.
func (s *source) pushLines(text string) {
	if len(s.pending) >= maxDepth {
		s.report(Limited, s.at(), "more than %d definitions in each other", maxDepth)
		return
	}
	s.pending = append(s.pending, pendingLines{text, len(s.sequences)})
}

// fileLine is the next line of the files that is not empty without its comment.
func (s *source) fileLine() (text string, ok bool) {
	for {
		if len(s.stack) == 0 {
			return "", false
		}
		top := s.stack[len(s.stack)-1]
		if top.text == "" {
			s.nextFile()
			continue
		}
		text := s.cut(top)
		if strings.TrimRight(text, "\r\n") == "" {
			s.endDefinition()
			continue
		}
		text, open := decomment(text)
		if open {
			s.report(Unresolved, s.at(), "a quote does not end: versions read that differently")
		}
		// Since 2.2.0 the part of keepalived that does VRRP reads what the first one has read and written without comments.
		again, _ := decomment(text)
		if again != text {
			s.report(Unresolved, s.at(), "# or ! behind a backslash: since 2.2.0 a comment begins there all the same, before it did not")
		}
		if again != "" {
			return again, true
		}
		if s.defining != nil {
			s.report(Unresolved, s.at(), "since 2.2.0 the definition of $%s ends before this comment, before it did not", s.defining.name)
		}
		s.endDefinition()
	}
}

// cut takes one line from the text of a file, as fgets(3) into MAXBUF bytes would.
func (s *source) cut(top *include) string {
	if !top.partial {
		top.line++
	}
	text, rest, _ := strings.Cut(top.text, "\n")
	if top.partial = len(text) > maxLine; top.partial {
		// The rest is a line of its own; 2.4 and newer ignore the first part.
		s.report(Unresolved, s.at(), "the line has more than %d bytes: keepalived reads it as several", maxLine)
		top.text = top.text[maxLine:]
		return text[:maxLine]
	}
	top.text = rest
	text = strings.TrimRight(text, "\r\n")
	if i := strings.IndexByte(text, 0); i >= 0 {
		s.report(Unresolved, s.at(), "a NUL: keepalived before 2.4 reads what stands before it, newer ones ignore the line")
		text = text[:i]
	}
	return text
}

// interpret does what is done to a line before its words count: conditions, definitions, sequences. Nothing may be left of it.
func (s *source) interpret(text string) string {
	for range maxDepth {
		var ok bool
		if text, ok = s.condition(text); !ok || text == "" || s.define(text) || s.sequence(text) {
			return ""
		}
		if text[0] == '~' || !strings.Contains(text, "$") {
			return text
		}
		replaced, changed := s.substitute(text)
		if !changed {
			return replaced
		}
		if text, _ = decomment(replaced); !strings.HasPrefix(text, "@") && !strings.Contains(text, "$") {
			return text
		}
	}
	return text
}

// condition is @id and @^id at the beginning of a line: what follows counts only with, or without, this configuration id.
func (s *source) condition(text string) (rest string, ok bool) {
	word, found := strings.CutPrefix(text, "@")
	if !found {
		return text, true
	}
	s.need("conditional line (@id)", Release{1, 3, 0}, s.at())
	word, not := strings.CutPrefix(word, "^")
	if not {
		s.need("conditional line (@^id)", Release{1, 3, 7}, s.at())
	}
	i := strings.IndexAny(word, blank)
	if i < 0 || (word[:i] == s.id) == not {
		return "", false
	}
	return strings.TrimLeft(word[i:], blank), true
}

// split leaves the line that ends at the first brace outside of quotes, and keeps the rest for the next one: since 1.4.2 each brace is a
// line of its own, wherever it stands.
func (s *source) split(text string) string {
	i := brace(text)
	if i == 0 {
		text, s.residue = text[:1], strings.Trim(text[1:], blank)
	} else if i > 0 {
		text, s.residue = text[:i], strings.TrimRight(text[i:], blank)
	}
	if s.residue != "" && (i == 0 || s.residue != "{") {
		s.need("a block on one line", Release{1, 4, 2}, s.at())
	}
	text = strings.TrimRight(text, blank)
	switch text {
	case "{":
		if s.depth++; s.depth == 1 {
			s.opened = s.at()
		}
	case "}":
		if s.depth--; s.depth < 0 {
			s.report(Ignored, s.at(), "one } too many")
			s.depth = 0
		}
	}
	return text
}

// brace is where the first brace outside of quotes stands, -1 if there is none.
func brace(text string) int {
	quoted := false
	for i := range len(text) {
		switch text[i] {
		case '"':
			quoted = !quoted
		case '{', '}':
			if !quoted {
				return i
			}
		}
	}
	return -1
}

// end says what is missing at the end of all files.
func (s *source) end() {
	if s.depth > 0 && !s.over {
		s.report(Ignored, s.opened, "the block that begins here does not end: %d } are missing", s.depth)
	}
}
