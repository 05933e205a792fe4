package report

import (
	"fmt"
	"time"
)

// Bar is one bar of a picture that compares systems.
type Bar struct {
	// Label says whose it is, Text what it shows.
	Label, Text string
	// Length is the time it shows; nil: it never ends.
	Length *time.Duration
	// Strong bars stand out.
	Strong bool
}

// BarGroup are bars of one scale.
type BarGroup struct {
	// Title says what happened, Unit what the length of a bar is.
	Title, Unit string
	Bars        []Bar
}

// barStyle has its own ground in both schemes, so that the picture can be read wherever it is shown. Every colour has at least 4.5:1 against
// the ground that a text stands on.
const barStyle = `
svg{--ground:#fff;--text:#222;--faint:#555;--line:#ccc;--strong:#0b5fa5;--weak:#8f8f8f;--never:#c64f00}
@media (prefers-color-scheme:dark){svg{--ground:#0d1117;--text:#e6e6e6;--faint:#a5adb5;--line:#3a414a;--strong:#58a6ff;--weak:#7d858e;--never:#f0883e}}
text{font-family:Helvetica,Arial,"DejaVu Sans",sans-serif;font-size:12px;fill:var(--text)}
.ground{fill:var(--ground)}
.title{font-size:20px;font-weight:bold}
.head{font-size:14px;font-weight:bold}
.note{font-size:11px;fill:var(--faint)}
.label{text-anchor:end}
.strong{fill:var(--strong)}
.weak{fill:var(--weak)}
.never{fill:url(#never)}
.base{stroke:var(--line)}
.stripe{fill:var(--never)}
`

const barPatterns = `<defs><pattern id="never" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="stripe" width="4" height="8"/></pattern></defs>
`

const (
	barsWidth  = 900.0
	barsLeft   = 270.0
	barsLength = 510.0
	barHeight  = 16.0
	barStep    = 22.0
)

// Bars draws groups of bars below each other. The longest bar of a group that ends has the whole length; one that never ends is striped
// and goes on to the edge.
func Bars(title, note string, groups []BarGroup) []byte {
	body := &canvas{}
	y := 62.0
	for _, g := range groups {
		y = g.draw(body, y) + 24
	}
	body.text("note", 20, y, note)
	y += 18
	c := &canvas{}
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %[1]s %[2]s" role="img" aria-labelledby="title">`+"\n",
		num(barsWidth), num(y))
	fmt.Fprintf(c, "<title id=\"title\">%s</title>\n<style>%s</style>\n%s", escaped(title), barStyle, barPatterns)
	c.WriteString("<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n")
	c.text("title", 20, 34, title)
	c.Write(body.Bytes())
	c.WriteString("</svg>\n")
	return c.Bytes()
}

// draw draws one group from y on and returns where it ends.
func (g BarGroup) draw(c *canvas, y float64) float64 {
	c.text("head", 20, y, g.Title)
	c.text("note", 20, y+16, g.Unit)
	y += 26
	longest := time.Duration(1)
	for _, b := range g.Bars {
		if b.Length != nil {
			longest = max(longest, *b.Length)
		}
	}
	top := y
	for _, b := range g.Bars {
		c.text("label", barsLeft-8, y+12.5, b.Label)
		class, length := "weak", barsWidth-barsLeft
		switch {
		case b.Length == nil:
			class = "never"
		default:
			// What is short must still be seen.
			length = max(barsLength*float64(*b.Length)/float64(longest), 1)
		}
		if b.Strong && b.Length != nil {
			class = "strong"
		}
		c.rect(class, barsLeft, y, length, barHeight, b.Label+": "+b.Text)
		if b.Length == nil {
			// The words stand on the ground, not on the stripes.
			c.rect("ground", barsLeft+20, y, textWidth(b.Text)+12, barHeight, "")
			c.text("", barsLeft+26, y+12.5, b.Text)
		} else {
			c.text("", barsLeft+length+6, y+12.5, b.Text)
		}
		y += barStep
	}
	c.line("base", barsLeft, top-3, barsLeft, y-barStep+barHeight+3)
	return y
}
