package observe

import (
	"context"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/redis"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

const (
	// abandonedFor is how long the VIP answers nowhere before a host takes it that would leave it to a better one: longer than keepalived needs
	// to move it with whole seconds between adverts, after the old holder has said that it leaves.
	abandonedFor = 3 * time.Second
	// abandonedRetry is how long a host keeps a VIP that it took so, before it stands back again to see whether the better one takes it now.
	abandonedRetry = 10 * time.Minute
)

// TakesAbandoned tells whether this host must be healthy although another one could serve more: nobody has the VIP. keepalived is dead there,
// say. worse is that other reason to stand back; without it what was noted is forgotten.
func (r *Observer) TakesAbandoned(ctx context.Context, o *model.Observation, worse bool) bool {
	r.Begin()
	m, now := r.Memory, state.Now()
	if !worse && !m.Stretches.Lasts(session.VIPNowhere, "") && m.TookVIP == nil {
		return false
	}
	nowhere := worse && !o.VIPHere && len(o.VIPs) > 0 && !answers(ctx, o)
	a := m.Stretches.Note(session.VIPNowhere, "", nowhere, now)
	switch {
	case m.TookVIP != nil && (!worse || m.TookVIP.Boot != now.Boot || now.Since(*m.TookVIP) >= abandonedRetry || !o.VIPHere && !nowhere):
		m.TookVIP = nil
	case m.TookVIP == nil && a.Looks >= 2 && a.For >= abandonedFor:
		m.TookVIP = &now
	}
	return m.TookVIP != nil
}

// answers: the VIP answers an ICMP echo, or a connection to the port of a peer; a refusal is an answer. What could not be asked has
// answered.
func answers(ctx context.Context, o *model.Observation) bool {
	if d, ok := ctx.Deadline(); ok && time.Until(d) < 2*witnessTimeout {
		return true
	}
	survey := redis.NewSurvey(ctx)
	var asked []*question
	for _, vip := range o.VIPs {
		q := &question{to: vip}
		ask(ctx, survey, witnessTimeout, q)
		if asked = append(asked, q); len(o.Peers) > 0 {
			q = &question{to: vip}
			askPort(ctx, survey, o.Peers[0].Instance.Addr.Port(), q)
			asked = append(asked, q)
		}
	}
	survey.Run()
	for _, q := range asked {
		if q.answered || q.unasked() != nil {
			return true
		}
	}
	return false
}
