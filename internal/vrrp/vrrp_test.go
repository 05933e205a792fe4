package vrrp

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseEvent(t *testing.T) {
	for args, want := range map[string]string{
		"INSTANCE VI_1 MASTER 100": "VI_1 MASTER", "GROUP VG FAULT 0": "VG FAULT", "INSTANCE ../a STOP 1": "../a STOP",
		"INSTANCE VI_1 MASTER": "", "INSTANCE VI_1 SLEEPING 100": "", "BOX VI_1 MASTER 100": "", "INSTANCE VI_1 MASTER many": "",
		"INSTANCE VI_1 MASTER -1": "", "promote": "", "": "", "master": "VI_1 MASTER", "Fault": "VI_1 FAULT",
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

func FuzzParseEvent(f *testing.F) {
	f.Add("INSTANCE", "VI_1", "MASTER", "100")
	f.Add("GROUP", "VG", "FAULT", "0")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		e, err := ParseEvent([]string{a, b, c, d}, "")
		if err == nil && (e.Name == "" || len(e.Name) > maxName || e.Priority < 0 || e.Priority > 255) {
			t.Errorf("accepted %+v", e)
		}
	})
}

func TestParseVIPs(t *testing.T) {
	got := parseVIPs(`vrrp_instance VI_1 { # {
  virtual_ipaddress {
    192.168.9.91/24 dev ens160   # the VIP
    ! 10.0.0.1
    2001:db8::1
  }
  virtual_routes { 10.9.9.9 }
}
vrrp_instance B { virtual_ipaddress { 10.0.0.7 } }`)
	want := []string{"192.168.9.91", "2001:db8::1", "10.0.0.7"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
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
				for _, rec := range []State{None, Master, Backup, Fault, Stop} {
					for _, by := range []Process{ours, earlier} {
						for _, then := range []bool{false, true} {
							for _, after := range []bool{false, true} {
								f := Facts{Keepalived: ka, VIPKnown: known, Held: now}
								if rec != None {
									f.Record = &Record{State: rec, Keepalived: by, Held: then, AfterMaster: after}
								}
								s, why := Effective(f)
								fmt.Fprintf(&got, "alive=%v known=%v held=%v record=%s same=%v held-then=%v after-master=%v: %s: %s\n",
									!ka.Zero(), known, now, rec, by == ours, then, after, s, why)
								if s == Master && (!now || ka.Zero()) {
									t.Errorf("master without the VIP or keepalived: %s", why)
								}
							}
						}
					}
				}
			}
		}
	}
	golden := filepath.Join("testdata", "effective.txt")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got.String()); d != "" {
		t.Errorf("the truth table changed (-want +got):\n%s", d)
	}
}

func TestStatKnowsARecycledNumber(t *testing.T) {
	c := exec.Command("sleep", "30")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	_, parent, start, err := stat(c.Process.Pid)
	if err != nil || parent != os.Getpid() || start == 0 {
		t.Fatalf("parent %d, start %d, %v", parent, start, err)
	}
	if _, alive := Parent(Process{c.Process.Pid, start}); alive {
		t.Error("a sleep is taken for keepalived")
	}
	if _, ok := Caller(); ok {
		t.Error("go test is taken for keepalived")
	}
}
