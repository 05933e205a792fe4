package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"time"
)

// style is the look of everything. The colours can be told apart by people who do not see red and green, and each has a pattern or a
// word beside it, for a printer without colours.
const style = `
text{font-family:Helvetica,Arial,"DejaVu Sans",sans-serif;font-size:12px;fill:#222}
.title{font-size:22px;font-weight:bold}
.head{font-size:16px;font-weight:bold}
.sub{font-size:13px;fill:#444}
.note{font-size:11px;fill:#444}
.label{text-anchor:end}
.host{font-weight:bold}
.tick{font-size:11px;fill:#444;text-anchor:middle}
.grid{stroke:#e3e3e3}
.base{stroke:#bbb}
.frame{fill:none;stroke:#bbb}
.over{fill:#f4f4f4}
.in{font-size:11px;text-anchor:middle}
.light{fill:#fff;font-weight:bold}
.fault{stroke:#000;stroke-width:2}
.under{stroke:#fff}
.mark{stroke:#444;stroke-dasharray:4 3}
.faulttext{font-weight:bold}
.halo{paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}
.vip{fill:#f2b701}
.master{fill:#0b5fa5}
.replica{fill:#bfe0f4}
.alone{fill:url(#alone)}
.trouble{fill:url(#trouble)}
.off{fill:url(#off)}
.acks{fill:#008f68}
.late{fill:url(#late)}
.silent{fill:url(#silent);stroke:#8f3500}
@media print{svg{width:100%;height:auto}}
`

// patterns fill what must be told apart without colour, too.
const patterns = `<defs>
<pattern id="alone" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="8" height="8" fill="#e3f1fa"/><rect width="3" height="8" fill="#bfe0f4"/></pattern>
<pattern id="trouble" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" fill="#f7ef9a"/><circle cx="3" cy="3" r="1.2" fill="#8a7d00"/></pattern>
<pattern id="off" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><rect width="7" height="7" fill="#ececec"/><rect width="1.5" height="7" fill="#c4c4c4"/></pattern>
<pattern id="late" width="4" height="4" patternUnits="userSpaceOnUse"><rect width="4" height="4" fill="#fff"/><circle cx="1.5" cy="1.5" r="0.8" fill="#999"/></pattern>
<pattern id="silent" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="9" height="9" fill="#c64f00"/><rect width="2" height="9" fill="#a84200"/></pattern>
</defs>
`

// canvas collects the elements of a picture.
type canvas struct{ bytes.Buffer }

// escaped is text as XML has it.
func escaped(text string) string {
	var b bytes.Buffer
	// A buffer takes everything.
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}

// num is a coordinate, to a tenth of a pixel.
func num(v float64) string { return strconv.FormatFloat(float64(int64(v*10+0.5))/10, 'f', -1, 64) }

// rect draws a rectangle. tip, which may be empty, is shown when a pointer rests on it.
func (c *canvas) rect(class string, x, y, w, h float64, tip string) {
	fmt.Fprintf(c, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"`, class, num(x), num(y), num(w), num(h))
	if tip == "" {
		c.WriteString("/>\n")
		return
	}
	fmt.Fprintf(c, "><title>%s</title></rect>\n", escaped(tip))
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(c, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`+"\n", class, num(x1), num(y1), num(x2), num(y2))
}

func (c *canvas) text(class string, x, y float64, text string) {
	fmt.Fprintf(c, `<text class="%s" x="%s" y="%s">%s</text>`+"\n", class, num(x), num(y), escaped(text))
}

// textWidth is about how wide a text is at a size of 12 px.
func textWidth(text string) float64 { return 6.1 * float64(len([]rune(text))) }

// scale maps the time from the fault to the width of the plot.
type scale struct{ from, to time.Duration }

const (
	pictureWidth = 1200.0
	plotLeft     = 150.0
	plotRight    = 1180.0
)

// x is where a time lies; times outside lie on the edge.
func (s scale) x(d time.Duration) float64 {
	d = min(max(d, s.from), s.to)
	return plotLeft + (plotRight-plotLeft)*float64(d-s.from)/float64(s.to-s.from)
}

// has says whether a time lies within.
func (s scale) has(d time.Duration) bool { return d >= s.from && d <= s.to }
