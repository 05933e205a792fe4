package vrrp

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/testing/golden"
)

func TestParseEvent(t *testing.T) {
	for args, want := range map[string]string{
		"INSTANCE VI_1 MASTER 100": "VI_1 MASTER", "GROUP VG FAULT 0": "VG FAULT", "INSTANCE ../a STOP 1": "../a STOP",
		"INSTANCE VI_1 MASTER": "", "INSTANCE VI_1 SLEEPING 100": "", "HOST VI_1 MASTER 100": "", "INSTANCE VI_1 MASTER many": "",
		"INSTANCE VI_1 MASTER -1": "", "promote": "", "": "", "master": "VI_1 MASTER", "Fault": "VI_1 FAULT",
		"master_rx_lower_pri": "VI_1 MASTER_RX_LOWER_PRI", "INSTANCE VI_1 MASTER_RX_LOWER_PRI 100": "VI_1 MASTER_RX_LOWER_PRI", "rival": "",
		"INSTANCE " + strings.Repeat("x", 10000) + " MASTER 1": "",
	} {
		e, err := ParseEvent(strings.Fields(args), "VI_1")
		if got := strings.TrimSpace(e.String()); want != "" && (got != want || err != nil) || want == "" && err == nil {
			t.Errorf("%.60q: %q, %v; want %q", args, got, err, want)
		}
	}
	if _, err := ParseEvent([]string{"master"}, ""); err == nil || !strings.Contains(err.Error(), "hint:") {
		t.Errorf("master without a name: %v", err)
	}
}

func TestHeldComparesWholeAddresses(t *testing.T) {
	vip := []netip.Addr{netip.MustParseAddr("10.0.0.1")}
	if Held(vip, map[netip.Addr]bool{netip.MustParseAddr("110.0.0.1"): true}) {
		t.Error("110.0.0.1 is taken for 10.0.0.1")
	}
	if !Held(vip, map[netip.Addr]bool{vip[0]: true}) {
		t.Error("the VIP itself is not found")
	}
}

// TestEffective goes through the whole product of what can be seen.
func TestEffective(t *testing.T) {
	ours, earlier := Process{100, 1}, Process{90, 1}
	var got strings.Builder
	for _, ka := range []Process{{}, ours} {
		for _, known := range []bool{false, true} {
			for _, now := range []bool{false, true} {
				for _, rec := range []model.VRRP{model.VRRPNone, model.VRRPMaster, model.VRRPBackup, model.VRRPFault, model.VRRPStop} {
					for _, by := range []Process{ours, earlier} {
						for _, then := range []bool{false, true} {
							for _, after := range []bool{false, true} {
								f := Facts{Keepalived: ka, VIPKnown: known, Held: now}
								if rec != model.VRRPNone {
									f.Record = &Record{State: rec, Keepalived: by, Held: then, AfterMaster: after}
								}
								s, why := Effective(f)
								fmt.Fprintf(&got, "alive=%v known=%v held=%v record=%s same=%v held-then=%v after-master=%v: %s: %s\n",
									!ka.Zero(), known, now, rec, by == ours, then, after, s, why.Reason)
								if s == model.VRRPMaster && (!now || ka.Zero()) {
									t.Errorf("master without the VIP or keepalived: %s", why.Reason)
								}
							}
						}
					}
				}
			}
		}
	}
	golden.Check(t, "effective.txt", got.String())
}

