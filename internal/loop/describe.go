package loop

import (
	"context"
	"fmt"
	"strings"

	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
)

// Describe is what a run would decide on an observation, for people.
func (r *Reconciler) Describe(ctx context.Context, o model.Observation) string {
	r.Begin()
	r.decide(ctx, &o, decide.Decide)
	return Describe(o)
}

// Describe is an observation and its plan for people: what --dry-run prints.
func Describe(o model.Observation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "state:    %s (%s)\n", orNone(string(o.State)), reason.Why(o.Why))
	showHint(&b, o.Why)
	for _, l := range o.Locals {
		fmt.Fprintf(&b, "local:    %s\n", describeLook(l))
	}
	for _, l := range o.Peers {
		fmt.Fprintf(&b, "peer:     %s\n", describeLook(l))
	}
	fmt.Fprintf(&b, "witness:  %s, counts %v, answers %v\n", orNone(o.Witness.Name), o.Witness.Counts, o.Witness.Answers)
	plan := decide.Decide(o)
	for _, s := range plan.Steps {
		b.WriteString("step:     " + string(s.Do))
		if s.Instance.Known() {
			b.WriteString(" " + s.Instance.String())
		}
		if s.From.Known() {
			b.WriteString(" from " + s.From.String())
		}
		b.WriteString("\n")
	}
	for _, w := range decide.Warnings(&o) {
		show(&b, "warning:  ", w)
	}
	for _, c := range plan.Clauses {
		show(&b, "decision: ", c)
	}
	return b.String()
}

// show is a clause for people, and its hint below.
func show(b *strings.Builder, head string, c model.Clause) {
	b.WriteString(head + reason.Text(c) + "\n")
	showHint(b, c)
}

func showHint(b *strings.Builder, c model.Clause) {
	if hint := reason.Hint(c); hint != "" {
		b.WriteString("  hint:   " + hint + "\n")
	}
}

func describeLook(l model.Look) string {
	s := l.Instance.Name() + " " + l.State.String()
	if l.Info != nil {
		s += ", " + string(l.Info.Role)
		if l.Info.Role == model.Replica {
			s += fmt.Sprintf(" of %s, link up %v", l.Info.Master, l.Info.LinkUp)
		}
		s += fmt.Sprintf(", offset %d", l.Info.Offset)
	}
	if l.Term.Known {
		s += fmt.Sprintf(", term %d", l.Term.N)
		if l.Term.Released {
			s += " (released)"
		}
	}
	return s
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
