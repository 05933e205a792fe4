package act

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/session"
)

// rolesFile in the durable directory keeps what each local instance was when it last answered, by name: a host whose disk was
// replaced must still know that it had a master.
const rolesFile = "roles.json"

// former is what an instance was.
type former struct {
	Master bool `json:"master,omitempty"`
	// ID is its node id in a cluster.
	ID string `json:"id,omitempty"`
	// Replicas are the addresses of those that followed it, as far as a cluster tells them; Count is how many did.
	Replicas []netip.AddrPort `json:"replicas,omitempty"`
	Count    int              `json:"count,omitempty"`
}

// Remember keeps what the local instances are. One that does not say keeps its last record.
func (r *Actor) Remember(looks []model.Look) {
	durable, log := r.Store.Durable, r.Log
	was, now := map[string]former{}, map[string]former{}
	found, err := durable.Load(rolesFile, &was)
	if err != nil {
		log.Warn().Err(err).Msg("what the instances were is written down again")
	}
	for _, l := range looks {
		name := l.Instance.Name()
		f, ok := formerOf(l)
		if !ok {
			f, ok = was[name]
		}
		if ok {
			now[name] = f
		}
	}
	if found && reflect.DeepEqual(now, was) {
		return
	}
	if err := durable.Store(rolesFile, now); err != nil {
		log.Debug().Err(err).Msg("what the instances are cannot be kept") // that state cannot be kept is a warning already
	}
}

func formerOf(l model.Look) (f former, ok bool) {
	if l.Info == nil || l.Info.Loading {
		return former{}, false
	}
	f.Master, f.Count = l.Info.Role == model.Master, l.Info.Replicas
	self, _ := l.Self()
	f.ID = self.ID
	for _, n := range l.Nodes {
		if f.ID != "" && n.MasterID == f.ID && n.Addr.IsValid() {
			f.Replicas = append(f.Replicas, n.Addr)
		}
	}
	slices.SortFunc(f.Replicas, netip.AddrPort.Compare)
	f.Count = max(f.Count, len(f.Replicas))
	return f, true
}

// MayStart is what a restart asks as well, for whoever else starts an instance that does not run: may it be started, and what speaks against
// it. It looks again until it knows or ctx ends. What nobody knows then holds up no start: a host must come up without the others, and
// writes are refused there until the role is confirmed. It changes nothing.
func (r *Actor) MayStart(ctx context.Context, in config.Instance) (ok bool, why string) {
	for {
		why, certain := r.emptied(in, func() []model.Look { return r.lookAround(ctx) })
		switch {
		case why == "" || certain:
			return why == "", why
		case session.Pause(ctx, askAgain) != nil:
			return true, fmt.Sprintf("%s was a master, may have lost its data, and is started all the same: nobody answers who could know of them", in.Name())
		}
	}
}

// askAgain is the pause between two looks of MayStart.
const askAgain = 50 * time.Millisecond

// lookAround looks at the instances of this host and of the others, as far as they are known.
func (r *Actor) lookAround(ctx context.Context) []model.Look {
	peers := r.Config.Peers
	if len(peers) == 0 {
		r.Store.Peek(r.Store.Durable, session.PeersFile, &peers)
	}
	survey := redis.NewSurvey(ctx)
	survey.Look(redis.Targets(r.Config.Instances), redis.Limits{Dial: session.ReplyTimeout, Reply: session.ReplyTimeout})
	survey.LookAtPeers(r.Targets(peers), r.PeerLimits())
	return survey.Run()
}

// emptied is the reason why a dead instance must not be started, or nothing: it was a master, a start would find no data, and a replica that
// still has the data would throw it away to follow it. certain is false where that could not be found out. look is asked when it matters.
func (r *Actor) emptied(in config.Instance, look func() []model.Look) (why string, certain bool) {
	was := map[string]former{}
	if _, err := r.Store.Durable.Peek(rolesFile, &was); err != nil {
		r.Log.Warn().Err(err).Msg("what the instances were is not known any more")
	}
	f := was[in.Name()]
	if !f.Master || f.Count == 0 {
		return "", true
	}
	missing, err := service.MissingData(in)
	if err == nil && missing == "" {
		return "", true
	}
	around := look()
	if deposed(around, f.ID) {
		return "", true
	}
	if err != nil {
		return fmt.Sprintf("%s was a master and is not started, because its data cannot be looked at (%v); hint: let the programs run as root or as the user of redis-server", in.Name(), err), false
	}
	keeper, certain := keeper(around, in, f)
	if keeper == "" {
		return "", true
	}
	return fmt.Sprintf("%s was a master and is not started, because it has no longer %s: %s, which would be emptied as well; hint: promote that replica; redis-initd %d start --force if the data may go",
		in.Name(), missing, keeper, in.Port), certain
}

// deposed: an instance that answers has seen that the slots of a former master are another one's now. It was demoted after the last check run
// had noted it, and nobody follows it.
func deposed(around []model.Look, id string) bool {
	return id != "" && slices.ContainsFunc(around, func(l model.Look) bool {
		n, known := l.Nodes.ByID(id)
		return known && !n.Myself && len(n.Slots) == 0 && l.State.Alive() && !model.HasJustStarted(l)
	})
}

// keeper is a replica that has, or may have, the data of a former master and would follow it again; nothing if none is left. certain is false
// where nothing at all came from where a replica was.
func keeper(around []model.Look, in config.Instance, f former) (keeper string, certain bool) {
	replicas := f.Replicas
	if len(replicas) == 0 && f.Count == 1 && in.Peer.IsValid() {
		replicas = []netip.AddrPort{in.Peer}
	}
	known, mute := 0, ""
	for _, l := range around {
		listed := slices.Contains(replicas, l.Instance.Addr)
		if listed {
			known++
		}
		follows := l.Info != nil && l.Info.Role == model.Replica && (listed || l.Info.Master == in.Addr)
		switch {
		case listed && l.Info == nil && (l.State == model.Silent || l.State == model.Unseen):
			mute = l.Instance.Name()
		case listed && l.Info == nil, follows && l.Info.Loading:
			return fmt.Sprintf("its replica %s does not say whether it has it", l.Instance.Name()), true
		case follows && l.Info.Keys > 0:
			return fmt.Sprintf("its replica %s has it", l.Instance.Name()), true
		}
	}
	switch {
	case mute != "":
		return fmt.Sprintf("its replica %s does not say whether it has it", mute), false
	case known < len(replicas):
		return "a replica of it that is not seen may have it", false
	case len(replicas) == 0 && !seesFollower(around, in):
		return "a replica that followed it may have it", false
	}
	return "", true
}

// seesFollower: a replica that names the instance as its master is seen.
func seesFollower(around []model.Look, in config.Instance) bool {
	return slices.ContainsFunc(around, func(l model.Look) bool {
		return l.Info != nil && l.Info.Role == model.Replica && l.Info.Master == in.Addr
	})
}
