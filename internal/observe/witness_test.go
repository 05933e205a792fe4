package observe

import (
	"net/netip"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/testing/sessiontest"
)

func TestWitnessAnswersOnLoopback(t *testing.T) {
	ctx := sessiontest.Within(t, time.Second)
	for _, a := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1"} {
		survey, q := redis.NewSurvey(ctx), question{to: netip.MustParseAddr(a)}
		ask(ctx, survey, witnessTimeout, &q)
		if survey.Run(); !q.answered || q.unasked() != nil {
			t.Errorf("%s does not answer as a witness", a)
		}
	}
}

// Whoever may not ask by ICMP dials: a refusal is an answer, silence is none.
func TestWitnessIsDialled(t *testing.T) {
	ctx := sessiontest.Within(t, time.Second)
	for a, want := range map[string]bool{"127.0.0.1": true, "::1": true, "255.255.255.255": false} {
		survey, q := redis.NewSurvey(ctx), question{to: netip.MustParseAddr(a)}
		askPort(ctx, survey, 80, &q)
		if survey.Run(); q.answered != want {
			t.Errorf("%s: answered is %v, want %v", a, q.answered, want)
		}
	}
}

// asked is what the witnesses of r say.
func asked(t *testing.T, r *Observer) model.Witness {
	ctx := sessiontest.Within(t, time.Second)
	survey := redis.NewSurvey(ctx)
	heard := r.askWitness(ctx, survey, nil, nil)
	survey.Run()
	return heard()
}

// A host that loses its carrier may lose its routes as well. It must still find out that it is cut off.
func TestTheWitnessOutlivesTheRoute(t *testing.T) {
	old := gateway
	t.Cleanup(func() { gateway = old })
	gateway = func() (netip.Addr, bool) { return netip.Addr{}, false }
	r := observer(t)
	if w := asked(t, r); w.Counts || w.Name != "" {
		t.Errorf("without a route and a past there is a witness: %+v", w)
	}
	// Nothing can be sent to this address.
	r.Store.Save(r.Store.Durable, session.WitnessFile, map[string]bool{"255.255.255.255": true, "not an address": true})
	if w := asked(t, r); !w.Counts || w.Answers || w.Name != "255.255.255.255" {
		t.Errorf("got %+v", w)
	}
}
