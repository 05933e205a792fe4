package reason

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"keepalived-redis/internal/model"
)

// HintMark parts a line from what a person can do about it. Whoever prints or logs the line makes a line of its own of the hint.
const HintMark = "; hint: "

// Line is a clause of a plan as people read it, with its reason in brackets, and its hint behind HintMark:
//
//	takeover 192.168.9.71:7003 7004 7005: host 192.168.9.70 is silent, no majority of masters answers (host-silent)
func Line(c model.Clause) string {
	line := Text(c)
	if hint := Hint(c); hint != "" {
		line += HintMark + hint
	}
	return line
}

// Text is a Line without its hint. Further reasons are in it where there is room, and so are the names of instances.
func Text(c model.Clause) (line string) {
	for names := mostNames; names > 0; names /= 2 {
		if line = text(c, names); len(line) <= widest {
			break
		}
	}
	return line
}

func text(c model.Clause, names int) string {
	phrase := phrases[c.Action].without
	if len(c.Instances) > 0 {
		phrase = phrases[c.Action].with
	}
	line := ""
	if phrase != "" {
		line = fill(phrase, c, names) + ": "
	}
	line += one(c.Reason, c, names)
	for _, r := range c.Also {
		if more := ", " + one(r, c, names); len(line)+len(more) < longest {
			line += more
		}
	}
	return line + brackets(c.Reasons()[:1])
}

// Lines are the clauses of a plan, a line each.
func Lines(clauses []model.Clause) string {
	lines := make([]string, len(clauses))
	for i, c := range clauses {
		lines[i] = Line(c)
	}
	return strings.Join(lines, "\n")
}

// Why is a reason alone, without what is done about it.
func Why(c model.Clause) string { return one(c.Reason, c, mostNames) }

// Hint is what a person can do; empty where nothing is to be done.
func Hint(c model.Clause) string {
	if s, ok := stateOf(c.Reason); ok {
		return hints[s]
	}
	if c.Reason == BusyTooLong {
		return hints[c.State]
	}
	return fill(entries[c.Reason].hint, c, mostNames)
}

// longest is about how long a line may be, widest how long it may be at most.
const (
	longest = 120
	widest  = 150
)

// Verdict is one line: the word for the host's health, what is to say of the host, what of its instances, and the reasons. Its hints stand
// behind HintMark, each once.
func Verdict(v model.Verdict) string {
	text, sep := v.Health.String(), ": "
	var said []model.Reason
	var hinted []string
	for i, c := range v.Parts {
		part := aboutInstances(c)
		if i > 0 && len(v.Parts[i-1].Instances) > 0 && len(text)+len(part) > longest+15 {
			text += sep + "and " + strconv.Itoa(len(v.Parts)-i) + " more"
			break
		}
		if i > 0 && len(v.Parts[i-1].Instances) == 0 && len(c.Instances) > 0 {
			sep = ": "
		}
		text += sep + part
		sep = ", "
		said = append(said, c.Reason)
		hinted = append(hinted, Hint(c))
	}
	if v.Health != model.Healthy || !slices.Equal(said, []model.Reason{AllAnswer}) {
		text += brackets(said)
	}
	return text + behind(hinted)
}

func behind(hints []string) (all string) {
	for i, h := range hints {
		if h != "" && !slices.Contains(hints[:i], h) {
			all += HintMark + h
		}
	}
	return all
}

// Words are the reasons of a verdict, each once.
func Words(v model.Verdict) (words []string) {
	for _, c := range v.Parts {
		if !slices.Contains(words, string(c.Reason)) {
			words = append(words, string(c.Reason))
		}
	}
	return words
}

// aboutInstances is a part of a verdict: the instances, and what is said of them.
func aboutInstances(c model.Clause) string {
	if len(c.Instances) == 0 {
		return Why(c)
	}
	subject := namesOf(c.Instances, mostNames)
	if len(c.Instances) > 1 {
		subject += " each"
	}
	return subject + " " + strings.TrimPrefix(Why(c), "it ")
}

// brackets are the reasons behind a line, each once, for people to look up and for programs to know it by.
func brackets(reasons []model.Reason) string {
	var words []string
	for _, r := range reasons {
		if !slices.Contains(words, string(r)) {
			words = append(words, string(r))
		}
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// In tells whether a line that was rendered here has a reason.
func In(line string, r model.Reason) bool {
	open := strings.LastIndex(line, " (")
	if open < 0 || !strings.HasSuffix(line, ")") {
		return false
	}
	return slices.Contains(strings.Split(line[open+2:len(line)-1], ", "), string(r))
}

// one is the text of a reason of a clause.
func one(r model.Reason, c model.Clause, names int) string {
	text := entries[r].text
	if s, ok := stateOf(r); ok {
		text = "it " + s.String()
		if c.Name != "" {
			text += ": {name}"
		}
	}
	if r == AllAnswer && c.Of == 1 {
		text = "the instance answers"
	}
	return fill(text, c, names)
}

// fill puts what the clause says into a text.
func fill(text string, c model.Clause, names int) string {
	if !strings.Contains(text, "{") {
		return text
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	return strings.NewReplacer("{instances}", namesOf(c.Instances, names), "{others}", namesOf(c.Others, names), "{host}", c.Host.String(), "{state}", c.State.String(),
		"{for}", span(c.For), "{takes}", span(c.Takes), "{count}", number(c.Count), "{of}", number(c.Of), "{need}", number(c.Need),
		"{term}", model.TermName(c.Term), "{other-term}", model.TermName(c.OtherTerm), "{name}", OneLine(c.Name)).Replace(text)
}

// OneLine keeps words that a person or a server wrote from making lines or hints of their own, or a line too long.
func OneLine(words string) string {
	words = strings.ReplaceAll(strings.Join(strings.Fields(words), " "), HintMark, "; ")
	if len(words) > mostWords {
		words = strings.ToValidUTF8(words[:mostWords], "") + "…"
	}
	return words
}

// mostWords is how many bytes of a person's or a server's words a line has.
const mostWords = 100

// span is a time as people write it: 30s, 5m, 1h30m.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// mostNames is how many instances a line names.
const mostNames = 8

// namesOf are instances in a line, at most so many: those of one address share it.
func namesOf(instances []model.Instance, most int) string {
	var b strings.Builder
	var last model.Instance
	for i, in := range instances {
		if i == most && len(instances) > most+1 {
			b.WriteString(" and " + strconv.Itoa(len(instances)-most) + " more")
			break
		}
		switch {
		case i == 0:
			b.WriteString(in.Name())
		case in.Socket == "" && last.Socket == "" && in.Addr.Addr() == last.Addr.Addr():
			b.WriteString(" " + strconv.Itoa(int(in.Addr.Port())))
		default:
			b.WriteString(" " + in.Name())
		}
		last = in
	}
	return b.String()
}
