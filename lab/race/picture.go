package race

import (
	"fmt"
	"time"

	"keepalived-redis/lab/report"
)

// Picture draws the outcome: for each fault a bar a system, as SVG.
func (o *Outcome) Picture() []byte {
	var groups []report.BarGroup
	for _, f := range Faults {
		g := report.BarGroup{Title: f.Name + ": " + f.About, Unit: "until every slot takes writes again"}
		if f.planned {
			g.Unit = "worst gap between two writes"
		}
		for _, s := range Systems {
			got, ok := o.figures(f.Name, s.Name)
			if !ok {
				continue
			}
			bar := report.Bar{Label: s.Label, Strong: s.Ours, Length: got.Writable, Text: f.shown(got)}
			if f.planned && got.Writable != nil {
				bar.Length = got.WorstGap
			}
			if got.Lost > 0 && got.Writable != nil {
				bar.Text += fmt.Sprintf(", %d writes lost", got.Lost)
			}
			g.Bars = append(g.Bars, bar)
		}
		if len(g.Bars) > 0 {
			groups = append(groups, g)
		}
	}
	return report.Bars("How long can nobody write?", o.Machine.String()+"; "+o.At.Format(time.DateOnly), groups)
}
