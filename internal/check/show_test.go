package check

import (
	"context"
	"errors"
	"testing"
	"time"
)

// What hangs beside the verdict costs its wait at most, and less where the run is nearly over.
func TestInTime(t *testing.T) {
	late, failed := errors.New("late"), errors.New("failed")
	hang := make(chan struct{})
	defer close(hang)
	hangs := func() error { <-hang; return nil }
	ended, end := context.WithCancel(context.Background())
	end()
	soon, cancel := context.WithTimeout(context.Background(), metricsRoom+10*time.Millisecond)
	defer cancel()
	over, cancel := context.WithTimeout(context.Background(), metricsRoom)
	defer cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		do   func() error
		wait time.Duration
		want error
	}{
		"it is done":        {context.Background(), func() error { return nil }, time.Minute, nil},
		"it fails":          {context.Background(), func() error { return failed }, time.Minute, failed},
		"it hangs":          {context.Background(), hangs, time.Millisecond, late},
		"the run was ended": {ended, hangs, time.Minute, late},
		"the run ends soon": {soon, hangs, time.Minute, late},
		"the run is over":   {over, func() error { t.Error("was begun"); return nil }, time.Minute, late},
	} {
		if got := inTime(c.ctx, c.wait, c.do, late); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
