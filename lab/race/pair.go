package race

import (
	"context"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
)

// ours is keepalived-redis with one of the shipped files, where advert is not empty with another advert_int.
func ours(files, advert string) func(context.Context, lab.Options) (*contestant, error) {
	return func(ctx context.Context, opts lab.Options) (*contestant, error) {
		opts.Setup, opts.Files, opts.Advert = lab.Ours, files, advert
		return pair(ctx, opts, lab.Scenario{
			Name: "race", Layout: lab.AllMastersOnRedis1, Env: []string{"KEEPALIVED_REDIS_POLICY=follow"},
		})
	}
}

// oldScripts is what the first users ran before: two of the three masters are on the host that is met.
func oldScripts(ctx context.Context, opts lab.Options) (*contestant, error) {
	opts.Setup = lab.OldScripts
	c, err := pair(ctx, opts, lab.Scenario{Name: "race"})
	if err != nil {
		return c, err
	}
	// They restart Redis whenever keepalived starts, on a busy machine some time later. A fault in the middle of that would not be fair.
	if err := await(ctx, "the old scripts to have restarted Redis", startWait, func() string { return notRestarted(c.Lab) }); err != nil {
		return c, err
	}
	return c, c.AwaitLinked(ctx, createWait)
}

// notRestarted says which instance has not been down since keepalived was started on its host, or nothing.
func notRestarted(l *lab.Lab) string {
	began, down := map[string]bool{}, map[string]bool{}
	for _, e := range l.Timeline.Events() {
		switch {
		case e.Kind == lab.KindStep:
			began[e.Text] = true
		case e.Kind == host.EventRole && e.Text == "down" && began["start keepalived on "+e.Host]:
			down[e.Addr] = true
		}
	}
	for _, b := range l.Hosts() {
		for _, a := range b.Instances() {
			if !down[a] {
				return a + " is not yet restarted"
			}
		}
	}
	return ""
}

// pair is the lab's pair with keepalived. A switchover is a stop of keepalived on the host with the VIP.
func pair(ctx context.Context, opts lab.Options, s lab.Scenario) (*contestant, error) {
	r, err := lab.Start(ctx, s, opts)
	c := &contestant{Run: r}
	if err != nil {
		return c, err
	}
	c.victim, c.port, c.heirs = r.Redis1, r.Redis1.Ports[0], r.Redis2.Instances()
	c.switchover = func(ctx context.Context) (host.Mono, error) { return r.Redis1.StopKeepalived(ctx) }
	return c, nil
}
