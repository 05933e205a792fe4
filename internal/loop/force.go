package loop

import (
	"context"
	"errors"
	"fmt"

	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/session"
	"keepalived-redis/internal/state"
)

// ErrNothingForced: there was nothing that force could change.
var ErrNothingForced = errors.New("nothing was promoted")

// Force carries out what a person forces, once. It returns what was decided.
func (r *Reconciler) Force(ctx context.Context) ([]model.Clause, error) {
	r.Begin()
	if !r.DryRun {
		unlock, err := session.Lock(ctx, r.Store.Run, session.ActLock)
		if err != nil {
			return nil, fmt.Errorf("promote by force: %w", err)
		}
		defer unlock()
		r.Memory = nil // whoever acted until now has written down more than we have read
	}
	o, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	plan := r.decide(ctx, &o, decide.DecideForced)
	if r.DryRun {
		return plan.Clauses, nil
	}
	for _, c := range plan.Clauses {
		r.Log.Warn().Str(program.ReasonField, string(c.Reason)).Msg(reason.Line(c))
	}
	r.Memory.PeerAnswered = true // a master here is used without waiting for its peer any longer
	r.Memory.Confirm(o.Locals, state.Now())
	err = r.Apply(ctx, o, plan)
	r.KeepDeeds(ctx)
	r.Store.SaveMemory(r.Memory)
	if err == nil && len(plan.Steps) == 0 {
		err = ErrNothingForced
	}
	return plan.Clauses, err
}
