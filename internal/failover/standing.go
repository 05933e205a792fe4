package failover

import (
	"strings"
	"time"

	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/state"
	"keepalived-redis/internal/vrrp"
)

// Standing is what is known of the data of a local replica in a cluster.
type Standing struct {
	// Unlinked: it has not been linked to a master since this box started, and Waited is how long its master has been missing
	// meanwhile.
	Unlinked bool
	Waited   time.Duration
	// Stale is how long its master was seen alive while the link to it was down.
	Stale time.Duration
}

// lineageMemo is what the runs of this boot know of the lineage file, so that it is read only when something changes.
type lineageMemo struct {
	Boot string `json:"boot"`
	// Held is that of the file, HeldBoot the boot in which it was written; Stale: the staleness of an instance is in it.
	Held     bool   `json:"held,omitempty"`
	HeldBoot string `json:"held_boot,omitempty"`
	Stale    bool   `json:"stale,omitempty"`
	Survivor bool   `json:"survivor,omitempty"`
}

// memo is what there is to know of a lineage without reading it.
func (lin *lineage) memo(now state.Stamp) *lineageMemo {
	return &lineageMemo{Boot: now.Boot, Held: lin.Held, HeldBoot: lin.At.Boot, Stale: len(lin.Stale) > 0, Survivor: lin.Survivor}
}

// seeStanding notes what the decision on a cluster needs to know of the past. Outside a cluster it does nothing. When nothing
// changes it reads and writes no file.
func (r *Reconciler) seeStanding(o *Observation, held bool, now state.Stamp) {
	if o.replication() {
		return
	}
	m := r.memory
	if m.LinkedBoot != now.Boot {
		m.LinkedBoot, m.LinkedNames = "", "" // without a name nothing is to be kept
	}
	if !held {
		m.Led, m.PulledAt = "", nil
	}
	led := lineageLooks{held: held, stops: r.Event != nil && r.Event.State == vrrp.Stop} // the VIP may still be here then, and no look will see it go
	cluster := false
	for _, l := range o.Locals {
		if absent(l) {
			led.looks = append(led.looks, linkLook{instance: l.Instance, name: l.Instance.Name(), behind: o.passed(l)})
		}
		if l.Info == nil || !l.Info.Cluster {
			continue
		}
		cluster = true
		name := l.Instance.Name()
		self, _ := l.Self()
		master, a, local, _ := o.masterOf(l)
		replica := l.Role() == redis.Replica
		linked := replica && l.Info.LinkUp
		leads := l.Role() == redis.Master && len(self.Slots) > 0
		claims := master.State.Alive() && master.Role() == redis.Master
		if linked || replica && l.Info.WasLinked || leads && l.Info.Replicas > 0 {
			m.LinkedBoot, m.LinkedNames = now.Boot, m.LinkedNames.with(name)
		}
		if linked {
			m.Severed = m.Severed.without(name)
		}
		unlinked := replica && !m.LinkedNames.has(name)
		waited := note(m.Instances, "cold "+name, unlinked && !claims, now)
		if unlinked || replica && !linked && claims {
			o.stand(l.Instance, Standing{Unlinked: unlinked, Waited: waited.For})
		}
		led.leads = led.leads || leads
		led.doubt = led.doubt || leads && !(m.ConfirmedBoot == now.Boot && m.Confirmed.has(name))
		led.cold = led.cold || unlinked
		led.elsewhere = led.elsewhere || linked && !local
		led.looks = append(led.looks, linkLook{instance: l.Instance, name: name, whole: linked || leads && !o.disowned(l), behind: replica && !linked && claims})
		switch {
		case held && leads:
			m.Led = m.Led.with(name)
		case held && replica && m.Led.has(name) && claims && !local && a.IsValid():
			m.Led, m.PulledAt = m.Led.without(name), &now
		}
	}
	r.seeVoteless(o, now)
	if m.PulledAt != nil && now.Since(*m.PulledAt) >= pulledFor {
		m.PulledAt = nil
	}
	o.BothMaster = m.PulledAt != nil
	alone := note(m.Instances, "survivor", led.leads && !led.doubt && o.alone(), now)
	led.survives = alone.Looks >= 2 && (alone.For >= survivorAfter && o.Witness.Answers || alone.For >= o.Times.ColdStartWait)
	if cluster || m.Lineage != nil {
		r.seeLineage(o, led, now)
	}
}

