// Package observe reads everything from outside, once a round, into one Observation. It changes nothing: what it has found to write is kept in
// the session until the loop writes it.
package observe

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/service"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// Observer reads everything from outside, once a round. It is not for concurrent use.
type Observer struct {
	*session.Session
	// turns are those that the last look has seen of local instances that gave no answer, by name.
	turns map[string]service.Turn
	// begun is when the last look began, on the clock of this process. rivalSeen: it has been judged that keepalived has heard another master.
	begun     time.Time
	rivalSeen bool
}

// Look is one whole observation. With an error it has the local instances alone.
func (r *Observer) Look(ctx context.Context) (model.Observation, error) {
	locals, around, err := r.LookAround(ctx)
	if err != nil {
		r.Begin()
		o := r.unlooked(locals, around)
		o.Fence = r.SeeFence(&o, state.Now())
		return o, err
	}
	return r.Observe(ctx, locals, around), nil
}

// Surroundings are the looks beside those at the local instances.
type Surroundings struct {
	// Own are the addresses of this host, VIPs those that move; Peers are the looks at the instances of the other hosts, as far as they were
	// known.
	Own   map[netip.Addr]bool
	VIPs  []netip.Addr
	Peers []model.Look
	// asked is what became of asking the other hosts by themselves.
	asked   map[netip.Addr]*question
	Witness model.Witness
}

// LookAround looks at the local instances, and at the peers, the witness and the VIP. All answers are awaited side by side,
// because the peers are known from the last run. With an error there are the looks at the local instances alone.
func (r *Observer) LookAround(ctx context.Context) ([]model.Look, Surroundings, error) {
	r.Begin()
	r.begun = time.Now()
	locals := redis.Targets(r.Config.Instances)
	addresses, err := vrrp.OwnAddresses()
	if err != nil {
		looks := redis.LookAtAll(ctx, locals, r.LocalLimits())
		r.tellBusyFromHung(ctx, looks)
		return looks, Surroundings{}, err
	}
	s := Surroundings{Own: addresses, VIPs: r.Config.VIPs}
	if len(s.VIPs) == 0 {
		if s.VIPs, err = vrrp.VIPs(r.Config.KeepalivedConf); err != nil {
			r.Log.Debug().Err(err).Msg("the VIP is not known")
		}
	}
	var known []netip.AddrPort
	if known = r.Config.Peers; len(known) == 0 {
		r.Store.Peek(r.Store.Durable, session.PeersFile, &known)
	}
	looking, cancel := beforeTheEnd(ctx)
	defer cancel()
	survey := redis.NewSurvey(looking)
	survey.Look(locals, r.LocalLimits())
	survey.LookAtPeers(r.Targets(known), r.PeerLimits())
	heard := r.askWitness(ctx, survey, addresses, s.VIPs)
	s.asked = r.askHosts(ctx, survey, known)
	looks := survey.Run()
	s.Peers, s.Witness = looks[len(locals):], heard()
	proveNothing(s.Peers, s.asked)
	own := looks[:len(locals):len(locals)]
	r.tellBusyFromHung(ctx, own)
	return own, s, nil
}

// LookAtPeers looks at instances of other hosts, side by side.
func (r *Observer) LookAtPeers(ctx context.Context, peers []netip.AddrPort) []model.Look {
	return redis.LookAtPeers(ctx, r.Targets(peers), r.PeerLimits())
}

// askHosts asks every other host by itself, as a witness is asked, and waits no longer than for its instances.
func (r *Observer) askHosts(ctx context.Context, survey *redis.Survey, peers []netip.AddrPort) map[netip.Addr]*question {
	asked := map[netip.Addr]*question{}
	for _, p := range peers {
		if host := p.Addr(); asked[host] == nil {
			asked[host] = &question{to: host}
			ask(ctx, survey, r.Config.Times.Dial, asked[host])
		}
	}
	return asked
}

// answers are the other hosts that answered by themselves.
func (s Surroundings) answers() map[netip.Addr]bool {
	all := make(map[netip.Addr]bool, len(s.asked))
	for host, q := range s.asked {
		all[host] = q.answered
	}
	return all
}

