package loop

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"keepalived-redis/internal/config"
	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/testing/fixture"
)

// TestSocketsAreTwoInstances: instances behind unix sockets have no address, and each is known by its name.
func TestSocketsAreTwoInstances(t *testing.T) {
	o := fixture.Cluster()
	for i := range o.Locals {
		o.Locals[i].Instance = model.Instance{Socket: fmt.Sprintf("/run/redis/%d.sock", i)}
	}
	o.Unconfirmed = []model.Instance{o.Locals[1].Instance}
	if p := decide.Decide(o); !slices.Contains(p.Steps, model.Step{Do: model.Refuse, Instance: model.Instance{Socket: "/run/redis/1.sock"}}) || strings.Contains(reason.Lines(p.Clauses), "invalid") {
		t.Errorf("%v: %s", p.Steps, reason.Lines(p.Clauses))
	}
	r := reconciler(t)
	r.Config.Instances = []config.Instance{{Socket: "/run/redis/0.sock"}, {Socket: "/run/redis/1.sock"}}
	for i, in := range r.Config.Instances {
		if got := r.Target(redis.TargetOf(in).Instance); got.Socket != in.Socket {
			t.Errorf("instance %d is asked at %q", i, got.Socket)
		}
	}
}
