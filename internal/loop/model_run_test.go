package loop

import (
	"strconv"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/testing/fakeredis"
	"keepalived-redis/internal/testing/fixture"
)

// beforeRun is how the world stands before a run acts.
type beforeRun struct {
	fenced bool
	// gap: the host has stood still, or waits for a word since then.
	gap   bool
	views map[model.Instance]fakeredis.View
}

func (h *modelHost) before(fenced bool) beforeRun {
	b := beforeRun{fenced: fenced, views: map[model.Instance]fakeredis.View{}}
	for _, host := range h.w.hosts {
		for _, s := range host.servers {
			b.views[model.At(s.Addr)] = s.View()
		}
	}
	return b
}

// promotedNothingWrong: a run makes a master only where the host has the VIP and is not cut off, and none of a replica that may lack what another host
// has. In FAULT it does so where the other host is lost.
func (h *modelHost) promotedNothingWrong(promoted []model.Instance, plan model.Plan, before beforeRun) {
	if len(promoted) == 0 && !fixture.Promotes(plan) {
		return
	}
	lost := h.state == model.VRRPFault && !h.sees()
	if h.state != model.VRRPMaster && !lost || before.fenced || h.alone() {
		h.w.t.Fatalf("%s promotes %v on %s: %s", h.addr, promoted, h.state, reason.Lines(plan.Clauses))
	}
	for _, i := range promoted {
		v := before.views[i]
		master, known := before.views[model.At(v.Follows)]
		answers := known && master.Up && h.sees()
		if !v.Master && !v.Joined && !h.wasMaster && !answers {
			h.w.t.Fatalf("%s promotes %s, which was not linked since this host was turned on: %s", h.addr, i, reason.Lines(plan.Clauses))
		}
	}
}

// hasDone: a run that lived has done what its steps are for, where no server refused it.
func (h *modelHost) hasDone(plan model.Plan, before beforeRun) {
	after := h.before(h.fenced())
	well := func(i model.Instance) bool {
		v := after.views[i]
		return v.Up && !v.Refuses
	}
	for _, s := range plan.Steps {
		switch v := after.views[s.Instance]; s.Do {
		case model.Fence:
			for _, server := range h.servers {
				i := model.At(server.Addr)
				answered := before.views[i].Up // one that is started in this very run is fenced by the next look
				if after.fenced && answered && (i == s.Instance || !s.Instance.Known()) && well(i) && after.views[i].Replicas != "99" {
					h.w.t.Fatalf("a fenced host takes writes on %s: %s", i, reason.Lines(plan.Clauses))
				}
			}
		case model.Switchover:
			from := after.views[s.From]
			if v.Master && from.Up && from.Master && from.Replicas != "99" && !from.Paused {
				h.w.t.Fatalf("%s and %s both take writes after the switchover", s.From, s.Instance)
			}
			if v.Master && well(s.Instance) && well(s.From) && !h.switching() && !h.other().fenced() && (from.Paused || from.Replicas == "99" && before.views[s.From].Replicas != "99") {
				h.w.t.Fatalf("writers of %s are held back after the switchover: %+v", s.From, from)
			}
			if well(s.Instance) && well(s.From) && !h.switching() { // one that failed is undone by a later run, which leaves the files as they are
				h.rewritten(s.Instance, before, after)
				h.rewritten(s.From, before, after)
			}
		case model.Promote, model.Follow:
			h.rewritten(s.Instance, before, after)
		}
	}
	if before.fenced && !after.fenced {
		h.writesWell("the fence is over", after)
	}
	if before.gap && h.state != model.VRRPNone && well(model.At(h.servers[0].Addr)) {
		h.writesWell("the host stood still", after)
	}
}

// rewritten: the configuration file of a server outside a cluster has its new role.
func (h *modelHost) rewritten(i model.Instance, before, after beforeRun) {
	v := after.views[i]
	changed := v.Follows != before.views[i].Follows
	if len(h.config.Peers) > 0 && changed && v.Up && !v.Refuses && v.Replicas != "99" && v.ConfFollows != v.Follows {
		h.w.t.Fatalf("a restart of %s would bring its old role back: %+v", i, v)
	}
}

// writesWell: after the end of a fence or of a standstill no master takes writes beside one of a higher term that answers.
func (h *modelHost) writesWell(when string, after beforeRun) {
	if len(h.config.Peers) == 0 || !h.sees() {
		return
	}
	own, peer := after.views[model.At(h.servers[0].Addr)], after.views[model.At(h.other().servers[0].Addr)]
	if own.Up && own.Master && peer.Up && peer.Master && termOf(own) < termOf(peer) && own.Replicas != "99" {
		h.w.t.Fatalf("%s, and two masters take writes: %+v, %+v", when, own, peer)
	}
}

// termOf is the term that a server has, with its mark or without.
func termOf(v fakeredis.View) int {
	n, _ := strconv.Atoi(v.Term) // without a term it is 0
	return n
}