// askWitness asks every witness; any answer counts. heard is called when the survey is over.
func (r *Observer) askWitness(ctx context.Context, survey *redis.Survey, own map[netip.Addr]bool, vips []netip.Addr) (heard func() model.Witness) {
	answered := map[string]bool{}
	r.Store.Peek(r.Store.Durable, session.WitnessFile, &answered)
	addrs := r.Config.Witnesses
	if len(addrs) == 0 && !r.Config.NoWitness {
		addrs = defaultWitnesses(answered)
	}
	w := model.Witness{}
	var asked []*question
	var names []string
	for _, a := range addrs {
		if own[a] || slices.Contains(vips, a) {
			r.Log.Warn().Msgf("witness %s is refused: it is an address of this host or the VIP; hint: name an address outside both hosts", a)
			continue
		}
		q := &question{to: a}
		ask(ctx, survey, witnessTimeout, q)
		asked, names = append(asked, q), append(names, a.String())
		w.Counts = w.Counts || answered[a.String()]
	}
	w.Name = strings.Join(names, ", ")
	return func() model.Witness {
		fresh, judged := false, false
		for i, q := range asked {
			if q.answered {
				w.Answers, w.Counts = true, true
				fresh = fresh || !answered[names[i]]
				answered[names[i]] = true
			}
			judged = judged || answered[names[i]] && q.unasked() == nil
		}
		w.Unasked = w.Counts && !judged
		w.Virtual = r.virtual(asked)
		if fresh {
			r.Store.Later(r.Store.Durable, session.WitnessFile, answered)
		}
		return w
	}
}

// unlooked is an observation with what needs no conclusions.
func (r *Observer) unlooked(locals []model.Look, s Surroundings) model.Observation {
	o := model.Observation{Locals: locals, Peers: s.Peers, Answers: s.answers(), Witness: s.Witness,
		Policy: r.Config.Policy, Times: r.Config.Times, MaxLag: r.Config.MaxLag, GivenUp: r.GaveUp, Tried: r.Tried, VIPs: s.VIPs, VIPHere: vrrp.Held(s.VIPs, s.Own),
		Restarts: model.Restarts{Never: r.Config.Restart.When == config.RestartNever, HungAfter: r.Config.Restart.HungAfter}, HungFor: map[model.Instance]time.Duration{},
		BusyFor: map[string]time.Duration{}, Hosts: map[netip.Addr]model.Stretch{}, Instances: map[netip.AddrPort]model.Stretch{}, BumpGoal: r.Memory.BumpGoal}
	if r.Event != nil {
		o.Event, o.Hook = *r.Event, r.Event.State == model.VRRPMaster && !r.Event.Rival
	}
	o.Maintenance, o.MaintenanceWarning = maintenance(r.Store.Durable)
	return o
}

// Observe joins the looks into one observation and notes what lasts.
func (r *Observer) Observe(ctx context.Context, locals []model.Look, s Surroundings) model.Observation {
	r.Begin()
	now := state.Now()
	o := r.unlooked(locals, s)
	o.SwitchoverWait = r.Memory.SwitchoverWait(now)
	r.seeGap(&o, now)
	r.seePeers(ctx, &o, s)
	r.seeVRRP(&o, s, now)
	r.seePairs(&o, o.VIPHere, now)
	r.SeeDataAge(&o, o.VIPHere, now)
	r.noteLasting(&o, now)
	r.seeAble(&o, now)
	o.Fence = r.SeeFence(&o, now)
	r.seeUnconfirmed(&o, now)
	r.seeTakenOver(&o, now)
	for _, l := range locals {
		if o.Replication() && l.Info != nil && l.State.Alive() && r.Memory.Unwritten.Has(l.Instance.Name()) {
			o.Unwritten = append(o.Unwritten, l.Instance)
		}
	}
	var switchovers session.Switchovers
	r.Store.Peek(r.Store.Durable, session.SwitchoverFile, &switchovers)
	for _, m := range switchovers.Open {
		o.Unfinished = append(o.Unfinished, model.Unfinished{From: m.From, To: m.To, Wait: m.Wait(now)})
	}
	if o.Fence == nil {
		r.seeLeftStopped(ctx, &o, now)
	}
	return o
}

