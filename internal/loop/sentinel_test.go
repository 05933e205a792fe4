package loop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// sentinel runs a Sentinel that watches a master, until the test ends.
func sentinel(t *testing.T, master *redistest.Server) {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\nsentinel monitor m 127.0.0.1 %d 1\nsentinel down-after-milliseconds m 60000\n", redistest.FreePort(t), master.Addr.Port())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("redis-server", conf, "--sentinel")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// What a Sentinel manages is left to it, and nobody is asked about it who has no subscriber.
func TestASentinelIsFound(t *testing.T) {
	s := redistest.Start(t)
	r := reconciler(t, s)
	ours := func(o model.Observation) model.Plan {
		if o.Sentinel[o.Locals[0].Instance] {
			return model.Plan{}
		}
		return model.Plan{Steps: []model.Step{{Do: model.Promote, Instance: model.At(s.Addr)}}}
	}
	o := sessiontest.Looks([]*redistest.Server{s}, nil)
	if o.Locals[0].Info.Channels || len(r.decide(sessiontest.Within(t, 5*time.Second), &o, ours).Steps) == 0 {
		t.Fatal("a Sentinel was found before there was one")
	}
	sentinel(t, s)
	redistest.Await(t, "it is subscribed", func() bool { return s.Look().Info.Channels })
	o = sessiontest.Looks([]*redistest.Server{s}, nil)
	if p := r.decide(sessiontest.Within(t, 5*time.Second), &o, ours); len(p.Steps) > 0 {
		t.Errorf("decided %+v", p)
	}
}

// A client that subscribes to a channel of its own is no Sentinel.
func TestAChannelIsNoSentinel(t *testing.T) {
	s := redistest.Start(t)
	cmd := exec.Command("redis-cli", "-p", fmt.Sprint(s.Addr.Port()), "subscribe", "news")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	redistest.Await(t, "it is subscribed", func() bool { return s.Look().Info.Channels })
	o := sessiontest.Looks([]*redistest.Server{s}, nil)
	plan := model.Plan{Steps: []model.Step{{Do: model.Promote, Instance: model.At(s.Addr)}}}
	if got := reconciler(t, s).decide(sessiontest.Within(t, 5*time.Second), &o, func(model.Observation) model.Plan { return plan }); len(got.Steps) != 1 || len(o.Sentinel) > 0 {
		t.Errorf("decided %+v, Sentinels %v", got, o.Sentinel)
	}
}
