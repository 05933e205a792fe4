package failover

import (
	"context"
	"errors"
	"fmt"

	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/state"
)

// ErrNothingForced: there was nothing that force could change.
var ErrNothingForced = errors.New("nothing was promoted")

// Force carries out what a person forces, once. It returns the sentence.
func (r *Reconciler) Force(ctx context.Context) (string, error) {
	r.begin()
	if !r.DryRun {
		unlock, err := lock(ctx, r.store.run, actLock)
		if err != nil {
			return "", fmt.Errorf("promote by force: %w", err)
		}
		defer unlock()
		r.memory = nil // whoever acted until now has written down more than we have read
	}
	o, err := r.Look(ctx)
	if err != nil {
		return "", err
	}
	plan := r.decide(ctx, &o, decide.DecideForced)
	if r.DryRun {
		return plan.Sentence, nil
	}
	r.Log.Warn().Msg(plan.Sentence)
	r.memory.PeerAnswered = true // a master here is used without waiting for its peer any longer
	r.memory.confirm(o.Locals, state.Now())
	err = r.apply(ctx, o, plan)
	r.store.saveMemory(r.memory)
	if err == nil && len(plan.Steps) == 0 {
		err = ErrNothingForced
	}
	return plan.Sentence, err
}
