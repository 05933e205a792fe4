package reason

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
)

func instances(addrs ...string) (all []model.Instance) {
	for _, a := range addrs {
		if strings.HasPrefix(a, "/") {
			all = append(all, model.Instance{Socket: a})
			continue
		}
		all = append(all, model.At(netip.MustParseAddrPort(a)))
	}
	return all
}

// The instances of this host, and of the other one.
var (
	here  = instances("192.168.9.71:7004", "192.168.9.71:7005")
	there = instances("192.168.9.70:7000", "192.168.9.70:7001")
)

// TestEveryAction: one line of each, with its instances and without them where it may have none.
func TestEveryAction(t *testing.T) {
	for _, c := range []struct {
		clause model.Clause
		want   string
	}{
		{model.Clause{Action: model.Takeover, Reason: HostSilent, Also: []model.Reason{NoMajority}, Host: netip.MustParseAddr("192.168.9.70")},
			"takeover 192.168.9.71:7004 7005: host 192.168.9.70 is silent, no majority of masters answers (host-silent)"},
		{model.Clause{Action: model.Force, Reason: MasterDown, State: model.Refused},
			"vote for 192.168.9.71:7004 7005: its master 192.168.9.70:7000 7001 refuses connections (master-down)"},
		{model.Clause{Action: model.Switchover, Reason: VIPHere},
			"switchover 192.168.9.70:7000 7001 to 192.168.9.71:7004 7005: the VIP is on this host (vip-here)"},
		{model.Clause{Action: model.Promote, Reason: ByHand}, "promote 192.168.9.71:7004 7005: a person has said so (by-hand)"},
		{model.Clause{Action: model.Follow, Reason: Outranked, Term: 4, OtherTerm: 6},
			"follow 192.168.9.70:7000 7001 with 192.168.9.71:7004 7005: its peer 192.168.9.70:7000 7001 is a master with a better claim (term 6, ours 4) (outranked)"},
		{model.Clause{Action: model.NeedReplica, Reason: PeerLinked},
			"require a replica for 192.168.9.71:7004 7005: its peer 192.168.9.70:7000 7001 is linked (durability replicated) (peer-linked)"},
		{model.Clause{Action: model.Relax, Reason: PeerLost}, "require no replica for 192.168.9.71:7004 7005: its peer 192.168.9.70:7000 7001 is lost (peer-lost)"},
		{model.Clause{Action: model.Release, Reason: VIPLeft},
			"mark 192.168.9.71:7004 7005 as released: the VIP has left this host, so 192.168.9.70:7000 7001 need not hold back (vip-left)"},
		{model.Clause{Action: model.Claim, Reason: VIPBack}, "mark 192.168.9.71:7004 7005 as released no more: the VIP is here again (vip-back)"},
		{model.Clause{Action: model.NoPromotion, Reason: Syncing, Also: []model.Reason{HostSilent}, Host: netip.MustParseAddr("192.168.9.70")},
			"do not promote 192.168.9.71:7004 7005: it is in the middle of a sync, and its data is not whole (syncing)"},
		{model.Clause{Action: model.NoSwitchover, Reason: LinkDown},
			"no switchover 192.168.9.70:7000 7001 to 192.168.9.71:7004 7005: the link to its master is down (link-down)"},
		{model.Clause{Action: model.Refuse, Reason: Unconfirmed, For: time.Minute},
			"refuse writes on 192.168.9.71:7004 7005: it is a master, and no peer agrees with that yet; it waits for at most 1m (unconfirmed)"},
		{model.Clause{Action: model.Restore, Reason: Confirmed, For: time.Minute},
			"restore writes on 192.168.9.71:7004 7005: its role is confirmed, or 1m has passed (confirmed)"},
		{model.Clause{Action: model.Restart, Reason: Died, State: model.Dropped},
			"restart 192.168.9.71:7004 7005 unless it was stopped: it closes the connection (died)"},
		{model.Clause{Action: model.Fence, Reason: Of(model.Loading)}, "keep the fence on 192.168.9.71:7004 7005: it is loading its data set (loading)"},
		{model.Clause{Action: model.Wait, Reason: MasterRestarts},
			"look again at 192.168.9.71:7004 7005: its master 192.168.9.70:7000 7001 on this host is being restarted (master-restarts)"},
		{model.Clause{Action: model.Keep, Reason: Of(model.NoAuth)},
			"leave 192.168.9.71:7004 7005 as it is: it asks for a password (no-auth); hint: set password_file"},
		{model.Clause{Action: model.Warn, Reason: SlotsLeftOpen},
			"192.168.9.71:7004 7005: slots that were on their way to or from its master are left as they are (slots-left-open); hint: once every master answers: redis-cli --cluster fix 192.168.9.71:7004 7005"},
	} {
		c.clause.Instances, c.clause.Others = here, there
		if got := Line(c.clause); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	for _, c := range []struct {
		clause model.Clause
		want   string
	}{
		{model.Clause{Action: model.Fence, Reason: CutOff, Name: "192.168.9.1"}, "fence this host: no peer and no witness (192.168.9.1) answers (cut-off)"},
		{model.Clause{Action: model.FenceStop, Reason: StillCutOff, For: 30 * time.Second}, "stop the fenced instances: this host is still cut off after 30s (still-cut-off)"},
		{model.Clause{Action: model.LiftStart, Reason: PeerHeard, For: 3 * time.Second},
			"lift the fence, start what it stopped without writes: the other host has answered for 3s (peer-heard)"},
		{model.Clause{Action: model.LiftDone, Reason: ByHand}, "lift the fence: a person has said so (by-hand)"},
		{model.Clause{Action: model.UndoSwitchover, Reason: SwitchoverUnfinished}, "undo the switchover: it was begun and not ended (switchover-unfinished)"},
		{model.Clause{Action: model.Bump, Reason: OldEpochs, Count: 11}, "raise the config epochs to 11: a host that was cut off must lose when it returns (old-epochs)"},
		{model.Clause{Action: model.Wait, Reason: ColdStart, For: time.Minute},
			"look again: a master here has not heard of its peer since the boot; the peer may have newer data, so we wait up to 1m (cold-start)"},
		{model.Clause{Action: model.Keep, Reason: NotMaster, Name: "BACKUP"}, "nothing to do: BACKUP, Redis is left as it is (not-master)"},
		{model.Clause{Action: model.Warn, Reason: TimeoutShort, For: time.Second, Takes: 3 * time.Second},
			"cluster-node-timeout is 1s and VRRP takes up to 3s, so Redis' own failover may be first (timeout-short); hint: a longer cluster-node-timeout, or a shorter advert_int"},
	} {
		if got := Line(c.clause); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestLines(t *testing.T) {
	two := []model.Clause{{Action: model.Keep, Reason: InPlace}, {Action: model.Bump, Reason: OldEpochs, Count: 7}}
	want := "nothing to do: MASTER, every master is on this host (in-place)\nraise the config epochs to 7: a host that was cut off must lose when it returns (old-epochs)"
	if got := Lines(two); got != want {
		t.Errorf("got %s", got)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		instances []string
		want      string
	}{
		{nil, ""},
		{[]string{"10.0.0.1:7000"}, "10.0.0.1:7000"},
		{[]string{"10.0.0.1:7000", "10.0.0.1:7001", "10.0.0.1:7002"}, "10.0.0.1:7000 7001 7002"},
		{[]string{"10.0.0.1:7000", "10.0.0.2:7000", "10.0.0.2:7001", "10.0.0.1:7001"}, "10.0.0.1:7000 10.0.0.2:7000 7001 10.0.0.1:7001"},
		{[]string{"[fd00::1]:7000", "[fd00::1]:7001"}, "[fd00::1]:7000 7001"},
		{[]string{"/run/a.sock", "/run/b.sock"}, "/run/a.sock /run/b.sock"},
		{[]string{"10.0.0.1:7000", "/run/a.sock", "10.0.0.1:7001"}, "10.0.0.1:7000 /run/a.sock 10.0.0.1:7001"},
		{[]string{"10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3", "10.0.0.1:4", "10.0.0.1:5", "10.0.0.1:6", "10.0.0.1:7", "10.0.0.1:8"}, "10.0.0.1:1 2 3 4 5 6 7 8"},
		{[]string{"10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3", "10.0.0.1:4", "10.0.0.1:5", "10.0.0.1:6", "10.0.0.1:7", "10.0.0.1:8", "10.0.0.1:9", "10.0.0.1:10"},
			"10.0.0.1:1 2 3 4 5 6 7 8 and 2 more"},
	} {
		if got := namesOf(instances(c.instances...), mostNames); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	fine := func(count int64) model.Clause { return model.Clause{Reason: AllAnswer, Count: count, Of: count} }
	of := func(s model.State, ports ...string) model.Clause {
		return model.Clause{Reason: Of(s), State: s, Instances: instances(ports...)}
	}
	failed := of(model.OtherError, "10.0.0.1:7000")
	failed.Name = "ERR no such thing"
	long := failed
	long.Name = strings.Repeat("x", 100)
	busy := of(model.Working, "10.0.0.1:7000")
	busy.Reason, busy.For = BusyTooLong, 5*time.Second
	for _, c := range []struct {
		health model.Health
		parts  []model.Clause
		want   string
	}{
		{model.Healthy, []model.Clause{fine(1)}, "healthy: the instance answers"},
		{model.Healthy, []model.Clause{fine(3)}, "healthy: all 3 instances answer"},
		{model.Unhealthy, []model.Clause{of(model.Silent, "10.0.0.1:7001")}, "unhealthy: 10.0.0.1:7001 is silent (silent)"},
		{model.Unhealthy, []model.Clause{failed}, "unhealthy: 10.0.0.1:7000 answers an error: ERR no such thing (other-error)"},
		{model.Unhealthy, []model.Clause{busy},
			"unhealthy: 10.0.0.1:7000 is busy and does not answer for longer than 5s (busy-too-long); hint: once it answers, SLOWLOG GET and INFO persistence say what it was"},
		{model.Unhealthy, []model.Clause{of(model.NotRedis, "10.0.0.1:7000"), of(model.Refused, "10.0.0.1:7001", "10.0.0.1:7002")},
			"unhealthy: 10.0.0.1:7000 is not a Redis, 10.0.0.1:7001 7002 each refuses connections (not-redis, refused)"},
		{model.Degraded, []model.Clause{{Reason: Enough, Count: 2, Of: 3}, of(model.Refused, "10.0.0.1:7002"), of(model.Denied, "10.0.0.1:7001")},
			"degraded: 2 of 3 instances healthy, which is enough: 10.0.0.1:7002 refuses connections, 10.0.0.1:7001 denies us by protected mode (enough, refused, denied); hint: set a password, or protected-mode no"},
		{model.Unhealthy, []model.Clause{{Reason: TooFew, Count: 0, Of: 3, Need: 1}, of(model.Refused, "10.0.0.1:7000")},
			"unhealthy: 0 of 3 instances healthy, and 1 must be: 10.0.0.1:7000 refuses connections (too-few, refused)"},
		{model.Degraded, []model.Clause{of(model.NoAuth, "10.0.0.1:7000"), of(model.NoAuth, "10.0.0.2:7000")},
			"degraded: 10.0.0.1:7000 asks for a password, 10.0.0.2:7000 asks for a password (no-auth); hint: set password_file"},
		{model.Degraded, []model.Clause{{Reason: VIPNowhere}, of(model.NoAuth, "10.0.0.1:7000")},
			"degraded: another host could serve more, but the VIP answers nowhere, so it may come here: 10.0.0.1:7000 asks for a password (vip-nowhere, no-auth)" +
				"; hint: does keepalived run on the other host?; hint: set password_file"},
		{model.Unhealthy, []model.Clause{long, of(model.Refused, "10.0.0.1:7001"), of(model.Silent, "10.0.0.1:7002")},
			"unhealthy: 10.0.0.1:7000 answers an error: " + long.Name + ", and 2 more (other-error)"},
		{model.Unhealthy, []model.Clause{of(model.ExpiredCert, "10.0.0.1:7000"), of(model.UnknownCA, "10.0.0.1:7001"), of(model.Refused, "10.0.0.1:7002"), of(model.NoAuth, "10.0.0.1:7003")},
			"unhealthy: 10.0.0.1:7000 shows a certificate that is not valid today, and 3 more (expired-cert); hint: renew it, or correct the clock of this host"},
	} {
		v := model.Verdict{Health: c.health, Parts: c.parts}
		got := Verdict(v)
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		if words := Words(v); len(words) > len(c.parts) || words[0] != string(c.parts[0].Reason) {
			t.Errorf("%s: words %q", got, words)
		}
	}
}

func TestIn(t *testing.T) {
	line := Text(model.Clause{Action: model.NoPromotion, Instances: here, Reason: Syncing, Also: []model.Reason{NoMaster}})
	two := "unhealthy: 10.0.0.1:7000 is silent (silent, refused)"
	for _, c := range []struct {
		line   string
		reason model.Reason
		want   bool
	}{
		{line, Syncing, true},
		{line, NoMaster, false}, // what is behind it stands in no brackets
		{two, "silent", true},
		{two, "refused", true},
		{two, "up", false},
		{"healthy: all 3 instances answer", AllAnswer, false},
		{"(silent)", "silent", false},
		{"a line (silent) and more", "silent", false},
		{"", "", false},
	} {
		if got := In(c.line, c.reason); got != c.want {
			t.Errorf("%s in %q: %v", c.reason, c.line, got)
		}
	}
}

func FuzzIn(f *testing.F) {
	f.Add("a line (silent, refused)", "silent")
	f.Add(" ()", "")
	f.Add(" (", ")")
	f.Fuzz(func(t *testing.T, line, r string) {
		if In(line, model.Reason(r)) && !strings.Contains(line, r) {
			t.Errorf("%q in %q", r, line)
		}
	})
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", 30 * time.Second: "30s", 5 * time.Minute: "5m", 90 * time.Second: "1m30s", 90 * time.Minute: "1h30m",
		time.Hour: "1h", 10 * time.Minute: "10m", 10 * time.Hour: "10h", 1500 * time.Millisecond: "1.5s", time.Hour + time.Second: "1h0m1s"} {
		if got := span(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}

// A line has no room for every further reason.
func TestFurtherReasonsWhereThereIsRoom(t *testing.T) {
	c := model.Clause{Action: model.Takeover, Instances: here, Others: there, Reason: MasterDown, Also: []model.Reason{FresherReplica, NoMajority}, State: model.Stalled}
	want := "takeover 192.168.9.71:7004 7005: its master 192.168.9.70:7000 7001 accepts connections but does not answer (master-down)"
	if got := Text(c); got != want {
		t.Errorf("got %s", got)
	}
	if got := c.Reasons(); !slices.Equal(got, []model.Reason{MasterDown, FresherReplica, NoMajority}) {
		t.Errorf("reasons %q", got)
	}
}
