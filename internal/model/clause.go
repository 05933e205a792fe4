package model

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Reason is why something is so, or why it was decided, as a stable word. Package reason has them all, and renders them.
type Reason string

// Clause is one part of a plan or of a verdict: what is done with which instances, and why. What a reason does not need is zero.
type Clause struct {
	// Action is what is done, or that nothing is (Keep, Wait, NoPromotion, NoSwitchover). A part of a verdict has none.
	Action Verb
	// Instances are what it is about, by the names that people know; none for the host.
	Instances []Instance
	Reason    Reason
	// Also are further reasons behind it.
	Also []Reason

	// Others are the masters or peers of the instances, Host is theirs, and State what was found there.
	Others []Instance
	Host   netip.Addr
	State  State
	// For is a time that something lasts, or may last; Takes is another one to compare it with.
	For, Takes time.Duration
	// Count and Of are how many of how many, Need how many must be.
	Count, Of, Need int64
	// Term and OtherTerm are those of the instance and of the other one.
	Term, OtherTerm uint64
	// Name is a name or words that a person wrote: the witness, the VRRP state, the reason of a maintenance.
	Name string
}

// Reasons are all of a clause, the first one first.
func (c Clause) Reasons() []Reason { return append([]Reason{c.Reason}, c.Also...) }

// like: the clauses differ only in their instances.
func (c Clause) like(d Clause) bool {
	return c.Action == d.Action && c.Reason == d.Reason && slices.Equal(c.Also, d.Also) && (len(c.Instances) > 0) == (len(d.Instances) > 0) &&
		c.Host == d.Host && c.State == d.State && c.For == d.For && c.Takes == d.Takes && c.Count == d.Count && c.Of == d.Of && c.Need == d.Need &&
		c.Term == d.Term && c.OtherTerm == d.OtherTerm && c.Name == d.Name
}

// Join makes one clause of those that say the same of several instances.
func Join(clauses []Clause) []Clause {
	var out []Clause
	for _, c := range clauses {
		i := slices.IndexFunc(out, c.like)
		if i < 0 {
			c.Instances, c.Others = slices.Clone(c.Instances), slices.Clone(c.Others)
			out = append(out, c)
			continue
		}
		out[i].Instances, out[i].Others = union(out[i].Instances, c.Instances), union(out[i].Others, c.Others)
	}
	return out
}

func union(a, b []Instance) []Instance {
	for _, i := range b {
		if !slices.Contains(a, i) {
			a = append(a, i)
		}
	}
	return a
}

// Key is what makes a clause news: its action, its reasons, its instances, and what was found there. Times and numbers in it may change without a word.
func (c Clause) Key() string {
	var words []string
	if c.Action != "" {
		words = append(words, string(c.Action))
	}
	for _, r := range c.Reasons() {
		words = append(words, string(r))
	}
	for _, i := range slices.Concat(c.Instances, c.Others) {
		words = append(words, i.Name())
	}
	if c.State != Unseen {
		words = append(words, c.State.String())
	}
	if c.Name != "" {
		words = append(words, c.Name)
	}
	return strings.Join(words, " ")
}
