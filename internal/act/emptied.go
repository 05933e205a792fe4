package act

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/service"
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

// emptied is the reason why a dead instance must not be started, or nothing: it was a master, a start would find no data,
// and a replica that still has the data would throw it away to follow it.
func (r *restarter) emptied(in config.Instance) string {
	was := map[string]former{}
	if _, err := r.Store.Durable.Load(rolesFile, &was); err != nil {
		r.Log.Warn().Err(err).Msg("what the instances were is not known any more")
	}
	f := was[in.Name()]
	if !f.Master || f.Count == 0 || r.deposed(f.ID) {
		return ""
	}
	missing, err := service.MissingData(in)
	if err != nil {
		return fmt.Sprintf("%s was a master and is not started, because its data cannot be looked at (%v); hint: let the programs run as root or as the user of redis-server", in.Name(), err)
	}
	if missing == "" {
		return ""
	}
	keeper := r.keeper(in, f)
	if keeper == "" {
		return ""
	}
	return fmt.Sprintf("%s was a master and is not started, because it has no longer %s: %s, which would be emptied as well; hint: promote that replica; redis-initd %d start if the data may go",
		in.Name(), missing, keeper, in.Port)
}

// deposed: an instance that answers has seen that the slots of a former master are another one's now. It was demoted after the last check run
// had noted it, and nobody follows it.
func (r *restarter) deposed(id string) bool {
	return id != "" && slices.ContainsFunc(r.around, func(l model.Look) bool {
		n, known := l.Nodes.ByID(id)
		return known && !n.Myself && len(n.Slots) == 0 && l.State.Alive() && !model.HasJustStarted(l)
	})
}

// keeper is a replica that has, or may have, the data of a former master and would follow it again; nothing if none is left.
func (r *restarter) keeper(in config.Instance, f former) string {
	known := 0
	for _, l := range r.around {
		listed := slices.Contains(f.Replicas, l.Instance.Addr)
		if listed {
			known++
		}
		switch {
		case l.Info == nil && listed:
			return fmt.Sprintf("its replica %s does not say whether it has it", l.Instance.Name())
		case l.Info == nil, l.Info.Role != model.Replica, l.Info.Keys == 0, !listed && l.Info.Master != in.Addr:
			continue
		}
		return fmt.Sprintf("its replica %s has it", l.Instance.Name())
	}
	if known < len(f.Replicas) {
		return "a replica of it that is not seen may have it"
	}
	if len(f.Replicas) == 0 && !r.seesFollower(in) {
		return "a replica that followed it may have it"
	}
	return ""
}

// seesFollower: a replica that names the instance as its master is seen.
func (r *restarter) seesFollower(in config.Instance) bool {
	return slices.ContainsFunc(r.around, func(l model.Look) bool {
		return l.Info != nil && l.Info.Role == model.Replica && l.Info.Master == in.Addr
	})
}
