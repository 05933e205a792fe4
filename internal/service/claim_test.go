package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"keepalived-redis/internal/config"
)

// tenant is a second instance in the directory of b, with the lines on top.
func (b *host) tenant(lines ...string) *host {
	b.t.Helper()
	o := newHost(b.t, append([]string{"dir " + b.dir}, lines...)...)
	o.manager.run, o.manager.durable = b.manager.run, b.manager.durable
	all := []config.Instance{b.instance, o.instance}
	b.manager.instances, o.manager.instances = all, all
	return o
}

func TestSecondServerOnOneDataDirectory(t *testing.T) {
	b := newHost(t)
	b.start()
	o := b.tenant()
	err := o.manager.Start(context.Background(), o.instance)
	want := fmt.Sprintf("redis-server (pid %d) works in %s with files of the same names; hint: ", b.status(Running).PID, b.dir)
	if !errors.Is(err, ErrShared) || !strings.Contains(err.Error(), want) {
		t.Errorf("error = %v, want %s", err, want)
	}
	o.status(Dead)
	// A server that no configuration of ours names could have any files.
	o.manager.instances = nil
	o.write("port "+fmt.Sprint(o.instance.Port), "dir "+b.dir, "dbfilename other.rdb")
	if err := o.manager.Start(context.Background(), o.instance); !errors.Is(err, ErrShared) {
		t.Errorf("beside another user: %v", err)
	}
}

func TestTwoInstancesInOneDirectoryThatKeepApart(t *testing.T) {
	b := newHost(t, "appendonly yes", "cluster-enabled yes", "cluster-config-file a.conf", "dbfilename a.rdb", "appendfilename a.aof")
	b.start()
	for _, lines := range [][]string{
		{"appendonly yes", "cluster-enabled yes", "cluster-config-file a.conf", "dbfilename b.rdb", "appendfilename b.aof"},
		{"appendonly yes", "dbfilename b.rdb", "appendfilename a.aof"},
		{"dbfilename a.rdb"},
	} {
		o := b.tenant(lines...)
		if err := o.manager.Start(context.Background(), o.instance); !errors.Is(err, ErrShared) {
			t.Errorf("%v: error = %v", lines, err)
		}
	}
	o := b.tenant("dbfilename b.rdb", "appendfilename b.aof", "logfile b.log")
	o.start()
	o.status(Running)
}

// Both are dead and are started at once, as a check does that restarts them.
func TestTwoStartsOnOneDataDirectory(t *testing.T) {
	b := newHost(t)
	o := b.tenant()
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, x := range []*host{b, o} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			errs[i] = x.manager.Start(context.Background(), x.instance)
		}()
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("want one to start: %v, %v", errs[0], errs[1])
	}
	if n := len(b.servers()) + len(o.servers()); n != 1 {
		t.Errorf("%d servers", n)
	}
}

// The other start does not come to an end.
func TestStartWaitsForAnotherInTheSameDirectory(t *testing.T) {
	b := newHost(t)
	release, err := b.manager.claim(context.Background(), b.manager.target(b.instance), "/")
	if err != nil {
		t.Fatal(err)
	}
	o := b.tenant()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := o.manager.Start(ctx, o.instance); !errors.Is(err, ErrShared) || !strings.Contains(err.Error(), "another server is being started in "+b.dir) {
		t.Errorf("error = %v", err)
	}
	release()
	o.start()
	// A directory that is missing is redis-server's to complain of.
	gone := newHost(t, "dir "+b.dir+"/gone")
	if err := gone.manager.Start(context.Background(), gone.instance); err == nil || errors.Is(err, ErrShared) {
		t.Errorf("error = %v", err)
	}
	if err := os.RemoveAll(b.dir + "/gone"); err != nil {
		t.Fatal(err)
	}
}
