package decide

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
)

// promotes: a step of this kind makes a master of an instance.
func promotes(v model.Verb) bool {
	return v == model.Takeover || v == model.Force || v == model.Promote || v == model.Switchover
}

func changesRole(v model.Verb) bool { return promotes(v) || v == model.Follow }

// lookAt is the look at an instance of a plan, here or on another host.
func lookAt(o *model.Observation, i model.Instance) (l model.Look, here, ok bool) {
	if l, ok = o.Local(i); ok {
		return l, true, true
	}
	l, _, ok = o.Find(i.Addr)
	return l, false, ok
}

// stepRules must hold of every step that Decide plans, at any time.
var stepRules = []struct {
	rule  string
	holds func(o *model.Observation, s model.Step) bool
}{
	{"only the host with the VIP promotes, or a host in FAULT where every other one is lost", func(o *model.Observation, s model.Step) bool {
		lost := o.State == model.VRRPFault && o.PeersSilent() && o.Witness.Answers && s.Do != model.Switchover
		return !promotes(s.Do) || o.State == model.VRRPMaster || lost
	}},
	{"roles change only where nothing keeps this host from acting", func(o *model.Observation, s model.Step) bool {
		lifted := s.Do == model.Follow && o.Fence != nil && o.Heard() // a host that was fenced follows before it lifts the fence
		return !changesRole(s.Do) || !o.CutOff() && !o.Isolated() && !o.Unjudged() && o.Maintenance.Word == "" && o.KeepalivedLives && (o.Fence == nil || lifted)
	}},
	{"only whole data is promoted", func(o *model.Observation, s model.Step) bool {
		l, _, _ := lookAt(o, s.Instance)
		pair := o.Pairs[s.Instance]
		hasData := l.Info != nil && (!l.Info.NeverSynced() || o.Replication() && (l.Term.N > 0 || pair.Linked))
		if _, here := o.Local(s.Instance); !here && o.Replication() {
			hasData = l.Info != nil // it is fresher than ours
		}
		whole := l.State.Alive() && l.State != model.Loading && hasData && !l.Info.Syncing
		return !promotes(s.Do) || whole || l.Role() == model.Master && l.State != model.Loading // a master gets a higher term
	}},
	{"no data that may be older than that of a master that says nothing is promoted", func(o *model.Observation, s model.Step) bool {
		l, here, _ := lookAt(o, s.Instance)
		if !promotes(s.Do) || !here || l.Role() == model.Master {
			return true
		}
		m := o.PeerOf(l)
		stale, unlinked := o.Pairs[l.Instance].Stale, !o.Pairs[l.Instance].Linked
		if !o.Replication() {
			m, _, _, _ = o.MasterOf(l)
			stale, unlinked = o.DataAge[l.Instance].Stale, o.DataAge[l.Instance].Unlinked
		}
		says := m.Info != nil && m.State != model.Loading
		return says || !o.Severed.Has(l.Instance.Name()) && (l.Info.LinkUp || stale <= o.Times.MaxStaleness) && (!unlinked || o.Cold.HeldLast)
	}},
	{"nobody is promoted because of a silence that is old or hearsay", func(o *model.Observation, s model.Step) bool {
		l, here, _ := lookAt(o, s.Instance)
		if !promotes(s.Do) || !here || l.Role() == model.Master {
			return true
		}
		m := o.PeerOf(l)
		if !o.Replication() {
			m, _, here, _ = o.MasterOf(l)
			if here {
				return true
			}
		}
		return !m.SaysNothing()
	}},
	{"only what hangs and was taken over is killed", func(o *model.Observation, s model.Step) bool {
		l, here, _ := lookAt(o, s.Instance)
		return s.Do != model.Kill || here && model.GivesNoAnswer(l) && o.TakenOver[l.Instance].Looks >= 2 && o.Maintenance.Word == "" && o.Fence == nil
	}},
	{"a master that may be stale gets no higher term", func(o *model.Observation, s model.Step) bool {
		l, _, _ := lookAt(o, s.Instance)
		return s.Do != model.Promote || l.Role() != model.Master || !slices.Contains(o.Unconfirmed, s.Instance)
	}},
	{"a takeover passes over the votes only where no majority answers on two hosts, or where no vote came", func(o *model.Observation, s model.Step) bool {
		noVote := majority(o) && o.VoteWait[s.Instance] >= VoteWithin
		return s.Do != model.Takeover || noVote || !majority(o) && hosts(o) <= 2
	}},
	{"a vote is asked for only where it can succeed, or on more than two hosts", func(o *model.Observation, s model.Step) bool {
		return s.Do != model.Force || majority(o) || hosts(o) > 2
	}},
	{"a switchover is of a serving master to a linked replica that is not behind, once the VIP has settled", func(o *model.Observation, s model.Step) bool {
		l, here, _ := lookAt(o, s.Instance)
		from, _, _ := lookAt(o, s.From)
		return s.Do != model.Switchover || here && l.State == model.Up && l.Role() == model.Replica && l.Info.LinkUp && from.State.Serves() && from.Role() == model.Master &&
			from.Info.Offset-l.Info.Offset <= o.MaxLag && o.HeldFor >= o.Times.Settle && o.SwitchoverWait == 0 && policy(o) == model.PolicyFollow
	}},
	{"only a serving master is followed: by a master of a worse claim, or by a replica without a newer term", func(o *model.Observation, s model.Step) bool {
		l, here, _ := lookAt(o, s.Instance)
		from, _, _ := lookAt(o, s.From)
		newer := l.Term.Known && from.Term.Known && l.Term.N > from.Term.N
		may := model.Outranked(l, from) || l.Role() == model.Replica && !newer
		return s.Do != model.Follow || here && may && from.State.Serves() && from.Role() == model.Master && s.From.Addr == o.Pairs[s.Instance].Peer
	}},
	{"no fence gives writes back to a master of a pair beside one of a claim as good", func(o *model.Observation, s model.Step) bool {
		l, _, _ := lookAt(o, s.Instance)
		return s.Do != model.Restore || o.Fence == nil || !o.Replication() || !model.BothMasters(l, o.PeerOf(l)) || model.Outranked(o.PeerOf(l), l)
	}},
	{"only a master without the VIP is marked as released, once", func(o *model.Observation, s model.Step) bool {
		l, here, _ := lookAt(o, s.Instance)
		return s.Do != model.Release || here && o.State == model.VRRPBackup && l.Role() == model.Master && !l.Term.Released
	}},
	{"only a released master with the VIP is claimed", func(o *model.Observation, s model.Step) bool {
		l, here, _ := lookAt(o, s.Instance)
		return s.Do != model.Claim || here && o.State == model.VRRPMaster && l.Role() == model.Master && l.Term.Released
	}},
	{"only the term of a master that nobody outranks is renewed", func(o *model.Observation, s model.Step) bool {
		l, here, _ := lookAt(o, s.Instance)
		return s.Do != model.RenewTerm || here && l.Role() == model.Master && o.Pairs[s.Instance].TermLost && !model.Overruled(o, l)
	}},
	{"commands of clusters are for clusters, those of pairs for pairs", func(o *model.Observation, s model.Step) bool {
		switch s.Do {
		case model.Takeover, model.Force, model.Bump, model.Refuse:
			return !o.Replication()
		case model.Promote, model.Follow, model.NeedReplica, model.Relax, model.Release, model.Claim, model.RenewTerm, model.Rewrite:
			return o.Replication()
		}
		return true
	}},
	{"replicas are required, and not, only with durability replicated", func(o *model.Observation, s model.Step) bool {
		return s.Do != model.Relax && s.Do != model.NeedReplica || o.Durability == model.DurabilityReplicated
	}},
	{"a replica is required only where one is linked", func(o *model.Observation, s model.Step) bool {
		l, _, _ := lookAt(o, s.Instance)
		replica := l
		if l.Role() == model.Master {
			replica = o.PeerOf(l)
		}
		return s.Do != model.NeedReplica || replica.Role() == model.Replica && replica.Info.LinkUp && !l.Info.MinReplicas
	}},
	{"what a Sentinel manages keeps its role, and its settings in a pair", func(o *model.Observation, s model.Step) bool {
		changes := changesRole(s.Do) || slices.Contains([]model.Verb{model.NeedReplica, model.Relax, model.Release, model.Claim, model.RenewTerm}, s.Do)
		return !changes || !o.Sentinel[s.Instance]
	}},
	{"a step is about an instance that was seen", func(o *model.Observation, s model.Step) bool {
		_, _, ok := lookAt(o, s.Instance)
		_, _, from := lookAt(o, s.From)
		return (ok || !s.Instance.Known()) && (from || !s.From.Known())
	}},
	{"only what does not answer is restarted, once a run", func(o *model.Observation, s model.Step) bool {
		l, here, _ := lookAt(o, s.Instance)
		return s.Do != model.Restart || here && (l.State == model.Refused || l.State == model.Dropped || o.HungFor[s.Instance] > 0) && !o.Tried[s.Instance] && !o.Restarts.Never
	}},
}

