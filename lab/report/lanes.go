package report

import (
	"fmt"
	"slices"
	"strings"

	"keepalived-redis/lab/host"
)

// state is what was true of something for a while, in a word.
type state struct {
	span
	word string
}

// lanes draws all lanes from y downwards and returns where they end.
func (p *panel) lanes(c *canvas, y float64) float64 {
	y += groupGap
	for _, name := range p.hosts() {
		y = p.host(c, name, y) + groupGap
	}
	c.text("label host", plotLeft-8, y+13, "client")
	middle, width := p.room(plotLeft, plotRight)
	c.text("note", middle-width/2+6, y+13, "writes acknowledged, by slot range")
	y += laneHeight + laneGap
	for _, name := range p.writes.ranges {
		y = p.writeLane(c, p.writes, name, y)
	}
	if p.run.Cut != "" {
		y = p.cutLane(c, y)
	}
	return y + groupGap - laneGap
}

// hosts are those with instances, in the order of these.
func (p *panel) hosts() []string {
	var names []string
	for _, i := range p.run.Instances {
		if !slices.Contains(names, i.Host) {
			names = append(names, i.Host)
		}
	}
	return names
}

// host draws who holds the VIP, and the roles of the instances of a host.
func (p *panel) host(c *canvas, name string, y float64) float64 {
	c.text("label host", plotLeft-8, y+13, name)
	c.line("base", plotLeft, y+laneHeight/2, p.scale.x(p.end()), y+laneHeight/2)
	p.states(c, name, p.power(name), y)
	y += laneHeight + laneGap
	for _, i := range p.run.Instances {
		if i.Host != name {
			continue
		}
		_, port, _ := strings.Cut(i.Addr, ":")
		c.text("label", plotLeft-8, y+13, "redis "+port)
		p.states(c, i.Addr, p.roles(i), y)
		y += laneHeight + laneGap
	}
	return y
}

// The words for the lane of a host.
const (
	wordVIP   = "VIP"
	wordOff   = "off"
	wordPower = "no power"
)

// power says when a host held the VIP, and when it had no power.
func (p *panel) power(name string) []state {
	return p.history(func(e Event, now string) string {
		switch {
		case e.Host != name:
			return now
		case e.Kind == host.EventVIP && e.Present:
			return wordVIP
		case e.Kind == host.EventGone:
			return wordPower
		case e.Kind == host.EventVIP || now == wordPower:
			// Any word of a host that was off tells that it is on again.
			return ""
		default:
			return now
		}
	})
}

// roles says in which role an instance was.
func (p *panel) roles(i Instance) []state {
	return p.history(func(e Event, now string) string {
		switch {
		case e.Kind == host.EventRole && e.Addr == i.Addr:
			return e.Text
		case e.Kind == host.EventGone && e.Host == i.Host:
			return wordOff
		default:
			return now
		}
	})
}

// history follows a word through all events: next says what it is after an event. The empty word stands for nothing to draw.
func (p *panel) history(next func(e Event, now string) string) []state {
	var all []state
	word, since := "", host.Mono(0)
	until := p.run.Fault.Add(p.end())
	for _, e := range p.events {
		if e.At > until {
			break
		}
		now := next(e, word)
		if now == word {
			continue
		}
		if word != "" {
			all = append(all, state{span{since, e.At}, word})
		}
		word, since = now, e.At
	}
	if word != "" {
		all = append(all, state{span{since, until}, word})
	}
	return all
}

// looks are the classes of the words; all others mean trouble.
var looks = map[string]string{wordVIP: "vip", "master": "master", "replica": "replica", "replica-link-down": "alone", "down": "off", wordOff: "off", wordPower: "off"}

// states draws a lane of words.
func (p *panel) states(c *canvas, what string, all []state, y float64) {
	for _, s := range all {
		from, to := s.from.Sub(p.run.Fault), s.to.Sub(p.run.Fault)
		if to < p.scale.from || from > p.scale.to {
			continue
		}
		x1, x2 := p.scale.x(from), p.scale.x(to)
		class := looks[s.word]
		if class == "" {
			class = "trouble"
		}
		p.used[class] = true
		word := s.word
		if word == "replica-link-down" {
			word = "replica without its master"
		}
		c.rect(class, x1, y, max(x2-x1, 1), laneHeight, fmt.Sprintf("%s: %s from %s to %s", what, word, millis(from), millis(to)))
		text := "in halo"
		if class == "master" {
			text = "in light"
		}
		if class == "vip" || class == "replica" {
			text = "in"
		}
		if x, room := p.room(x1, x2); room > textWidth(word)+4 {
			c.text(text, x, y+12.5, word)
		}
	}
}

// room is the middle and the width of the widest part of a stretch that no line crosses.
func (p *panel) room(x1, x2 float64) (middle, width float64) {
	edges := []float64{x1, x2}
	for _, x := range p.lines {
		if x > x1 && x < x2 {
			edges = append(edges, x)
		}
	}
	slices.Sort(edges)
	for i := 1; i < len(edges); i++ {
		if w := edges[i] - edges[i-1]; w > width {
			middle, width = (edges[i]+edges[i-1])/2, w
		}
	}
	return middle, width
}
