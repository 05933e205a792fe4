package reason

import (
	"fmt"
	"time"

	"keepalived-redis/internal/model"
)

// Deed is what was done, for the log; empty where the line of the decision has said it already.
func Deed(d model.Deed) string {
	switch d.Do {
	case model.Takeover, model.Force, model.Promote:
		return d.Instance.Name() + " is master"
	case model.Switchover:
		return fmt.Sprintf("%s switched over to %s, writes were held back for %.1f ms of %.1f ms", d.From, d.Instance, ms(d.Gap), ms(d.Took))
	case model.Follow:
		return fmt.Sprintf("%s follows %s", d.Instance, d.From)
	case model.Restart:
		what := "was dead"
		if d.Hung > 0 {
			what = fmt.Sprintf("has given no answer for %s, was killed", d.Hung)
		}
		return fmt.Sprintf("%s %s and has been started, after %d ms it %s", d.Instance, what, d.Took.Milliseconds(), d.State)
	}
	return ""
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