// planRules must hold of every plan of Decide.
var planRules = []struct {
	rule  string
	holds func(o *model.Observation, p model.Plan) bool
}{
	{"a plan says something beside its restarts", func(_ *model.Observation, p model.Plan) bool {
		return slices.ContainsFunc(p.Clauses, func(c model.Clause) bool { return c.Action != model.Restart })
	}},
	{"a step that changes a role has a clause of the same action and instance", func(o *model.Observation, p model.Plan) bool {
		for _, s := range p.Steps {
			says := func(c model.Clause) bool {
				l, here, _ := lookAt(o, s.Instance)
				return c.Action == s.Do && (slices.Contains(c.Instances, s.Instance) || here && slices.Contains(c.Instances, model.Called(l)))
			}
			if changesRole(s.Do) && !slices.ContainsFunc(p.Clauses, says) {
				return false
			}
		}
		return true
	}},
	{"an instance changes its role once", func(_ *model.Observation, p model.Plan) bool {
		changed := map[model.Instance]bool{}
		for _, s := range p.Steps {
			if changesRole(s.Do) && changed[s.Instance] {
				return false
			}
			changed[s.Instance] = changed[s.Instance] || changesRole(s.Do)
		}
		return true
	}},
	{"in a maintenance nothing is done", func(o *model.Observation, p model.Plan) bool {
		return o.Maintenance.Word == "" || len(p.Steps) == 0 && !slices.ContainsFunc(p.Clauses, func(c model.Clause) bool { return c.Action != model.Keep && c.Action != model.Warn })
	}},
	{"without keepalived nothing is done but restarts", func(o *model.Observation, p model.Plan) bool {
		return o.KeepalivedLives || len(p.Steps) == 0 || p.OnlyRestarts()
	}},
	{"a host that is cut off fences itself, or waits", func(o *model.Observation, p model.Plan) bool {
		allowed := []model.Verb{model.Fence, model.FenceStop, model.Restart}
		return !o.CutOff() || !slices.ContainsFunc(p.Steps, func(s model.Step) bool { return !slices.Contains(allowed, s.Do) })
	}},
	{"a fence ends only where no instance stays fenced", func(_ *model.Observation, p model.Plan) bool {
		return !hasStep(p, model.LiftDone) || !hasStep(p, model.Fence) && !hasStep(p, model.LiftStart)
	}},
	{"epochs are raised where nothing else is done but what the guard does", func(_ *model.Observation, p model.Plan) bool {
		return !hasStep(p, model.Bump) || !slices.ContainsFunc(p.Steps, func(s model.Step) bool { return s.Do != model.Bump && s.Do != model.Restart && s.Do != model.Kill })
	}},
	{"a plan that waits looks again", func(_ *model.Observation, p model.Plan) bool {
		waits := func(c model.Clause) bool {
			return c.Action == model.Wait && c.Reason != reason.MasterRestarts && c.Reason != reason.VoteMissing
		}
		return p.Again > 0 || !slices.ContainsFunc(p.Clauses, waits)
	}},
	{"a switchover that is open holds up its old master and that one's replicas alone", func(o *model.Observation, p model.Plan) bool {
		without := *o
		without.Unfinished = nil
		others := func(steps []model.Step) (all []model.Step) {
			for _, s := range steps {
				own := func(u model.Unfinished) bool {
					return s.Instance == u.From || s.Instance == u.To || !o.Replication() && nodeAt(o, s.Instance).MasterID == nodeAt(o, u.From).ID
				}
				if s.Do != model.UndoSwitchover && s.Do != model.Bump && !slices.ContainsFunc(o.Unfinished, own) {
					all = append(all, s)
				}
			}
			return all
		}
		return slices.Equal(others(p.Steps), others(Decide(without).Steps))
	}},
	{"a clause says the state in which its master or peer was seen", func(o *model.Observation, p model.Plan) bool {
		for _, c := range p.Clauses {
			for _, i := range c.Others {
				if l, _, ok := lookAt(o, i); ok && c.State != model.Unseen && c.State != l.State {
					return false
				}
			}
		}
		return true
	}},
}

