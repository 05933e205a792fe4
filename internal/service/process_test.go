package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"keepalived-redis/internal/procfs"
)

// bothWays runs a test for a server that goes into the background and for one that does not.
func bothWays(t *testing.T, test func(t *testing.T, b *host)) {
	for _, daemonize := range []string{"yes", "no"} {
		t.Run("daemonize "+daemonize, func(t *testing.T) {
			t.Parallel()
			test(t, newHost(t, "daemonize "+daemonize))
		})
	}
}

func TestStartStop(t *testing.T) {
	bothWays(t, func(t *testing.T, b *host) {
		if s := b.status(Dead); s.StalePIDFile != "" {
			t.Errorf("a stale pid file %q before the first start", s.StalePIDFile)
		}
		b.start()
		if got := b.ping(); got != "+PONG\r\n" {
			t.Errorf("PING: %q", got)
		}
		first := b.status(Running).PID
		b.start()
		if again := b.status(Running).PID; again != first {
			t.Errorf("a second start made pid %d of %d", again, first)
		}
		if err := b.manager.Stop(context.Background(), b.instance, false); err != nil {
			t.Fatal(err)
		}
		b.status(Dead)
		if left := b.servers(); len(left) != 0 {
			t.Errorf("left after stop: %v", left)
		}
		if err := b.manager.Stop(context.Background(), b.instance, false); err != nil {
			t.Errorf("stop of a stopped instance: %v", err)
		}
	})
}

func TestStopByHand(t *testing.T) {
	b := newHost(t)
	b.start()
	if err := b.manager.Stop(context.Background(), b.instance, true); err != nil {
		t.Fatal(err)
	}
	if s := b.status(Stopped); !strings.HasPrefix(s.Reason, "stopped by hand at 20") {
		t.Errorf("reason = %q", s.Reason)
	}
	// A stop by a program leaves what a person said.
	if err := b.manager.Stop(context.Background(), b.instance, false); err != nil {
		t.Fatal(err)
	}
	b.status(Stopped)
	b.start()
	b.status(Running)
	if err := b.manager.Kill(context.Background(), b.instance); err != nil {
		t.Fatal(err)
	}
	b.status(Dead)
	// Stopping what has died is deliberate as well.
	if err := b.manager.Stop(context.Background(), b.instance, true); err != nil {
		t.Fatal(err)
	}
	if s := b.status(Stopped); s.StalePIDFile != "" {
		t.Errorf("stop left the stale pid file %s", s.StalePIDFile)
	}
}

func TestKill(t *testing.T) {
	bothWays(t, func(t *testing.T, b *host) {
		if err := b.manager.Kill(context.Background(), b.instance); err != nil {
			t.Errorf("kill of an instance that does not run: %v", err)
		}
		b.start()
		// A stopped process takes no SIGTERM: this is the hung server.
		pid := b.status(Running).PID
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		err := b.manager.Stop(ctx, b.instance, false)
		if !errors.Is(err, ErrStillRuns) || !strings.Contains(fmt.Sprint(err), strconv.Itoa(pid)) {
			t.Errorf("stop of a hung server: %v", err)
		}
		b.status(Running)
		if err := b.manager.Kill(context.Background(), b.instance); err != nil {
			t.Fatal(err)
		}
		if s := b.status(Dead); s.StalePIDFile != b.pidFile() {
			t.Errorf("stale pid file = %q after a kill, want %s", s.StalePIDFile, b.pidFile())
		}
		b.start()
		b.status(Running)
	})
}

func TestConcurrentStartsMakeOneServer(t *testing.T) {
	bothWays(t, func(t *testing.T, b *host) {
		var wg sync.WaitGroup
		errs := make(chan error, 20)
		for range 20 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				errs <- b.manager.Start(context.Background(), b.instance)
			}()
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		if got := b.servers(); len(got) != 1 {
			t.Errorf("servers: %v", got)
		}
		if log, err := os.ReadFile(filepath.Join(b.dir, "redis.log")); err != nil || strings.Count(string(log), "Server initialized") != 1 {
			t.Errorf("the server did not start exactly once: %v\n%s", err, log)
		}
		b.status(Running)
	})
}

func TestConcurrentStartsAndStops(t *testing.T) {
	b := newHost(t)
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var err error
			if n%2 == 0 {
				err = b.manager.Start(context.Background(), b.instance)
			} else {
				err = b.manager.Stop(context.Background(), b.instance, true)
			}
			if err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	s := b.manager.Status(context.Background(), b.instance)
	left := b.servers()
	switch {
	case s.Status == Running && len(left) == 1 && left[0] == s.PID && procfs.ReadPIDFile(b.pidFile()) == s.PID:
	case s.Status == Stopped && len(left) == 0 && procfs.ReadPIDFile(b.pidFile()) == 0:
	default:
		t.Errorf("status %d %q, pid %d, servers %v, pid file %d", s.Status, s.Reason, s.PID, left, procfs.ReadPIDFile(b.pidFile()))
	}
}
