package lab

import (
	"context"
	"time"

	"keepalived-redis/lab/host"
)

const (
	// standsFor is how long a host stands still: longer than the other one needs to take everything over.
	standsFor = 5 * time.Second
	// wakesWithin is by when all must be whole after the wake-up.
	wakesWithin = 10 * time.Second
	// wakeBound is how long a host that wakes may acknowledge writes of its own: its check is overdue, runs at once, and refuses writes first.
	wakeBound = 100 * time.Millisecond
)

var hostStandsStill = standing("host-stands-still", "redis1",
	"everything on the host with the VIP stands still (SIGSTOP) for 5 s, as a virtual machine that is paused; it has the higher VRRP priority")

var hostStandsStillLower = standing("host-stands-still-lower", "redis2", "the same with the lower VRRP priority")

func standing(name, holder, about string) Scenario {
	return Scenario{
		Name: name, About: about, Holder: holder,
		Layout:  AllMastersOnRedis1,
		Cut:     true,
		Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
		Settles: true,
		Must:    all(vipMoves, nothingLostButAtWakeUp, wholeWithin(wakesWithin)),
		Steps: func(ctx context.Context, r *Run) (err error) {
			if err := r.AwaitMasters(ctx, 2*startWait, r.Holder.Instances()...); err != nil {
				return err
			}
			if r.Fault, err = r.Holder.StandStill(ctx); err != nil {
				return err
			}
			if err := r.Steady(ctx, standsFor); err != nil {
				return err
			}
			r.Healed, err = r.Holder.WakeUp(ctx)
			return err
		},
	}
}

// nothingLostButAtWakeUp: what anybody got acknowledged from the fault on is there, but for what the host that woke took before it knew that
// it had been taken over.
func nothingLostButAtWakeUp(o Outcome) []string {
	sources := append(o.clients(), o.insiders()...)
	woke, knows := o.Recorded.Heal, o.Recorded.Heal.Add(o.within(wakeBound))
	last := woke
	allowed := o.lost(sources, func(at host.Mono) bool { return at >= woke && at <= knows })
	lost := o.lost(sources, func(at host.Mono) bool {
		last = max(last, at)
		return at > o.Recorded.Fault.Add(onItsWay) && (at < woke || at > knows)
	})
	o.Run.Extra["lost_at_wake_up"] = allowed
	o.Run.Extra["lost_until_ms"] = ms(last.Sub(woke))
	return append(when(lost > 0, "%d writes are lost that were not acknowledged within %s of the wake-up", lost, knows.Sub(woke)),
		when(o.Result.Unread > 0, "%d acknowledged writes could not be read back", o.Result.Unread)...)
}
