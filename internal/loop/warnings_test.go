package loop

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"keepalived-redis/internal/decide"
	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/testing/redistest"
	"keepalived-redis/internal/testing/sessiontest"
)

// A warning is logged once while it lasts, also across runs, and again when it comes back.
func TestAWarningIsSaidOnce(t *testing.T) {
	r := reconciler(t)
	var out bytes.Buffer
	log := zerolog.New(&out)
	r.Log = &log
	a, b := model.Clause{Action: model.Warn, Reason: reason.VIPStale}, model.Clause{Action: model.Warn, Reason: reason.SlotsUnserved, Count: 7}
	for _, w := range [][]model.Clause{{a}, {a, b}, {a, b}, {b}, nil, {a}} {
		r.warn(w)
		r.Keep()
		r.Memory = r.Store.LoadMemory()
	}
	if n := strings.Count(out.String(), "\n"); n != 3 {
		t.Errorf("%d lines: %s", n, out.String())
	}
}

// What Redis does with slots in migration when their master is taken over: they stay open at the other end, and we say so.
func TestSlotsInMigrationAtATakeover(t *testing.T) {
	t.Parallel()
	c := redistest.Cluster(t, 3)
	from, to := c[0], c[1]
	source, _ := from.Look().Self()
	target, _ := to.Look().Self()
	to.Do(t, "cluster", "setslot", 7, "importing", source.ID)
	from.Do(t, "cluster", "setslot", 7, "migrating", target.ID)
	o := sessiontest.Looks(c[3:], c[:3])
	if !decide.InMigration(&o, source.ID) || !decide.InMigration(&o, target.ID) || decide.InMigration(&o, "another") {
		t.Errorf("the slots on their way are not seen: %+v", o.Peers[0].Nodes)
	}
	from.Kill()
	r := reconciler(t, c[3])
	if err := r.Apply(sessiontest.Within(t, 5*time.Second), o, model.Plan{Steps: []model.Step{{Do: model.Takeover, Instance: model.At(c[3].Addr)}}}); err != nil {
		t.Fatal(err)
	}
	if self, _ := to.Look().Self(); len(self.Open) != 1 || self.Open[0] != (model.OpenSlot{Slot: 7, Importing: true, Other: source.ID}) {
		t.Errorf("at the other end: %+v", self.Open)
	}
	if self, _ := c[3].Look().Self(); len(self.Open) != 0 || len(self.Slots) != 1 {
		t.Errorf("at the new master: %+v", self)
	}
}

func TestANodeTimeoutShorterThanVRRP(t *testing.T) {
	s := redistest.Start(t, "cluster-enabled yes", "cluster-node-timeout 3000")
	for conf, want := range map[string]bool{
		"vrrp_instance VI_1 {\n advert_int 1\n}\n":   true,
		"vrrp_instance VI_1 {\n advert_int 0.1\n}\n": false,
		"vrrp_instance VI_1 {\n}\n":                  true, // keepalived's own is 1 s
		"":                                           false,
	} {
		r := reconciler(t, s)
		var out bytes.Buffer
		log := zerolog.New(&out)
		r.Log, r.Config.KeepalivedConf = &log, r.Store.Run.Path("keepalived.conf")
		if err := r.Store.Run.StoreBytes("keepalived.conf", []byte(conf)); err != nil {
			t.Fatal(err)
		}
		r.WarnOfTimeout(sessiontest.Within(t, 5*time.Second), sessiontest.Looks([]*redistest.Server{s}, nil))
		if got := strings.Contains(out.String(), string(reason.TimeoutShort)); got != want {
			t.Errorf("%q: %s", conf, out.String())
		}
	}
}
