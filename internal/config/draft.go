package config

import (
	"cmp"
	"slices"
)

// draft is a configuration in the making, with everything that is wrong with it so far.
type draft struct {
	o Options
	c Config
	// file and text are the configuration file and what stands in it.
	file, text string
	// lenient is set for the last good copy: what is wrong outside the file is a warning.
	// ignored counts these.
	lenient bool
	ignored int
	errs    []*Error
	// from says where values were written; the last place of a key counts.
	from []place
	// lines finds keys in text; made at the first error.
	lines lineIndex

	// Values that need work before they are part of the configuration.
	instances, peers []span
	passwordFile     string
	tls              tlsDraft
	conf             string
	burst            int64
	require          string
	// thorough is set for --check-config: look at more than a run needs, and keep notes for its report.
	thorough bool
	notes    []string
}

// fail notes one thing that is wrong.
func (d *draft) fail(p place, text, hint string, cause error) {
	e := &Error{Where: d.file, Text: text, Hint: hint, Cause: cause}
	switch {
	case p.name != "":
		e.Where = p.name
	case p.key != nil:
		e.Key = p.key.full()
		e.Line = d.lineOf(p)
	}
	if d.lenient && p.name != "" {
		d.ignored++
		d.warn(e.Error())
		return
	}
	d.errs = append(d.errs, e)
}

// setBeside stores a value of the environment or of a flag. Beside the last good copy a wrong one changes nothing, not even
// with the half of it that is right.
func (d *draft) setBeside(p place, value string) {
	before := *d
	d.set(p, value)
	if d.ignored == before.ignored {
		return
	}
	warnings := d.c.Warnings
	*d = before
	d.c.Warnings = warnings
	for i := len(before.c.Warnings); i < len(warnings); i++ {
		warnings[i] += "; until then it is ignored"
	}
}

// warn notes a sentence for the log.
func (d *draft) warn(s string) { d.c.Warnings = append(d.c.Warnings, s) }

// note keeps a sentence for the report of --check-config.
func (d *draft) note(s string) {
	if d.thorough {
		d.notes = append(d.notes, s)
	}
}

// mark notes where a key's value comes from.
func (d *draft) mark(p place) { d.from = append(d.from, p) }

// placeOf is where the key's value was written last; ok is false where the default stands.
func (d *draft) placeOf(table, name string) (p place, ok bool) {
	for _, f := range slices.Backward(d.from) {
		if f.key.table == table && f.key.name == name {
			return f, true
		}
	}
	return place{}, false
}

// lineOf is the line of a key, or of an element of its list; 0 outside the file.
func (d *draft) lineOf(p place) int {
	if p.name != "" || p.key == nil {
		return 0
	}
	if d.lines == nil {
		d.lines = indexLines(d.text)
	}
	return d.lines.find(p.key.full(), p.elem)
}

// result gives the errors: those of the file in the order of its lines, then the others.
func (d *draft) result() error {
	if len(d.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(d.errs, func(a, b *Error) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Compare(a.Line, b.Line)
	})
	all := make(Errors, len(d.errs))
	for i, e := range d.errs {
		all[i] = e
	}
	return all
}
