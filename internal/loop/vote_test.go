package loop

import (
	"net/netip"
	"testing"
	"time"

	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// A vote that is refused for an old epoch is refused for a minute, whatever is asked meanwhile. Nobody else could be voted for, so
// a takeover is as safe.
func TestARefusedVoteDoesNotHoldThePromotionBack(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t, 3)
	r := reconciler(t, c[3])
	r.Config.Policy = model.PolicyStay
	c[0].Kill()
	for _, s := range c[1:3] {
		for range 3 {
			s.Do(t, "cluster", "bumpepoch")
		}
	}
	var words []model.Verb
	redistest.Await(t, "the replica is master", func() bool {
		o := sessiontest.Looks(c[3:4], []*redistest.Server{c[0], c[1], c[2], c[4], c[5]})
		o.State, o.KeepalivedLives, o.Times.StallGrace = model.VRRPMaster, true, 0
		o.Instances = map[netip.AddrPort]model.Stretch{c[0].Addr: {For: time.Minute, Looks: 9}}
		r.SeeDataAge(&o, true, state.Now())
		p := decide.Decide(o)
		for _, s := range p.Steps {
			words = append(words, s.Do)
		}
		_ = r.Apply(sessiontest.Within(t, 5*time.Second), o, p)
		return c[3].Look().Role() == model.Master
	})
	if len(words) == 0 || words[0] != model.Force {
		t.Errorf("it did not ask for a vote first: %v", words)
	}
}
