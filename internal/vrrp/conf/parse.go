package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// What is read at most. keepalived has no such limits; a file that is beyond them is none that a person wrote.
const (
	maxBytes      = 4 << 20
	maxFileBytes  = 1 << 20
	maxFiles      = 512
	maxDepth      = 32
	maxLines      = 100_000
	maxExpansions = 100_000
	maxListed     = 10_000
	maxListings   = 1_000
	// maxOfAKind are instances, scripts, addresses of one instance, members of a group and the like.
	maxOfAKind = 1_000
	// maxDiagnostics are two halves: the second one has only those that are fatal, or say what was not read.
	maxDiagnostics = 400
	// maxLine is MAXBUF of lib/parser.h, in all versions: what fgets(3) reads at once, less the byte for its end.
	maxLine = 1023
)

// Options are what keepalived knows beside its files.
type Options struct {
	Files Files
	// ID is the word of conditional lines: -i, else the host name up to its first dot.
	ID string
	// Dir is keepalived's working directory when it read its files, for names that are relative. "/" if empty.
	Dir string
}

// ErrNoConfiguration: there is no file to read; keepalived would not start.
var ErrNoConfiguration = errors.New("no configuration file")

// Parse reads the configuration file of that name, which may be a pattern (keepalived hands it to glob(3)). Only when not even this file
// can be read it is an error; all else is in the diagnostics.
func Parse(name string, o Options) (*Configuration, error) {
	p := &parser{conf: &Configuration{}}
	p.needed = map[string]bool{}
	if o.Dir == "" {
		o.Dir = "/"
	}
	p.source = source{files: o.Files, id: o.ID, dir: path.Clean(o.Dir), defs: standardDefinitions(), report: p.diagnose, need: p.need}
	if err := p.source.open(name); err != nil {
		return nil, fmt.Errorf("read keepalived's configuration %s: %w", name, err)
	}
	p.read(root)
	p.source.end()
	p.finish()
	p.conf.Files = p.source.read
	return p.conf, nil
}

// open opens the first file.
func (s *source) open(name string) error {
	names, _, err := s.glob(name)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("%w: nothing has the name %s", ErrNoConfiguration, name)
	}
	s.push(&include{names: names})
	if len(s.stack) == 0 {
		return s.lastError
	}
	return nil
}

// parser has what the blocks fill.
type parser struct {
	conf   *Configuration
	source source
	needed map[string]bool
	// skip is keepalived's skip_sublevel: the depth in a block that is skipped, awaitBlock before its brace.
	skip int
	// secret is the last line with a password: nothing of it is told.
	secret Position
	// What the lines of a block belong to. Each block begins a new one, also one that is skipped, so they are nil only outside.
	script    *Script
	process   *Process
	trackFile *TrackFile
	instance  *Instance
	group     *Group
}

func (p *parser) diagnose(kind Kind, at Position, format string, args ...any) {
	d := Diagnostic{kind, at, printable(fmt.Sprintf(format, args...))}
	if at == p.secret {
		d.Text = "what stands beside a password is not understood"
	}
	n := len(p.conf.Diagnostics)
	switch heavy := kind == Fatal || kind == Limited; {
	case n > 0 && p.conf.Diagnostics[n-1] == d:
		return
	case n == maxDiagnostics/2 && !heavy:
		d = Diagnostic{Limited, at, "there is more to say of this kind, which is left out"}
	case n == maxDiagnostics, n > maxDiagnostics/2 && !heavy:
		return
	}
	p.conf.Diagnostics = append(p.conf.Diagnostics, d)
}

func (p *parser) need(form string, since Release, at Position) {
	if !p.needed[form] {
		p.needed[form] = true
		p.conf.Needs = append(p.conf.Needs, Need{form, since, at})
	}
}

// maxText bounds what a diagnostic repeats of the file.
const maxText = 300

// printable makes one short line of what may have anything in it.
func printable(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return '?'
		}
		return r
	}, s)
}

// reason is why a file cannot be read, without its name.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
