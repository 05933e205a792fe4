package wire

import (
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// Rule says what happens to some frames.
type Rule struct {
	// From and To are the hosts, by their own addresses; the zero value means any. A broadcast matches each host that it would reach.
	From, To netip.Addr
	// About is an address that the packet is from or to, which need not be a host's first one; the zero value means any.
	About netip.Addr
	// Proto is the protocol; Any means all.
	Proto Proto
	Effect
}

// Effect is what happens. The effects of several rules add up.
type Effect struct {
	// Cut lets nothing pass.
	Cut bool
	// Loss, Duplicate and Reorder are shares of the frames, 0 to 1.
	Loss, Duplicate, Reorder float64
	// Delay is added to each frame, and up to Jitter more. Neither changes the order of the frames between two hosts.
	Delay, Jitter time.Duration
	// Late is how much later a reordered frame comes than those that follow it.
	Late time.Duration
}

func (r Rule) matches(f frame, to netip.Addr) bool {
	return (!r.From.IsValid() || r.From == f.from.host()) &&
		(!r.To.IsValid() || r.To == to) &&
		(!r.About.IsValid() || r.About == f.sender || r.About == f.target) &&
		(r.Proto == Any || r.Proto == f.proto)
}

// Both is a rule for both directions.
func Both(r Rule) []Rule {
	back := r
	back.From, back.To = r.To, r.From
	return []Rule{r, back}
}

// Cut cuts two hosts off each other; the zero value means everybody.
func Cut(a, b netip.Addr) []Rule { return Both(Rule{From: a, To: b, Effect: Effect{Cut: true}}) }

// pair are two hosts, in one direction.
type pair struct{ from, to netip.Addr }

// ruleSet are rules under one name, with the random numbers of each pair of hosts that they meet.
type ruleSet struct {
	name  string
	seed  uint64
	rules []Rule
	draws map[pair]*rand.Rand
}

func newRuleSet(seed uint64, name string, rules []Rule) *ruleSet {
	return &ruleSet{name: name, seed: seed, rules: slices.Clone(rules), draws: map[pair]*rand.Rand{}}
}

// rand are the numbers of a pair: they depend on the seed, the name and the pair, so that what other hosts send changes nothing.
func (s *ruleSet) rand(p pair) *rand.Rand {
	r := s.draws[p]
	if r == nil {
		h := fnv.New64a()
		h.Write([]byte(s.name + "\x00" + p.from.String() + "\x00" + p.to.String()))
		r = rand.New(rand.NewPCG(s.seed, h.Sum64()))
		s.draws[p] = r
	}
	return r
}

// fate is what becomes of one frame on its way to one port.
type fate struct {
	lost   bool
	copies int
	delay  time.Duration
	late   bool
}

// add lets the rules work on a frame. Each rule that matches draws four numbers, whatever it does with them: so the nth frame always meets the nth.
func (s *ruleSet) add(out *fate, f frame, p pair) {
	for _, r := range s.rules {
		if !r.matches(f, p.to) {
			continue
		}
		random := s.rand(p)
		loss, twice, late, jitter := random.Float64(), random.Float64(), random.Float64(), random.Float64()
		if r.Cut || loss < r.Loss {
			out.lost = true
		}
		if twice < r.Duplicate {
			out.copies++
		}
		out.delay += r.Delay + time.Duration(jitter*float64(r.Jitter))
		if late < r.Reorder {
			out.late = true
			out.delay += r.Late
		}
	}
}
