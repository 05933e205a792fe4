package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// panel is the picture of one run.
type panel struct {
	run    Run
	result Result
	writes *writes
	events []Event
	scale  scale
	// full is the number of acknowledgements in a bin that fills a lane.
	full int
	// lines is where the lines of the marks are, which no text should cross.
	lines []float64
	// used are the classes that were drawn, for the legend.
	used map[string]bool
}

// mark is an instant with a line of its own.
type mark struct {
	at   time.Duration
	text string
}

// kindStep is the kind of an event that is a step of the scenario.
const kindStep = "step"

// maxSteps bounds the steps that get a line, so that a long scenario is not all lines.
const maxSteps = 6

// Heights of what a panel is made of.
const (
	markHeight  = 16.0
	laneHeight  = 17.0
	laneGap     = 3.0
	groupGap    = 10.0
	writeHeight = 34.0
)

func newPanel(r Run) *panel {
	return &panel{run: r, result: Measure(r), writes: collect(r, r.Client), events: inOrder(r.Events), used: map[string]bool{}}
}

// draw draws the panel from y downwards and returns where it ends.
func (p *panel) draw(c *canvas, y float64) float64 {
	c.text("head", 20, y+14, p.heading())
	c.text("sub", 20, y+33, p.details())
	y += 46
	marks := p.marks()
	p.lines = nil
	for _, m := range marks {
		p.lines = append(p.lines, p.scale.x(m.at))
	}
	top := y
	y += markHeight*float64(len(marks)) + 4
	lanes := &canvas{}
	bottom := p.lanes(lanes, y)

	p.grid(c, y, bottom)
	c.Write(lanes.Bytes())
	p.drawMarks(c, marks, top, bottom)
	p.axis(c, bottom)
	return bottom + 40
}

// heading says in one sentence how it went.
func (p *panel) heading() string {
	r := p.result
	never := 0
	for _, one := range r.Ranges {
		if one.Writable == nil {
			never++
		}
	}
	text := p.run.System + ": "
	switch {
	case len(r.Ranges) == 0:
		return text + "nothing was written"
	case never > 0 && never == len(r.Ranges):
		return text + "no slot became writable again in the " + seconds(r.Observed) + " that were watched"
	case never > 0:
		return text + fmt.Sprintf("%d of %d slot ranges did not become writable again in the %s that were watched", never, len(r.Ranges), seconds(r.Observed))
	case *r.Writable == 0:
		return text + "writes were not interrupted"
	default:
		return text + "every slot was writable again " + millis(*r.Writable) + " after the fault"
	}
}

// details are the other numbers in words.
func (p *panel) details() string {
	r := p.result
	text := "The VIP did not move to another host"
	if r.VIP != nil {
		text = "The VIP moved after " + millis(*r.VIP)
		if r.AfterVIP != nil && *r.AfterVIP >= 0 {
			text += ", every slot was writable " + millis(*r.AfterVIP) + " later"
		}
	}
	if r.WorstGap != nil {
		text += ". Worst write gap " + millis(*r.WorstGap)
	}
	text += ". " + grouped(int64(r.Acked)) + " writes acknowledged"
	switch {
	case r.Lost > 0:
		text += ", " + grouped(int64(r.Lost)) + " of them lost"
	case r.Unread == 0:
		text += ", none lost"
	}
	if r.Unread > 0 {
		text += ", " + grouped(int64(r.Unread)) + " could not be read back: nobody served them at the end"
	}
	return text + "."
}

// marks are the instants with a line, by time: the fault, what the run measured, and further steps of the scenario.
func (p *panel) marks() []mark {
	all := []mark{{0, cmp.Or(p.run.FaultText, "fault")}}
	if name, at, moved := newHolder(p.run); moved {
		all = append(all, mark{at.Sub(p.run.Fault), name + " has the VIP"})
	}
	if w := p.result.Writable; w != nil && *w > 0 {
		all = append(all, mark{*w, "every slot is writable"})
	}
	if last := p.result.LastCutAck; last != nil && *last > 0 {
		all = append(all, mark{*last, "last write acknowledged on the side that is cut off"})
	}
	all = append(all, p.steps()...)
	slices.SortStableFunc(all[1:], func(a, b mark) int { return cmp.Compare(a.at, b.at) })
	return slices.DeleteFunc(all, func(m mark) bool { return !p.scale.has(m.at) })
}

// steps are the steps of the scenario after the fault.
func (p *panel) steps() []mark {
	var all []mark
	for _, e := range p.events {
		if e.Kind == kindStep && e.At > p.run.Fault && len(all) < maxSteps {
			all = append(all, mark{e.At.Sub(p.run.Fault), e.Text})
		}
	}
	return all
}

// drawMarks draws the lines, each with its words in a row of its own, so that lines a few pixels apart can be read.
func (p *panel) drawMarks(c *canvas, marks []mark, top, bottom float64) {
	for i, m := range marks {
		x, y := p.scale.x(m.at), top+markHeight*float64(i)
		class, textClass, text := "mark", "", m.text+": "+millis(m.at)
		if i == 0 {
			class, textClass, text = "fault", "faulttext", m.text
		}
		// White between the dashes, so that they can be seen on dark lanes.
		c.line("under", x, y+2, x, bottom)
		c.line(class, x, y+2, x, bottom)
		if x+8+textWidth(text) > pictureWidth {
			c.text(textClass+" label halo", x-5, y+13, text)
		} else {
			c.text(textClass+" halo", x+5, y+13, text)
		}
	}
}

// grid draws what lies behind the lanes: a line each half second, and a shade after the end of the run.
func (p *panel) grid(c *canvas, top, bottom float64) {
	if end := p.end(); end < p.scale.to {
		x := p.scale.x(end)
		c.rect("over", x, top, plotRight-x, bottom-top, "")
		c.text("sub label", plotRight-8, top+14, "writing stopped after "+seconds(end))
	}
	p.ticks(func(_ time.Duration, x float64) { c.line("grid", x, top, x, bottom) })
	c.rect("frame", plotLeft, top, plotRight-plotLeft, bottom-top, "")
}

// end is when the writing ended, from the fault.
func (p *panel) end() time.Duration { return p.result.Observed }

// ticks calls f for each half second.
func (p *panel) ticks(f func(d time.Duration, x float64)) {
	const step = 500 * time.Millisecond
	for d := p.scale.from.Truncate(step); d <= p.scale.to; d += step {
		f(d, p.scale.x(d))
	}
}

// axis writes the times beneath the lanes.
func (p *panel) axis(c *canvas, y float64) {
	p.ticks(func(d time.Duration, x float64) {
		c.line("base", x, y, x, y+4)
		c.text("tick", x, y+16, seconds(d))
	})
	text := "time from the fault"
	if p.end() > p.scale.to {
		text += fmt.Sprintf("; the picture ends at %s, the run went on until %s", seconds(p.scale.to), seconds(p.end()))
	}
	c.text("tick", (plotLeft+plotRight)/2, y+31, text)
}