// survivorAfter is how long a box must have led alone before it counts as the only survivor.
const survivorAfter = time.Second

// voteless marks in memory since when a replica has asked for votes in vain.
const voteless = "voteless "

// seeVoteless notes for how long replicas have asked for votes in vain; one whose master is back asks no more.
func (r *Reconciler) seeVoteless(o *Observation, now state.Stamp) {
	for key := range r.memory.Instances {
		name, ok := strings.CutPrefix(key, voteless)
		if !ok {
			continue
		}
		l, _ := o.localNamed(name)
		master, _, _, _ := o.masterOf(l)
		asks := l.Role() == redis.Replica && !(master.State.Serves() && master.Role() == redis.Master)
		if since := note(r.memory.Instances, key, asks, now); asks {
			if o.Voteless == nil {
				o.Voteless = map[redis.Instance]time.Duration{}
			}
			o.Voteless[l.Instance] = since.For
		}
	}
}

// stand notes the standing of a local replica.
func (o *Observation) stand(i redis.Instance, s Standing) {
	if o.Standing == nil {
		o.Standing = map[redis.Instance]Standing{}
	}
	o.Standing[i] = s
}

// lineageLooks is what one look at a cluster says of the lineage.
type lineageLooks struct {
	held, stops bool
	// doubt: a master here is not confirmed. survives: this box leads, every other one is silent, and the witness answers, for some time.
	doubt, survives bool
	// leads: a master with slots is here. cold: a replica here has not been linked since this box started. elsewhere: a replica here is linked to a master on another box.
	leads, cold, elsewhere bool
	looks                  []linkLook
}

// linkLook is one local instance: it is whole while it is linked or leads itself, and behind while its master is seen alive
// without a link to it, also because it is dead or hangs itself.
type linkLook struct {
	instance      redis.Instance
	name          string
	whole, behind bool
}

// seeLineage keeps the durable record of who led last and how stale each replica is.
func (r *Reconciler) seeLineage(o *Observation, led lineageLooks, now state.Stamp) {
	var lin lineage
	memo := r.memory.Lineage
	known := memo != nil && memo.Boot == now.Boot
	if !known {
		r.store.load(r.store.durable, lineageFile, &lin)
		memo = lin.memo(now)
	}
	want := memo.Held
	switch {
	case led.stops:
		want = false
	case led.held && led.leads && !led.cold: // a VIP that has just come to a box that knows nothing says nothing yet
		want = true
	case !led.held && (memo.HeldBoot == now.Boot || led.elsewhere):
		want = false
	}
	survivor := led.survives || memo.Survivor && !o.peerAlive()
	o.Cold.HeldLast, o.Cold.Survivor = want, survivor
	stale := memo.Stale
	for _, l := range led.looks {
		stale = stale || l.behind
	}
	if known && want == memo.Held && survivor == memo.Survivor && !stale && (!want || memo.HeldBoot == now.Boot) {
		return
	}
	if known {
		r.store.load(r.store.durable, lineageFile, &lin)
	}
	before := text(lin)
	lin.Survivor = survivor
	if lin.Held = want; want && led.held {
		if lin.At.Boot != now.Boot {
			lin.At = now
		}
	}
	if lin.Stale == nil {
		lin.Stale = map[string]staleness{}
	}
	for _, l := range led.looks {
		if d := lin.stale(l.name, l.whole, l.behind, now); d > 0 {
			s := o.Standing[l.instance]
			s.Stale = d
			o.stand(l.instance, s)
		}
	}
	if text(lin) != before {
		r.store.save(r.store.durable, lineageFile, lin)
	}
	r.memory.Lineage = lin.memo(now)
}

// nameSet is a set of names as one string, because that costs a check less to read than a list.
type nameSet string

func (s nameSet) has(name string) bool { return strings.Contains(string(s), " "+name+" ") }

func (s nameSet) with(name string) nameSet {
	if s.has(name) {
		return s
	}
	return nameSet(strings.TrimSuffix(string(s), " ") + " " + name + " ")
}

func (s nameSet) without(name string) nameSet {
	return nameSet(strings.Replace(string(s), " "+name+" ", " ", 1))
}