// TestTruth goes through the sentences of the design about what we are.
func TestTruth(t *testing.T) {
	ours, earlier := Process{100, 1}, Process{100, 2} // the same number, another process
	record := func(s model.VRRP, by Process, held, after bool) *Record {
		return &Record{State: s, Keepalived: by, Held: held, AfterMaster: after}
	}
	for name, c := range map[string]struct {
		alive, known, held bool
		record             *Record
		want               model.VRRP
		why                model.Reason
		since              time.Duration
	}{
		"master":                           {true, true, true, record(model.VRRPMaster, ours, true, false), model.VRRPMaster, reason.VIPHere, 0},
		"master, and the hook came late":   {true, true, true, record(model.VRRPBackup, ours, true, true), model.VRRPMaster, reason.HookLate, 0},
		"fault, and the hook came late":    {true, true, true, record(model.VRRPFault, ours, true, true), model.VRRPMaster, reason.HookLate, 0},
		"backup, then the VIP came":        {true, true, true, record(model.VRRPBackup, ours, false, false), model.VRRPMaster, reason.VIPCame, 0},
		"fault, then the VIP came":         {true, true, true, record(model.VRRPFault, ours, false, true), model.VRRPMaster, reason.VIPCame, 0},
		"the VIP came to a successor":      {true, true, true, record(model.VRRPStop, earlier, false, false), model.VRRPMaster, reason.VIPCame, 0},
		"a VIP that was left behind":       {true, true, true, record(model.VRRPBackup, ours, true, false), model.VRRPBackup, reason.VIPStale, 0},
		"left behind, and a new one":       {true, true, true, record(model.VRRPFault, earlier, true, true), model.VRRPFault, reason.VIPStale, 0},
		"a late hook, and none for MASTER": {alive: true, known: true, held: true, record: record(model.VRRPBackup, ours, true, false), want: model.VRRPMaster, why: reason.HookLate, since: 11 * time.Millisecond},
		"left behind, and seen before":     {alive: true, known: true, held: true, record: record(model.VRRPBackup, ours, true, false), want: model.VRRPBackup, why: reason.VIPStale, since: 10 * time.Millisecond},
		"master, and a new keepalived":     {true, true, true, record(model.VRRPMaster, earlier, true, false), model.VRRPMaster, reason.VIPOld, 0},
		"master without the VIP":           {true, true, false, record(model.VRRPMaster, ours, true, false), model.VRRPNone, reason.VIPGone, 0},
		"backup":                           {true, true, false, record(model.VRRPBackup, ours, false, true), model.VRRPBackup, reason.VIPElsewhere, 0},
		"stopped":                          {true, true, false, record(model.VRRPStop, ours, false, true), model.VRRPStop, reason.VIPElsewhere, 0},
		"keepalived is dead":               {false, true, true, record(model.VRRPMaster, ours, true, false), model.VRRPNone, reason.NoKeepalived, 0},
		"the VIP is not known":             {true, false, false, record(model.VRRPMaster, ours, true, false), model.VRRPNone, reason.VIPUnknown, 0},
		"no record, with the VIP":          {true, true, true, nil, model.VRRPMaster, reason.NoHookForVIP, 0},
		"no record, without":               {true, true, false, nil, model.VRRPNone, reason.NoHookYet, 0},
	} {
		f := Facts{VIPKnown: c.known, Held: c.held, Record: c.record, Since: c.since}
		if c.alive {
			f.Keepalived = ours
		}
		if got, why := Effective(f); got != c.want || why.Reason != c.why {
			t.Errorf("%s: got %q, %s", name, got, why.Reason)
		}
	}
}

// Hooks of one keepalived, in the order in which they ran. The last word counts only as far as the VIP bears it out.
func TestHooksInARow(t *testing.T) {
	k, other := Process{PID: 10, Start: 1}, Process{PID: 20, Start: 2}
	type hook struct {
		said model.VRRP
		by   Process
		held bool
	}
	for name, c := range map[string]struct {
		hooks []hook
		want  model.VRRP
	}{
		"one late":                      {[]hook{{model.VRRPMaster, k, true}, {model.VRRPFault, k, true}}, model.VRRPMaster},
		"two late":                      {[]hook{{model.VRRPMaster, k, true}, {model.VRRPFault, k, true}, {model.VRRPBackup, k, true}}, model.VRRPMaster},
		"the VIP was gone in between":   {[]hook{{model.VRRPMaster, k, true}, {model.VRRPFault, k, false}, {model.VRRPBackup, k, true}}, model.VRRPBackup},
		"an earlier keepalived's":       {[]hook{{model.VRRPMaster, other, true}, {model.VRRPBackup, k, true}}, model.VRRPBackup},
		"a new keepalived, twice":       {[]hook{{model.VRRPMaster, other, true}, {model.VRRPBackup, k, true}, {model.VRRPBackup, k, true}}, model.VRRPBackup},
		"a new keepalived that held it": {[]hook{{model.VRRPBackup, k, true}, {model.VRRPMaster, k, true}, {model.VRRPBackup, k, true}}, model.VRRPMaster},
	} {
		t.Run(name, func(t *testing.T) {
			var r Record
			for n, h := range c.hooks {
				r = r.Next(model.Event{Name: "VI_1", State: h.said}, h.by, h.held)
				if r.Seq != uint64(n+1) {
					t.Errorf("event %d has number %d", n+1, r.Seq)
				}
			}
			if got, why := Effective(Facts{Keepalived: k, VIPKnown: true, Held: true, Record: &r}); got != c.want {
				t.Errorf("%s (%s), want %s", got, why.Reason, c.want)
			}
		})
	}
}