// nodeAt is the node of an instance, as this host sees the cluster.
func nodeAt(o *model.Observation, i model.Instance) model.Node {
	for _, n := range o.View() {
		if n.Addr == i.Addr {
			return n
		}
	}
	return model.Node{ID: "unknown"}
}

func hasStep(p model.Plan, v model.Verb) bool {
	return slices.ContainsFunc(p.Steps, func(s model.Step) bool { return s.Do == v })
}

func TestPlansKeepTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObservation(t)
		before := asJSON(t, o)
		p := Decide(o)
		for _, r := range planRules {
			if !r.holds(&o, p) {
				t.Errorf("not so: %s\n%s\n%s", r.rule, stepsText(p.Steps), planText(p))
			}
		}
		for _, s := range p.Steps {
			for _, r := range stepRules {
				if !r.holds(&o, s) {
					t.Errorf("not so: %s\n%s\n%s", r.rule, stepsText(p.Steps), planText(p))
				}
			}
		}
		checkClauses(t, p.Clauses)
		if before != asJSON(t, o) {
			t.Error("the observation was changed")
		}
		if again := Decide(o); !reflect.DeepEqual(p, again) {
			t.Errorf("decided in two ways: %s\n%s", planText(p), planText(again))
		}
	})
}

func TestForcedPlansKeepTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObservation(t)
		before := asJSON(t, o)
		p := DecideForced(o)
		for _, s := range p.Steps {
			l, here, _ := lookAt(&o, s.Instance)
			switch s.Do {
			case model.Takeover, model.Promote:
				if !here || l.Info == nil || l.State == model.Loading || l.Info.Syncing || o.Sentinel[s.Instance] || (s.Do == model.Promote) != o.Replication() {
					t.Errorf("%s may not be promoted: %s", s.Instance, planText(p))
				}
			case model.Restore, model.LiftDone, model.LiftStart:
				if o.Fence == nil && !slices.Contains(o.Unconfirmed, s.Instance) && !slices.Contains(o.LeftStopped, s.Instance) {
					t.Errorf("no fence: %s", planText(p))
				}
			case model.Relax:
				if o.Durability != model.DurabilityReplicated {
					t.Errorf("not durability replicated: %s", planText(p))
				}
			default:
				t.Errorf("%s by hand: %s", s.Do, planText(p))
			}
		}
		if o.Maintenance.Word != "" && len(p.Steps) > 0 || len(p.Clauses) == 0 {
			t.Errorf("%s: %s", stepsText(p.Steps), planText(p))
		}
		checkClauses(t, p.Clauses)
		if before != asJSON(t, o) {
			t.Error("the observation was changed")
		}
	})
}

