package decide

import (
	"fmt"

	"keepalived-redis/internal/model"
)

// guard refuses writes on masters that may be stale, and gives them back.
func (p *planner) guard(o *model.Observation) {
	for _, a := range o.Unconfirmed {
		p.add(model.Step{Do: model.Refuse, Instance: a})
		p.say(fmt.Sprintf("%s was started as a master, and takes no writes until a peer agrees with that, for at most %s", a, o.Times.ColdStartWait))
		p.in(LookAgain)
	}
	for _, a := range o.Confirmed {
		p.add(model.Step{Do: model.Restore, Instance: a})
		p.say(fmt.Sprintf("%s takes writes again: its role is confirmed, or %s are over", a, o.Times.ColdStartWait))
	}
}
