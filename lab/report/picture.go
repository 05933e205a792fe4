package report

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// How much time the picture shows.
const (
	shownBefore = 600 * time.Millisecond
	// shownAfter is how much is shown after the last thing that happened.
	shownAfter = time.Second
	shownLeast = 1500 * time.Millisecond
	// shownMost bounds the picture, so that what takes milliseconds can still be seen beside what takes for ever; shownAlone is the same
	// where nothing is compared.
	shownMost  = 6 * time.Second
	shownAlone = 10 * time.Second
)

// SVG draws one run, and with old not nil a second one beneath it for comparison: writes acknowledged per slot range, who holds the
// VIP and the roles of all instances, over the time around the fault. It needs no fonts but the reader's own. Both runs have the same
// scale; a run that goes on for longer than can be shown is cut, and the picture says so.
func SVG(run Run, old *Run) []byte {
	runs, most := []Run{run}, shownAlone
	if old != nil {
		runs, most = append(runs, *old), shownMost
	}
	var panels []*panel
	for _, r := range runs {
		panels = append(panels, newPanel(r))
	}
	s := shown(panels, most)
	full := fullHeight(panels, s)

	body := &canvas{}
	y := 58.0
	for _, p := range panels {
		p.scale, p.full = s, full
		y = p.draw(body, y) + 26
	}
	y = legend(body, y, panels)
	return page(y, title(run), panels, body.Bytes())
}

// page puts the body below the title, on white.
func page(height float64, title string, panels []*panel, body []byte) []byte {
	c := &canvas{}
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %[1]s %[2]s" role="img" aria-labelledby="title desc">`+"\n",
		num(pictureWidth), num(height))
	var headings []string
	for _, p := range panels {
		headings = append(headings, p.heading())
	}
	fmt.Fprintf(c, "<title id=\"title\">%s</title>\n<desc id=\"desc\">%s</desc>\n", escaped(title), escaped(strings.Join(headings, "\n")))
	fmt.Fprintf(c, "<style>%s</style>\n%s", style, patterns)
	c.WriteString("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n")
	c.text("title", 20, 36, title)
	c.Write(body)
	c.WriteString("</svg>\n")
	return c.Bytes()
}

// title asks the question that the picture answers.
func title(r Run) string {
	first, n := utf8.DecodeRuneInString(r.FaultText)
	if n == 0 {
		return "When can clients write?"
	}
	return string(unicode.ToUpper(first)) + r.FaultText[n:] + ". When can clients write again?"
}

// shown is the time that the picture shows: until a while after the last thing that happens in any run, within bounds.
func shown(panels []*panel, most time.Duration) scale {
	to := shownLeast
	for _, p := range panels {
		last := time.Duration(0)
		for _, d := range []*time.Duration{p.result.VIP, p.result.Writable, p.result.LastCutAck} {
			if d != nil {
				last = max(last, *d)
			}
		}
		for _, m := range p.steps() {
			last = max(last, m.at)
		}
		to = max(to, min(last+shownAfter, p.run.End.Sub(p.run.Fault)))
	}
	return scale{-shownBefore, min(to, most)}
}

// legendWidth is the width of a sample of a colour.
const legendWidth = 20.0

// legend explains colours and patterns, those that occur.
func legend(c *canvas, y float64, panels []*panel) float64 {
	used := map[string]bool{}
	for _, p := range panels {
		for class := range p.used {
			used[class] = true
		}
	}
	x := plotLeft
	for _, l := range []struct{ class, text string }{
		{"vip", "holds the VIP"}, {"master", "master"}, {"replica", "replica"}, {"alone", "replica without its master"},
		{"trouble", "hung, loading or refusing"}, {"off", "down, or no power"}, {"acks", "writes acknowledged, height: per " + millis(bin)},
		{"silent", "no write acknowledged"}, {"late", "the writer itself had no CPU"},
	} {
		if !used[l.class] {
			continue
		}
		w := 26 + textWidth(l.text) + 14
		if x+w > pictureWidth {
			x, y = plotLeft, y+22
		}
		c.rect(l.class, x, y, legendWidth, 13, "")
		c.text("", x+26, y+11, l.text)
		x += w
	}
	return y + 32
}