// checkClauses: each clause is said once, makes a line that people can read, and says all that the line needs.
func checkClauses(t *rapid.T, clauses []model.Clause) {
	keys := map[string]bool{}
	for _, c := range clauses {
		if keys[c.Key()] {
			t.Errorf("said twice: %s", c.Key())
		}
		keys[c.Key()] = true
		if line := reason.Text(c); len(line) > 160 && !strings.Contains(line, ".sock") || strings.Contains(line, "invalid") {
			t.Errorf("%d characters: %s", len(line), line)
		}
		if line := reason.Line(c); strings.ContainsAny(line, "{}") {
			t.Errorf("not filled in: %s", line)
		}
		for _, r := range c.Reasons() {
			text, hint := reason.Pattern(r)
			for placeholder, missing := range map[string]bool{"{instances}": len(c.Instances) == 0, "{others}": len(c.Others) == 0, "{host}": !c.Host.IsValid(),
				"{for}": c.For == 0, "{count}": c.Count == 0, "{name}": c.Name == ""} {
				if missing && strings.Contains(text+hint, placeholder) {
					t.Errorf("%s is missing: %s", placeholder, reason.Line(c))
				}
			}
		}
	}
}

// asJSON is all of an observation, what its pointers, slices and maps hold included.
func asJSON(t *rapid.T, o model.Observation) string {
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
