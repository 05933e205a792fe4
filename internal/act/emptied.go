package act

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/state"
)

// rolesFile in the durable directory keeps what each local instance was when it last answered: a host whose disk was
// replaced must still know that it had a master. Its lines are plain text, so that a check in which nothing has changed
// compares them and decodes nothing.
const rolesFile = "roles"

// former is what an instance was.
type former struct {
	master bool
	// id is its node id in a cluster.
	id string
	// replicas are the addresses of those that followed it, as far as a cluster tells them; count is how many did.
	replicas []netip.AddrPort
	count    int
}

// Remember keeps what the local instances are. One that does not say keeps its last record.
func (r *Actor) Remember(looks []model.Look) {
	durable, log := r.Store.Durable, r.Log
	before, _, err := durable.Text(rolesFile)
	if err != nil {
		log.Warn().Err(err).Msg("what the instances were is written down again")
	}
	var was map[string]former
	var now strings.Builder
	for _, l := range looks {
		name := l.Instance.Name()
		f, ok := formerOf(l)
		if !ok {
			if was == nil {
				was = parseRoles(before)
			}
			if f, ok = was[name]; !ok {
				continue
			}
		}
		now.WriteString(f.line(name))
	}
	if now.String() == before {
		return
	}
	if err := durable.StoreBytes(rolesFile, []byte(now.String())); err != nil {
		log.Debug().Err(err).Msg("what the instances are cannot be kept") // that state cannot be kept is a warning already
	}
}

func formerOf(l model.Look) (f former, ok bool) {
	if l.Info == nil || l.Info.Loading {
		return former{}, false
	}
	f.master, f.count = l.Info.Role == model.Master, l.Info.Replicas
	self, _ := l.Self()
	f.id = self.ID
	for _, n := range l.Nodes {
		if f.id != "" && n.MasterID == f.id && n.Addr.IsValid() {
			f.replicas = append(f.replicas, n.Addr)
		}
	}
	slices.SortFunc(f.replicas, netip.AddrPort.Compare)
	f.count = max(f.count, len(f.replicas))
	return f, true
}

// line is "ROLE ID COUNT REPLICA,… NAME"; what there is none of is a dash.
func (f former) line(name string) string {
	role, id, replicas := model.Replica, f.id, make([]string, len(f.replicas))
	if f.master {
		role = model.Master
	}
	for i, a := range f.replicas {
		replicas[i] = a.String()
	}
	return string(role) + " " + cmp.Or(id, "-") + " " + strconv.Itoa(f.count) + " " + cmp.Or(strings.Join(replicas, ","), "-") + " " + name + "\n"
}

// parseRoles reads the lines; one that cannot be read tells nothing of its instance.
func parseRoles(text string) map[string]former {
	all := map[string]former{}
	for _, line := range strings.Split(text, "\n") {
		part := strings.SplitN(line, " ", 5)
		if len(part) < 5 {
			continue
		}
		count, err := strconv.Atoi(part[2])
		if err != nil || count < 0 {
			continue
		}
		f := former{master: part[0] == string(model.Master), count: count}
		if part[1] != "-" {
			f.id = part[1]
		}
		for _, a := range strings.Split(part[3], ",") {
			if addr, err := netip.ParseAddrPort(a); err == nil {
				f.replicas = append(f.replicas, addr)
			}
		}
		all[part[4]] = f
	}
	return all
}

// emptied is the reason why a dead instance must not be started, or nothing: it was a master, a start would find no data,
// and a replica that still has the data would throw it away to follow it.
func (r *restarter) emptied(in config.Instance) string {
	text, _, err := state.Dir(r.Config.StateDir).Text(rolesFile)
	if err != nil {
		r.Log.Warn().Err(err).Msg("what the instances were is not known any more")
	}
	f := parseRoles(text)[in.Name()]
	if !f.master || f.count == 0 || r.deposed(f.id) {
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
		listed := slices.Contains(f.replicas, l.Instance.Addr)
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
	if known < len(f.replicas) {
		return "a replica of it that is not seen may have it"
	}
	if len(f.replicas) == 0 && !r.seesFollower(in) {
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
