package conf

import (
	"strconv"
	"strings"
)

// sequence is ~SEQ or ~LST: a text that is read once for each set of values.
type sequence struct {
	names []string
	text  string
	// values are those of ~LST.
	values [][]string
	// at, step and end are those of ~SEQ, in base 10 or 16.
	at, step, end int64
	base          int
}

// next sets the definitions for the next turn. more is false at the last one.
func (q *sequence) next(s *source) (text string, more bool) {
	if q.base != 0 {
		s.defs[q.names[0]] = &definition{name: q.names[0], value: strconv.FormatInt(q.at, q.base)}
		q.at += q.step
		return q.text, q.step > 0 && q.at <= q.end || q.step < 0 && q.at >= q.end
	}
	for i, name := range q.names {
		s.defs[name] = &definition{name: name, value: q.values[0][i]}
	}
	q.values = q.values[1:]
	return q.text, len(q.values) > 0
}

// sequence takes a line ~SEQ(var, start, step, end) text, ~SEQx(…) or ~LST(…) text. Lines with another ~ are ordinary.
func (s *source) sequence(text string) bool {
	var q *sequence
	switch {
	case strings.HasPrefix(text, "~SEQ"):
		q = s.seq(text[4:])
	case strings.HasPrefix(text, "~LST"):
		s.need("~LST", Release{2, 1, 0}, s.at())
		q = lst(text[4:])
	default:
		return false
	}
	switch {
	case q == nil:
		s.report(Ignored, s.at(), "this sequence is not in a form that keepalived reads: %s", text)
	case len(s.sequences) >= maxDepth:
		s.report(Limited, s.at(), "more than %d sequences in each other", maxDepth)
	default:
		s.sequences = append(s.sequences, q)
	}
	return true
}

// arguments splits what is in the parentheses at the beginning from the text behind them.
func arguments(text string) (inside, rest string, ok bool) {
	text = strings.TrimLeft(text, blank)
	if !strings.HasPrefix(text, "(") {
		return "", "", false
	}
	inside, rest, ok = strings.Cut(text[1:], ")")
	return inside, strings.TrimLeft(rest, blank), ok
}

// seq reads (var, end), (var, start, end) or (var, start, step, end) (add_seq). The numbers may be definitions.
func (s *source) seq(text string) *sequence {
	hex := strings.HasPrefix(text, "x")
	s.need("~SEQ", Release{2, 0, 9}, s.at())
	if hex {
		s.need("~SEQx", Release{2, 1, 0}, s.at())
		text = text[1:]
	}
	inside, rest, ok := arguments(text)
	name, list, found := strings.Cut(inside, ",")
	name = strings.Trim(name, blank)
	if !ok || !found || name == "" || nameLen(name) != len(name) {
		return nil
	}
	list, _ = s.substitute(list)
	q := &sequence{names: []string{name}, text: rest, base: 10}
	if q.at, q.step, q.end, ok = bounds(list); !ok || hex && (q.at < 0 || q.end < 0) {
		return nil
	}
	if hex {
		q.base = 16
	}
	return q
}

// bounds reads the numbers of a ~SEQ.
func bounds(list string) (start, step, end int64, ok bool) {
	var n []int64
	for _, word := range strings.Split(list, ",") {
		v, err := strconv.ParseInt(strings.Trim(word, blank), 0, 32)
		if err != nil {
			return 0, 0, 0, false
		}
		n = append(n, v)
	}
	switch len(n) {
	case 1:
		start, end = 1, n[0]
		if end < 0 {
			start = -1
		}
	case 2:
		start, end = n[0], n[1]
	case 3:
		start, step, end = n[0], n[1], n[2]
		return start, step, end, step != 0 && (start >= end || step > 0) && (start <= end || step < 0)
	default:
		return 0, 0, 0, false
	}
	if step = 1; start > end {
		step = -1
	}
	return start, step, end, true
}

// lst reads ({var, …}, {value, …}, …), or without braces for one variable (add_lst). Values that are missing are empty.
func lst(text string) *sequence {
	inside, rest, ok := arguments(text)
	if !ok {
		return nil
	}
	sets, ok := valueSets(inside)
	if !ok || len(sets) < 2 {
		return nil
	}
	q := &sequence{names: sets[0], text: rest}
	for _, set := range sets[1:] {
		if len(set) > len(q.names) {
			return nil
		}
		for len(set) < len(q.names) {
			set = append(set, "")
		}
		q.values = append(q.values, set)
	}
	return q
}

// valueSets splits at the commas outside of braces, and each of the parts at those within.
func valueSets(text string) (sets [][]string, ok bool) {
	for text = strings.Trim(text, blank); ; text = strings.TrimLeft(text[1:], blank) {
		var set, rest string
		if strings.HasPrefix(text, "{") {
			if set, rest, ok = strings.Cut(text[1:], "}"); !ok {
				return nil, false
			}
			rest = strings.TrimLeft(rest, blank)
		} else if n := strings.IndexByte(text, ','); n >= 0 {
			set, rest = text[:n], text[n:]
		} else {
			set, rest = text, ""
		}
		var list []string
		for _, v := range strings.Split(set, ",") {
			list = append(list, strings.Trim(v, blank))
		}
		sets = append(sets, list)
		if rest == "" {
			return sets, true
		}
		if rest[0] != ',' {
			return nil, false
		}
		text = rest
	}
}
