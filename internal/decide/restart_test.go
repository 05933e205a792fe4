package decide

import (
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

// TestWhatIsRestarted: what died, once a run, and what hangs only where that is asked for.
func TestWhatIsRestarted(t *testing.T) {
	asItIs := func(*model.Observation) {}
	hung := func(d time.Duration) func(*model.Observation) {
		return func(o *model.Observation) {
			o.Restarts.HungAfter, o.HungFor = time.Minute, map[model.Instance]time.Duration{o.Locals[0].Instance: d}
		}
	}
	for name, c := range map[string]struct {
		state  model.State
		change func(*model.Observation)
		want   bool
	}{
		"it refuses":                     {model.Refused, asItIs, true},
		"it closes the connection":       {model.Dropped, asItIs, true},
		"it is up":                       {model.Up, asItIs, false},
		"it hangs":                       {model.Stalled, asItIs, false},
		"it hangs for too long":          {model.Stalled, hung(time.Minute), true},
		"it hangs for less":              {model.Stalled, hung(59 * time.Second), false},
		"it was tried in this run":       {model.Refused, func(o *model.Observation) { o.Tried = map[model.Instance]bool{o.Locals[0].Instance: true} }, false},
		"another one was tried":          {model.Refused, func(o *model.Observation) { o.Tried = map[model.Instance]bool{o.Locals[1].Instance: true} }, true},
		"nothing is":                     {model.Refused, func(o *model.Observation) { o.Restarts.Never = true }, false},
		"a maintenance":                  {model.Refused, func(o *model.Observation) { o.Maintenance.Word = model.Drain }, false},
		"a fence":                        {model.Refused, func(o *model.Observation) { o.Fence = &model.FenceView{} }, false},
		"keepalived does not live":       {model.Refused, func(o *model.Observation) { o.KeepalivedLives = false }, true},
		"the hook for MASTER":            {model.Refused, func(o *model.Observation) { o.Event.State = model.VRRPMaster }, false},
		"the hook for FAULT":             {model.Refused, func(o *model.Observation) { o.Event.State = model.VRRPFault }, false},
		"the hook for STOP":              {model.Refused, func(o *model.Observation) { o.Event.State = model.VRRPStop }, false},
		"the hook for BACKUP":            {model.Refused, func(o *model.Observation) { o.Event.State = model.VRRPBackup }, true},
		"that of a keepalived that died": {model.Refused, func(o *model.Observation) { o.Event.State, o.KeepalivedLives = model.VRRPBackup, false }, false},
		"this host is cut off":           {model.Refused, func(o *model.Observation) { o.Alone = model.Stretch{For: time.Second, Looks: 3} }, false},
	} {
		o := fixture.Cluster()
		o.Locals[0].State = c.state
		if c.state != model.Up {
			o.Locals[0].Info, o.Locals[0].Nodes = nil, nil
		}
		c.change(&o)
		got := false
		for _, s := range Decide(o).Steps {
			got = got || s == model.Step{Do: model.Restart, Instance: o.Locals[0].Instance}
		}
		if got != c.want {
			t.Errorf("%s: restarted %v", name, got)
		}
	}
}

// TestHungMasterThatWasTakenOver: it is killed by its own host, in two looks, and only where nothing keeps this host from acting.
func TestHungMasterThatWasTakenOver(t *testing.T) {
	taken := func(s model.State, over model.Stretch) func(*model.Observation) {
		return func(o *model.Observation) {
			l := &o.Locals[0]
			l.State, l.Info, l.Nodes = s, nil, nil
			o.TakenOver = map[model.Instance]model.Stretch{l.Instance: over}
		}
	}
	also := func(change func(*model.Observation)) func(*model.Observation) {
		return func(o *model.Observation) { taken(model.Stalled, forLong)(o); change(o) }
	}
	checkPlans(t, func() model.Observation { o := fixture.Cluster(); o.State = model.VRRPBackup; return o }, Decide, []planCase{
		{"it takes connections", taken(model.Stalled, forLong), "kill B:7003", "keep not-master; kill hung-taken-over B:7003"},
		{"its queue is full", taken(model.Silent, forLong), "kill B:7003", "keep not-master; kill hung-taken-over B:7003"},
		{"in one look", taken(model.Stalled, firstLook), "", "keep not-master"},
		{"it works", taken(model.Working, forLong), "", "keep not-master"},
		{"a script runs", taken(model.Busy, forLong), "", "keep not-master"},
		{"it answers", taken(model.Up, forLong), "", "keep not-master"},
		{"nobody has looked", taken(model.Unseen, forLong), "", "keep not-master"},
		{"nothing is restarted here", also(func(o *model.Observation) { o.Restarts.Never = true }), "", "keep not-master"},
		{"keepalived does not live", also(func(o *model.Observation) { o.KeepalivedLives, o.Why = false, model.Clause{Reason: "no-keepalived"} }), "", "keep no-keepalived"},
		{"a maintenance", also(func(o *model.Observation) { o.Maintenance.Word = model.Hold }), "", "keep maintenance"},
		{"it is restarted because it hangs", also(func(o *model.Observation) {
			o.Restarts.HungAfter, o.HungFor = time.Minute, map[model.Instance]time.Duration{o.Locals[0].Instance: time.Minute}
		}), "restart B:7003", "keep not-master; restart hung B:7003"},
	})
}

func TestRestartSaysWhy(t *testing.T) {
	checkPlans(t, func() model.Observation { o := fixture.Cluster(); o.State = model.VRRPBackup; return o }, Decide, []planCase{
		{"two died", func(o *model.Observation) { isDead(&o.Locals[0]); isDead(&o.Locals[1]) },
			"restart B:7003, restart B:7004", "keep not-master; restart died B:7003 B:7004"},
		{"one hangs", func(o *model.Observation) {
			o.Locals[0].State, o.Locals[0].Info, o.Locals[0].Nodes = model.Stalled, nil, nil
			o.Restarts.HungAfter, o.HungFor = time.Minute, map[model.Instance]time.Duration{o.Locals[0].Instance: time.Minute}
		}, "restart B:7003", "keep not-master; restart hung B:7003"},
	})
}
