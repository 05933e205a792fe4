package lab_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
)

// options are those of all tests: the work directory is this process' own, so tests run one after another.
func options(t *testing.T) lab.Options {
	return lab.Options{Root: root, Build: build, Results: filepath.Join(build, "lab"), Work: work, Say: t.Logf, Slack: 5}
}

// play runs a scenario once. Every promise of the scenario is checked by Play itself.
func play(t *testing.T, name string, change ...func(*lab.Options)) {
	t.Helper()
	s, err := lab.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	opts := options(t)
	for _, c := range change {
		c(&opts)
	}
	out, err := lab.Play(context.Background(), s, opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", out.Result)
}

func TestScenarioHostDies(t *testing.T)     { play(t, "host-dies") }
func TestScenarioHostDiesStay(t *testing.T) { play(t, "host-dies-stay") }
func TestScenarioRedisDies(t *testing.T)    { play(t, "redis-dies") }
func TestScenarioSwitchover(t *testing.T)   { play(t, "switchover") }
func TestScenarioSwitchovers(t *testing.T)  { play(t, "switchovers") }
func TestScenarioStandbyDies(t *testing.T)  { play(t, "standby-dies") }
func TestScenarioCutOff(t *testing.T)       { play(t, "cut-off") }
func TestScenarioCutOffStay(t *testing.T)   { play(t, "cut-off-stay") }

// The most telling of the others; make test-long runs them all.
func TestScenarioCutOffMajority(t *testing.T)   { play(t, "cut-off-majority") }
func TestScenarioVRRPBlocked(t *testing.T)      { play(t, "vrrp-blocked") }
func TestScenarioHang(t *testing.T)             { play(t, "hang") }
func TestScenarioHookKilled(t *testing.T)       { play(t, "hook-killed") }
func TestScenarioKeepalivedKilled(t *testing.T) { play(t, "keepalived-killed") }
func TestScenarioReturns(t *testing.T)          { play(t, "returns") }
func TestScenarioStandbyDegraded(t *testing.T)  { play(t, "standby-degraded") }
func TestScenarioSwitchReboots(t *testing.T)    { play(t, "switch-reboots") }
func TestScenarioStaleFirst(t *testing.T)       { play(t, "stale-first") }
func TestScenarioHostStandsStill(t *testing.T)  { play(t, "host-stands-still") }

// A plain master and its replica, without a cluster.
func TestPairHostDies(t *testing.T)    { play(t, "pair-host-dies") }
func TestPairSwitchovers(t *testing.T) { play(t, "pair-switchovers") }
func TestPairCutOff(t *testing.T)      { play(t, "pair-cut-off") }
func TestPairStaleFirst(t *testing.T)  { play(t, "pair-stale-first") }
func TestPairBulkLoad(t *testing.T)    { play(t, "pair-bulk-load") }
func TestPairFlushAll(t *testing.T)    { play(t, "pair-flushall") }

// The files for a pair with a CentOS 6 host run as shipped, too.
func TestScenarioHostDiesOldFiles(t *testing.T) {
	for _, name := range []string{"host-dies-stay", "pair-host-dies"} {
		play(t, name, func(o *lab.Options) { o.Files = lab.OldFiles })
	}
}

// The lab must be able to see a failure: with the old scripts the same fault leaves the slots of the dead host unwritable.
func TestOldScriptsNeverRecover(t *testing.T) {
	s, err := lab.Find("host-dies")
	if err != nil {
		t.Fatal(err)
	}
	opts := options(t)
	opts.Setup = lab.OldScripts
	out, err := lab.Play(context.Background(), s, opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out.Result.Writable != nil {
		t.Errorf("every slot was writable after %s with the old scripts", *out.Result.Writable)
	}
	if out.Result.VIP == nil {
		t.Error("the VIP did not move with the old scripts")
	}
}

// Every shipped file is one that keepalived accepts, on a host that it was written for.
func TestShippedFiles(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, mode := range []lab.Mode{lab.Cluster, lab.Replication} {
		opts := options(t)
		opts.Mode = mode
		l, err := lab.New(ctx, opts)
		if err == nil {
			for _, b := range l.Hosts() {
				testFiles(ctx, t, b, shippedDir(mode))
			}
		}
		if _, closing := l.Close(nil); err != nil || closing != nil {
			t.Fatal(err, closing)
		}
	}
}

func shippedDir(mode lab.Mode) string {
	if mode == lab.Replication {
		return filepath.Join(root, "keepalived", "pair")
	}
	return filepath.Join(root, "keepalived")
}

// testFiles asks keepalived and chk-redis of a host for every file that is shipped for it.
func testFiles(ctx context.Context, t *testing.T, b *lab.Host, dir string) {
	t.Helper()
	for _, variant := range []string{"", lab.PreemptFiles, lab.OldFiles} {
		data, err := os.ReadFile(filepath.Join(dir, variant, b.Name+".conf"))
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		if variant == lab.OldFiles {
			checkOldWords(t, b.Name, text)
			// keepalived 2 with the two lines that the file's own comment names must accept it, too.
			text = strings.Replace(text, "global_defs {\n", "global_defs {\n    script_user root\n    enable_script_security\n", 1)
		}
		if host.Rootless() {
			text = strings.Replace(text, "    enable_script_security\n", "", 1)
		}
		if err := b.WriteFile("etc/keepalived/tested.conf", text, 0o644); err != nil {
			t.Fatal(err)
		}
		out, code, err := b.Run(ctx, "keepalived", "-t", "-f", "/etc/keepalived/tested.conf")
		if err != nil || code != 0 {
			t.Errorf("keepalived -t with %s on %s: exit code %d, %v: %s", filepath.Join(dir, variant), b.Name, code, err, out)
		}
	}
	out, code, err := b.Run(ctx, "/usr/libexec/keepalived/chk-redis", "--check-config")
	if err != nil || code != 0 {
		t.Errorf("chk-redis --check-config on %s: exit code %d, %v: %s", b.Name, code, err, out)
	}
}

// checkOldWords: a file for keepalived 1.2.13 has only words that it knows.
func checkOldWords(t *testing.T, name, text string) {
	t.Helper()
	known := strings.Fields(`global_defs router_id vrrp_script script interval timeout fall rise weight vrrp_instance state nopreempt interface
		virtual_router_id priority advert_int unicast_src_ip unicast_peer virtual_ipaddress track_script notify_master notify_backup notify_fault
		notify_stop chk_redis }`)
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 || strings.Count(f[0], ".") == 3 {
			continue
		}
		found := false
		for _, k := range known {
			found = found || k == f[0]
		}
		if !found {
			t.Errorf("%s line %d: keepalived 1.2.13 does not know %q", name, i+1, f[0])
		}
	}
}

// A host that is booted again is a host that was off: another boot id, no VIP, an empty /run; its data is still there.
func TestBootAgain(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l, err := lab.New(ctx, options(t))
	defer func() {
		if _, err := l.Close(nil); err != nil {
			t.Error(err)
		}
	}()
	if err != nil {
		t.Fatal(err)
	}
	run := func(words ...string) string {
		t.Helper()
		out, code, err := l.Redis1.Run(ctx, words...)
		if err != nil || code != 0 {
			t.Fatalf("%v: exit code %d, %v: %s", words, code, err, out)
		}
		return out
	}
	before := run("cat", "/proc/sys/kernel/random/boot_id")
	run("sh", "-c", "echo kept > /var/lib/keepalived-redis/a; echo gone > /run/b; ip addr add 192.168.9.91/32 dev ens160")
	if err := l.AwaitVIP(ctx, l.Redis1, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Redis1.PowerCut(); err != nil {
		t.Fatal(err)
	}
	if err := l.Redis1.Boot(ctx); err != nil {
		t.Fatal(err)
	}
	if after := run("cat", "/proc/sys/kernel/random/boot_id"); after == before || len(after) != len(before) {
		t.Errorf("boot id was %s, is %s", before, after)
	}
	if got := run("sh", "-c", "cat /var/lib/keepalived-redis/a; ls /run/b /run/systemd/system 2>/dev/null; ip -4 -o addr show ens160; hostname"); !strings.HasPrefix(got, "kept\n") ||
		strings.Contains(got, "/run/") || strings.Contains(got, lab.VIP) || !strings.HasSuffix(got, "redis1\n") {
		t.Errorf("after the boot: %s", got)
	}
	if err := l.AwaitLinked(ctx, 30*time.Second); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(l.Timeline.View().Holders()); got != "[]" {
		t.Errorf("the VIP is on %s", got)
	}
}
