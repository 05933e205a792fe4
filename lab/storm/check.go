package storm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"keepalived-redis/lab/host"
)

// Window is a time in which acknowledged writes may be lost, as docs/ARCHITECTURE.md says under Guarantees.
type Window struct {
	From, To host.Mono
	// Node is the prefix of the addresses of the instances that may lose; empty means all.
	Node string
	// Reason is why.
	Reason string
}

func (w Window) covers(x Write) bool {
	return x.Sent <= w.To && x.Done >= w.From && (w.Node == "" || x.Node == "" || strings.HasPrefix(x.Node, w.Node))
}

// Excused are lost writes that the guarantees allow, by reason.
type Excused map[string]int

// String lists them.
func (e Excused) String() string {
	var all []string
	for _, reason := range slices.Sorted(maps.Keys(e)) {
		all = append(all, fmt.Sprintf("%d: %s", e[reason], reason))
	}
	return strings.Join(all, "; ")
}

// CheckData compares what was acknowledged with what is there: lists are the lists by key, as their masters have them after the last of the writes.
// It returns a sentence for each thing that must not be.
func CheckData(writes []Write, lists map[string][]string, windows []Window) (wrong []string, excused Excused) {
	excused = Excused{}
	sent := map[string]map[string]Write{}
	for _, w := range writes {
		if sent[w.Key] == nil {
			sent[w.Key] = map[string]Write{}
		}
		sent[w.Key][w.Value] = w
	}
	var lost, waited []Write
	for _, key := range slices.Sorted(maps.Keys(sent)) {
		there := map[string]bool{}
		for _, v := range lists[key] {
			if there[v] {
				wrong = append(wrong, fmt.Sprintf("%s holds %s twice", key, v))
			}
			there[v] = true
		}
		for _, v := range slices.Sorted(maps.Keys(sent[key])) {
			w := sent[key][v]
			switch {
			case there[v] && w.Outcome == Refused:
				wrong = append(wrong, fmt.Sprintf("%s holds %s, which %s refused", key, v, w.Node))
			case there[v] || w.Outcome != Acknowledged:
			case w.Waited:
				waited = append(waited, w)
			default:
				reason, ok := excuse(w, windows)
				if !ok {
					lost = append(lost, w)
					continue
				}
				excused[reason]++
			}
		}
	}
	wrong = append(wrong, lostSentence(lost, "%d acknowledged writes are lost and no guarantee allows it")...)
	wrong = append(wrong, lostSentence(waited, "%d writes are lost that WAIT 1 had confirmed")...)
	return append(wrong, order(writes, lists)...), excused
}

// excuse is why a write may be lost: of several reasons the one that began first, which the later ones only met.
func excuse(w Write, windows []Window) (reason string, ok bool) {
	var first host.Mono
	for _, x := range windows {
		if x.covers(w) && (!ok || x.From < first) {
			first, reason, ok = x.From, x.Reason, true
		}
	}
	return reason, ok
}

func lostSentence(lost []Write, format string) []string {
	if len(lost) == 0 {
		return nil
	}
	slices.SortFunc(lost, func(a, b Write) int { return cmp.Compare(a.Done, b.Done) })
	first, last := lost[0], lost[len(lost)-1]
	nodes := map[string]int{}
	for _, w := range lost {
		nodes[w.Node]++
	}
	return []string{fmt.Sprintf(format+": the first %s of %s at %.3f, the last %s of %s at %.3f, by instance %v", len(lost),
		first.Value, first.Key, seconds(first.Done), last.Value, last.Key, seconds(last.Done), nodes)}
}

// order: of each key there is one writer, so what it got acknowledged one after another lies in that order.
func order(writes []Write, lists map[string][]string) (wrong []string) {
	number := map[string]int{}
	for i, w := range writes {
		// One whose answer did not come may have waited in a server that hung, and come behind the next.
		if w.Outcome == Acknowledged {
			number[w.Key+"\x00"+w.Value] = i + 1
		}
	}
	for _, key := range slices.Sorted(maps.Keys(lists)) {
		last := 0
		for _, v := range lists[key] {
			n := number[key+"\x00"+v]
			if n == 0 {
				continue
			}
			if n < last {
				wrong = append(wrong, fmt.Sprintf("%s holds %s behind a later one", key, v))
			}
			last = max(n, last)
		}
	}
	return wrong
}

// checkSettled: what was there at the last check must still be there.
func checkSettled(settled, lists map[string][]string) (wrong []string) {
	for _, key := range slices.Sorted(maps.Keys(settled)) {
		there := map[string]bool{}
		for _, v := range lists[key] {
			there[v] = true
		}
		gone := slices.DeleteFunc(slices.Clone(settled[key]), func(v string) bool { return there[v] })
		if len(gone) > 0 {
			wrong = append(wrong, fmt.Sprintf("%d of %d values of %s that an earlier check saw are gone, the first %s", len(gone), len(settled[key]), key, gone[0]))
		}
	}
	return wrong
}

// seconds is an instant as the time line prints it.
func seconds(m host.Mono) float64 { return time.Duration(m).Seconds() }

// checkReads: nobody may have read what nobody wrote.
func (h *History) checkReads() (wrong []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sent := map[string]bool{}
	for _, w := range h.writes {
		sent[w.Key+"\x00"+w.Value] = true
	}
	for _, key := range slices.Sorted(maps.Keys(h.read)) {
		for _, v := range slices.Sorted(maps.Keys(h.read[key])) {
			if !sent[key+"\x00"+v] {
				wrong = append(wrong, fmt.Sprintf("a client read %q from %s, which nobody wrote", v, key))
			}
		}
	}
	return wrong
}