// seeLeftStopped finds the local instances that were left with writes stopped: nobody is at work there, as far as this host knows.
func (r *Observer) seeLeftStopped(ctx context.Context, o *model.Observation, now state.Stamp) {
	o.LeftStopped = slices.DeleteFunc(r.leftStopped(ctx, o.Locals, now), func(i model.Instance) bool {
		return o.InDoubt(i) || r.keeping(o, i) || r.Memory.IsGuarded(i)
	})
	// Where no witness has ever answered, nobody can say that this host is the one cut off.
	alone := len(o.LeftStopped) > 0 && !o.PeerAlive() && (o.Heard() || o.Witness.Answers || !o.Witness.Counts)
	o.LeftAlone = r.Memory.Stretches.Note(session.LeftAlone, "", alone, now)
}

// leftStoppedAfter is longer than any switchover that a peer may have under way on our instance.
const leftStoppedAfter = 3 * time.Second

// leftStopped finds local instances that a switchover or a fence left with writes stopped. INFO shows for free whether a
// min-slaves-to-write is in force at all.
func (r *Observer) leftStopped(ctx context.Context, locals []model.Look, now state.Stamp) []model.Instance {
	var out []model.Instance
	for _, l := range locals {
		stopped := false
		if l.Info != nil && l.Info.MinReplicas {
			c := r.Conn(l.Instance)
			rule, err := c.WriteRule(ctx)
			c.Close()
			stopped = err == nil && rule.Replicas == redis.StopWrites
		}
		if a := r.Memory.Stretches.Note(session.WritesStopped, l.Instance.Name(), stopped, now); a.Looks >= 2 && a.For >= leftStoppedAfter {
			out = append(out, l.Instance)
		}
	}
	return out
}

// keeping: writes on a local instance are stopped because its data set is being kept aside.
func (r *Observer) keeping(o *model.Observation, i model.Instance) bool {
	l, ok := o.Local(i)
	return ok && r.Memory.Saving[i.Name()] && o.Replication() && model.Overruled(o, l)
}

// seePeers keeps the list of peers up to date and looks at those that it did not know.
func (r *Observer) seePeers(ctx context.Context, o *model.Observation, s Surroundings) {
	view := o.View()
	if view == nil {
		return
	}
	var now, missing []netip.AddrPort
	for _, n := range view {
		if n.Addr.IsValid() && !s.Own[n.Addr.Addr()] && !n.Myself && !n.Unknown {
			now = append(now, n.Addr)
		}
	}
	slices.SortFunc(now, netip.AddrPort.Compare)
	var keep []model.Look
	for _, a := range now {
		if i := slices.IndexFunc(o.Peers, func(l model.Look) bool { return l.Instance.Addr == a }); i >= 0 {
			keep = append(keep, o.Peers[i])
		} else {
			missing = append(missing, a)
		}
	}
	changed := len(missing) > 0 || len(keep) != len(o.Peers)
	if len(missing) > 0 {
		found := r.LookAtPeers(ctx, missing)
		proveNothing(found, s.asked)
		keep = append(keep, found...)
	}
	o.Peers = keep
	if changed && len(now) > 0 {
		r.Store.Later(r.Store.Durable, session.PeersFile, now)
	}
}

