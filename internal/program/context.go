package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

var (
	// ErrDeadline is the cause of a context whose time is up.
	ErrDeadline = errors.New("deadline reached")
	// ErrSignalled is the cause of a context that SIGTERM or SIGINT ended; the cause's text names the signal.
	ErrSignalled = errors.New("ended by a signal")
)

// Context is the context of one run. It ends at the deadline (counted from now; zero or less means none) and on SIGTERM
// or SIGINT; context.Cause then wraps ErrDeadline or ErrSignalled. From the first of these signals on the program must
// end by itself: the signals no longer kill it until stop is called. A signal that came before that is still the cause. stop may be
// called more than once.
func Context(deadline time.Duration) (ctx context.Context, stop func()) {
	parent, free := context.Background(), context.CancelFunc(func() {})
	if deadline > 0 {
		parent, free = context.WithTimeoutCause(parent, deadline, ErrDeadline)
	}
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case s, came := <-signals:
			if came {
				cancel(fmt.Errorf("%w: %s", ErrSignalled, signalName(s)))
			}
		case <-ctx.Done():
		}
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals) // nobody sends any more
		close(signals)
		<-ended
		cancel(context.Canceled)
		free()
	})
}

func signalName(s os.Signal) string {
	if s == syscall.SIGINT {
		return "SIGINT"
	}
	return "SIGTERM"
}
