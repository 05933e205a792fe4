package decide

import (
	"fmt"
	"strings"

	"keepalived-redis/internal/model"
)

// Outcome is what a look and its plan come to.
func Outcome(o *model.Observation, plan model.Plan) model.Outcome {
	out := model.Outcome{Isolated: o.Isolated(), Fenced: o.Fence != nil, Cold: o.WaitsCold(), Sentence: plan.Sentence}
	if said := coldSentence(o); out.Cold && !strings.Contains(out.Sentence, said) {
		out.Sentence = said // also where nothing is decided, the verdict needs its reason
	}
	return out
}

func coldSentence(o *model.Observation) string {
	return fmt.Sprintf("a master here has not heard of its peer since this host started; the peer may have newer data and is waited for, for %s", o.Times.ColdStartWait)
}