// seeVRRP finds the state to act on.
func (r *Observer) seeVRRP(o *model.Observation, s Surroundings, now state.Stamp) {
	f := vrrp.Facts{VIPKnown: len(s.VIPs) > 0, Held: vrrp.Held(s.VIPs, s.Own)}
	f.Keepalived, o.KeepalivedLives = vrrp.Parent(r.Caller)
	var rec vrrp.Record
	if r.Store.Peek(r.Store.Run, vrrp.RecordFile, &rec) && rec.At.Boot == now.Boot {
		f.Record = &rec
	}
	switch {
	case !f.Held:
		r.Memory.HeldSince = nil
	case r.Memory.HeldSince == nil || r.Memory.HeldSince.Boot != now.Boot:
		r.Memory.HeldSince = &now
	}
	if f.Held {
		o.HeldFor, f.Since = now.Since(*r.Memory.HeldSince), r.Memory.HeldSince.Mono
	}
	o.State, o.Why = vrrp.Effective(f)
	if !f.VIPKnown && r.Event != nil && o.KeepalivedLives {
		o.State, o.Why = r.Event.State, model.Clause{Action: model.Keep, Reason: reason.HookIsBelieved}
	}
}

// noteLasting counts the looks in which hosts, instances or everything was silent, and those in which an instance was busy.
func (r *Observer) noteLasting(o *model.Observation, now state.Stamp) {
	m := r.Memory.Stretches
	for _, p := range o.Peers {
		a := p.Instance.Addr
		o.Hosts[a.Addr()] = model.Stretch{}
		bad := !p.State.Serves() || p.Role() == model.Replica && !o.Replication() && Followed(o, a)
		o.Instances[a] = m.Note(session.NotServing, a.String(), bad, now)
	}
	r.noteBusy(o, now)
	for _, l := range o.Locals {
		if hangs := l.State == model.Stalled || l.State == model.Silent; o.Restarts.HungAfter > 0 && l.State != model.Unseen {
			o.HungFor[l.Instance] = m.Note(session.Hung, l.Instance.Name(), hangs, now).For
		}
	}
	for host := range o.Hosts {
		o.Hosts[host] = m.Note(session.HostSilent, host.String(), o.HostSilent(host), now)
	}
	o.Alone = m.Note(session.CutOff, "", o.CutOff(), now)
	gone := m.Note(session.PeersGone, "", o.PeersSilent() && o.Witness.Answers, now)
	switch {
	case o.Heard():
		r.Memory.LongGone = false
	case gone.For >= o.Times.ColdStartWait && gone.Looks > 0:
		r.Memory.LongGone = true
	}
	o.LongGone = r.Memory.LongGone
}

// Followed: a replica of this host has this address for its master.
func Followed(o *model.Observation, a netip.AddrPort) bool {
	return slices.ContainsFunc(o.Locals, func(l model.Look) bool {
		_, master, _, found := o.MasterOf(l)
		return l.Role() == model.Replica && found && master == a
	})
}

// SeeFence reads the fence and notes since when a peer's host answers, and since when its Redis does not.
func (r *Observer) SeeFence(o *model.Observation, now state.Stamp) *model.FenceView {
	var f session.FenceRecord
	if !r.Store.Peek(r.Store.Durable, session.FenceFile, &f) {
		return nil
	}
	if f.Lifted != nil {
		if d := now.Since(*f.Lifted); d < r.Config.Times.ColdStartWait {
			o.Severed = r.Memory.Severed
		}
		return nil
	}
	before := session.Text(f)
	unanswered := !o.PeerAlive() && (o.Heard() || o.Witness.Answers)
	f.HeardSince = since(f.HeardSince, o.Heard(), now)
	f.UnansweredSince = since(f.UnansweredSince, unanswered, now)
	if session.Text(f) != before {
		r.Store.Later(r.Store.Durable, session.FenceFile, f)
	}
	v := &model.FenceView{For: now.Since(f.Since), Stopped: f.Stopped, Scripts: f.Scripts, HoldOff: f.HoldOff(r.Config.Times.HoldOff)}
	if f.HeardSince != nil {
		v.HeardFor = now.Since(*f.HeardSince)
	}
	if f.UnansweredSince != nil {
		v.UnansweredFor = now.Since(*f.UnansweredSince)
	}
	return v
}

// since keeps the begin of a stretch that goes on. A stretch of an earlier boot does not count.
func since(s *state.Stamp, goesOn bool, now state.Stamp) *state.Stamp {
	switch {
	case !goesOn:
		return nil
	case s == nil || s.Boot != now.Boot:
		return &now
	}
	return s
}
