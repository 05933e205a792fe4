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

// oldScripts is what the first users ran before: two of the three masters are on the box that is met.
func oldScripts(ctx context.Context, opts lab.Options) (*contestant, error) {
	opts.Setup = lab.OldScripts
	return pair(ctx, opts, lab.Scenario{Name: "race"})
}

// pair is the lab's pair with keepalived. A planned move is a stop of keepalived on the box with the VIP.
func pair(ctx context.Context, opts lab.Options, s lab.Scenario) (*contestant, error) {
	r, err := lab.Start(ctx, s, opts)
	c := &contestant{Run: r}
	if err != nil {
		return c, err
	}
	c.victim, c.port, c.heirs = r.Redis1, r.Redis1.Ports[0], r.Redis2.Instances()
	c.move = func(ctx context.Context) (host.Mono, error) { return r.Redis1.StopKeepalived(ctx) }
	return c, nil
}
