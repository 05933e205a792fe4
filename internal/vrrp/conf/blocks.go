package conf

// statement is one line of a block, in words.
type statement struct {
	words []string
	// text is the line itself, for words that are split otherwise.
	text string
	at   Position
}

// word is the keyword.
func (l statement) word() string { return l.words[0] }

// arg is word i; "" if there is none.
func (l statement) arg(i int) string {
	if i < len(l.words) {
		return l.words[i]
	}
	return ""
}

// block is what may stand between a pair of braces, or outside of all.
type block struct {
	// words are those that keepalived knows here, each with the first version that does; see known.
	words func() map[string]Release
	// run carries out one of them.
	run func(p *parser, l statement)
	// blocks are the words that have a block of their own.
	blocks map[string]*block
	// end is called behind the block, unless it was skipped.
	end func(p *parser)
}

// awaitBlock: the block that is to be skipped has not begun.
const awaitBlock = -1

// statement reads the next line; ok is false at the end.
func (p *parser) statement() (l statement, ok bool) {
	for {
		text, ok := p.source.next()
		if !ok {
			return statement{}, false
		}
		list, closed := words(text.text)
		if !closed {
			p.diagnose(Unresolved, text.at, "a quote does not end: versions read that differently")
		}
		if len(list) > 0 {
			return statement{list, text.text, text.at}, true
		}
	}
}

// read reads the lines of a block (process_stream of lib/parser.c). keepalived knows no block of a word that it does not know: the brace
// behind such a word is ignored, its lines are read as if they stood in this block, and its end is the end of this block. skipped: the
// block was left out as a whole.
func (p *parser) read(b *block) (skipped bool) {
	outside := b == root
	needBrace := !outside
	for {
		l, ok := p.statement()
		if !ok {
			return p.skip != 0
		}
		if p.skip == awaitBlock {
			if p.skip = 0; l.word() == "{" {
				p.skip, needBrace = 1, false
				continue
			}
		}
		switch brace := l.word() == "{"; {
		case p.skip > 0:
			if p.skipLine(l) && !outside {
				return true
			}
			continue
		case needBrace && brace:
			needBrace = false
			continue
		case needBrace:
			needBrace = false
			p.diagnose(Ignored, l.at, "{ is missing before this line")
		case brace:
			p.diagnose(Ignored, l.at, "this { belongs to no word that keepalived knows: its } ends the block around it")
			continue
		}
		if l.word() == "}" && !outside {
			return false
		}
		p.keyword(b, l)
	}
}

// skipLine counts the braces of a line in a block that is skipped; true at its end.
func (p *parser) skipLine(l statement) bool {
	for _, w := range l.words {
		switch w {
		case "{":
			p.skip++
		case "}":
			if p.skip--; p.skip == 0 {
				return true
			}
		}
	}
	return false
}

// keyword carries out one line, with its block.
func (p *parser) keyword(b *block, l statement) {
	since, ok := b.words()[l.word()]
	if !ok {
		if l.word() != "}" { // Of which the source has told.
			p.diagnose(Ignored, l.at, "keepalived does not know %s here", l.word())
		}
		return
	}
	if since != oldest {
		p.need(l.word(), since, l.at)
	}
	b.run(p, l)
	if sub := b.blocks[l.word()]; sub != nil && !p.read(sub) && sub.end != nil {
		sub.end(p)
	}
}

// values reads a block of values (alloc_value_block): every line up to the } is one, also when the { is missing.
func (p *parser) values(l statement, each func(v statement)) {
	if len(l.words) > 1 {
		p.diagnose(Ignored, l.at, "%s: %s is not expected here", l.word(), l.arg(1))
	}
	for first := true; ; first = false {
		v, ok := p.statement()
		switch {
		case !ok || v.word() == "}":
			return
		case first && v.word() == "{":
			continue
		case first:
			p.diagnose(Ignored, v.at, "{ is missing after %s", l.word())
		}
		each(v)
	}
}

// add appends to a list that has its limit.
func add[T any](p *parser, list *[]T, element T, at Position) {
	if len(*list) >= maxOfAKind {
		p.diagnose(Limited, at, "more than %d of a kind: the others are not read", maxOfAKind)
		return
	}
	*list = append(*list, element)
}

// ignoreValues reads a block of which nothing is kept.
func (p *parser) ignoreValues(l statement) { p.values(l, func(statement) {}) }

// skipBlock leaves out the block of this line (skip_block(true)).
func (p *parser) skipBlock(l statement, why string, args ...any) {
	p.diagnose(Ignored, l.at, why, args...)
	p.skip = awaitBlock
}
