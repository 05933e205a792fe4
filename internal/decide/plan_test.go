package decide

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/fixture"
)

// A planCase is an observation by how it differs from a plain one, and the plan that it must lead to.
//
// Hosts are A, B (this one) and C. A step is "verb instance from other". A clause is "action reason+also instances of others", and the last one may
// be "again" with the time until the next look.
type planCase struct {
	name           string
	change         func(*model.Observation)
	steps, clauses string
}

// checkPlans decides every case, on top of a plain observation.
func checkPlans(t *testing.T, plain func() model.Observation, decide func(model.Observation) model.Plan, cases []planCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := plain()
			c.change(&o)
			p := decide(o)
			if d := cmp.Diff(c.steps, stepsText(p.Steps)); d != "" {
				t.Errorf("steps (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.clauses, planText(p)); d != "" {
				t.Errorf("clauses (-want +got):\n%s", d)
			}
		})
	}
}

// hostLetters shorten the addresses of the fixtures.
var hostLetters = strings.NewReplacer("192.168.9.70:", "A:", "192.168.9.71:", "B:", "192.168.9.72:", "C:")

func namesText(instances []model.Instance) (text string) {
	for _, i := range instances {
		text += " " + hostLetters.Replace(i.Name())
	}
	return text
}

func stepsText(steps []model.Step) string {
	var all []string
	for _, s := range steps {
		text := string(s.Do)
		if s.Instance.Known() {
			text += namesText([]model.Instance{s.Instance})
		}
		if s.From.Known() {
			text += " from" + namesText([]model.Instance{s.From})
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func clausesText(clauses []model.Clause) string {
	var all []string
	for _, c := range clauses {
		text := string(c.Action) + " "
		for i, r := range c.Reasons() {
			if i > 0 {
				text += "+"
			}
			text += string(r)
		}
		text += namesText(c.Instances)
		if len(c.Others) > 0 {
			text += " of" + namesText(c.Others)
		}
		all = append(all, strings.TrimSpace(text))
	}
	return strings.Join(all, "; ")
}

// planText is what a plan says, and when it wants the next look.
func planText(p model.Plan) string {
	text := clausesText(p.Clauses)
	if p.Again > 0 {
		text += "; again " + p.Again.String()
	}
	return text
}

// The stretches of most cases: seen bad in this look, and for long enough.
var (
	firstLook = model.Stretch{Looks: 1}
	forLong   = model.Stretch{For: 2 * time.Second, Looks: 3}
)

// hostSilent: host A is silent, for so long.
func hostSilent(o *model.Observation, s model.Stretch) { fixture.PeersAre(o, model.Silent, s) }

// masterIs: the first instance of host A is in that state for so long, and the others are up.
func masterIs(o *model.Observation, state model.State, s model.Stretch) {
	fixture.PeersAre(o, model.Up, model.Stretch{})
	o.Peers[0].State, o.Peers[0].Info, o.Peers[0].Nodes = state, nil, nil
	o.Instances[o.Peers[0].Instance.Addr] = s
}

// oneReplica leaves a master and a replica of host B.
func oneReplica(o *model.Observation) { o.Locals = o.Locals[:2] }

// node adds a node to what the local instances see of the cluster.
func node(o *model.Observation, n model.Node) {
	for i := range o.Locals {
		o.Locals[i].Nodes = append(o.Locals[i].Nodes[:len(o.Locals[i].Nodes):len(o.Locals[i].Nodes)], n)
	}
}

// replicaOn72 is a replica of A:7000 on a third host, and what it says.
func replicaOn72(o *model.Observation, info model.Info) {
	addr := fixture.Addr("192.168.9.72:7006")
	node(o, model.Node{ID: "c6", Addr: addr, Role: model.Replica, MasterID: "a0"})
	info.Role = model.Replica
	o.Peers = append(o.Peers, model.Look{Instance: model.At(addr), State: model.Up, Info: &info})
}
