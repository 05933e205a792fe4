package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"keepalived-redis/lab/host"
)

// bin is the time whose acknowledgements are drawn as one bar.
const bin = 20 * time.Millisecond

// writeLane draws the acknowledgements of a range as bars, and where there were none for too long, for how long.
func (p *panel) writeLane(c *canvas, w *writes, name string, y float64) float64 {
	c.text("label", plotLeft-8, y+21, rangeLabel(name))
	p.late(c, w, y)
	p.bars(c, w.acks[name], y)
	var silent []gap
	w.gaps(name, p.run.Fault.Add(p.scale.from), func(g gap) {
		if g.interrupts() {
			silent = append(silent, g)
		}
	})
	for i, g := range silent {
		next := p.scale.to
		if i+1 < len(silent) {
			next = silent[i+1].from.Sub(p.run.Fault)
		}
		p.silence(c, name, g, next, y)
	}
	c.line("base", plotLeft, y+writeHeight, p.scale.x(p.end()), y+writeHeight)
	return y + writeHeight + laneGap
}

// cutLane draws what the writer on the host that is cut off got acknowledged: there silence is what is wanted.
func (p *panel) cutLane(c *canvas, y float64) float64 {
	c.text("label", plotLeft-8, y+14, "writes on the")
	c.text("label", plotLeft-8, y+28, "cut-off host")
	w := collect(p.run, p.run.Cut)
	var all []host.Mono
	for _, name := range w.ranges {
		all = append(all, w.acks[name]...)
	}
	p.late(c, w, y)
	p.bars(c, all, y)
	c.line("base", plotLeft, y+writeHeight, p.scale.x(p.end()), y+writeHeight)
	return y + writeHeight + laneGap
}

// rangeLabel is the name of a range for people.
func rangeLabel(name string) string {
	if strings.Trim(name, "0123456789-,") == "" {
		return "slots " + name
	}
	return name
}

// late marks the times in which the writer had no CPU: what is missing there says nothing.
func (p *panel) late(c *canvas, w *writes, y float64) {
	for _, l := range w.late {
		from, to := l.from.Sub(p.run.Fault), l.to.Sub(p.run.Fault)
		if to < p.scale.from || from > p.scale.to {
			continue
		}
		p.used["late"] = true
		c.rect("late", p.scale.x(from), y, max(p.scale.x(to)-p.scale.x(from), 1), writeHeight, "the writer itself had no CPU for "+millis(to-from))
	}
}

// bars draws how many acknowledgements came in each bin, as one shape.
func (p *panel) bars(c *canvas, acks []host.Mono, y float64) {
	counts := p.count(acks)
	path := fmt.Sprintf("M%s %s", num(plotLeft), num(y+writeHeight))
	height := 0.0
	drawn := false
	for i, n := range counts {
		h := writeHeight * min(1, float64(n)/float64(max(p.full, 1)))
		if h == height {
			continue
		}
		height, drawn = h, true
		path += fmt.Sprintf("H%sV%s", num(p.scale.x(p.scale.from+time.Duration(i)*bin)), num(y+writeHeight-h))
	}
	if drawn {
		p.used["acks"] = true
		fmt.Fprintf(c, `<path class="acks" d="%sH%sV%sZ"/>`+"\n", path, num(p.scale.x(min(p.end(), p.scale.to))), num(y+writeHeight))
	}
}

// count is how many acknowledgements came in each bin that is shown.
func (p *panel) count(acks []host.Mono) []int {
	counts := make([]int, int((p.scale.to-p.scale.from+bin-1)/bin))
	for _, at := range acks {
		if d := at.Sub(p.run.Fault); p.scale.has(d) && d <= p.end() {
			counts[min(int((d-p.scale.from)/bin), len(counts)-1)]++
		}
	}
	return counts
}

// fullHeight is the number of acknowledgements in a bin that fills a lane: a little above what is usual, so that the burst after an
// interruption does not flatten everything else.
func fullHeight(panels []*panel, s scale) int {
	var all []int
	for _, p := range panels {
		p.scale = s
		for _, name := range p.writes.ranges {
			for _, n := range p.count(p.writes.acks[name]) {
				if n > 0 {
					all = append(all, n)
				}
			}
		}
	}
	if len(all) == 0 {
		return 1
	}
	slices.Sort(all)
	return all[len(all)/2] * 4 / 3
}

// silence draws a time without acknowledgements, with its length written on it, or beside it if there is room before the next one.
func (p *panel) silence(c *canvas, name string, g gap, next time.Duration, y float64) {
	from, to := g.from.Sub(p.run.Fault), g.to.Sub(p.run.Fault)
	if to < p.scale.from || from > p.scale.to {
		return
	}
	p.used["silent"] = true
	x1, x2 := p.scale.x(from), p.scale.x(to)
	length := millis(to - from)
	long := "no write acknowledged for " + length
	if g.open {
		length = "never again"
		long = "no write acknowledged any more, for " + seconds(to-from)
	}
	if to > p.scale.to {
		long += " →"
	}
	c.rect("silent", x1, y, x2-x1, writeHeight, rangeLabel(name)+": "+long)
	base := y + writeHeight/2 + 4
	x, room := p.room(x1, x2)
	for _, text := range []string{long, "no write for " + length, length} {
		if room > textWidth(text)+6 {
			c.text("in light", x, base, text)
			return
		}
	}
	if _, room := p.room(x2, p.scale.x(next)); to > 0 && room > textWidth(length)+8 {
		c.text("halo", x2+4, base, length)
	}
}
