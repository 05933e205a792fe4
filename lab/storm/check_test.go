package storm

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"keepalived-redis/lab/host"
)

const node = "192.168.9.70:7000"

// write makes the nth write of a key, done at n.
func write(n int, how Outcome, waited bool) Write {
	at := host.Mono(n * 1000)
	return Write{Key: "k", Value: fmt.Sprint("v", n), Sent: at, Done: at + 10, Outcome: how, Node: node, Waited: waited}
}

// TestCheckData: made histories, and what must be said of each.
func TestCheckData(t *testing.T) {
	whole := []Write{write(1, Acknowledged, false), write(2, Acknowledged, true), write(3, Unknown, false), write(4, Refused, false)}
	window := func(from, to host.Mono, node string) []Window {
		return []Window{{From: from, To: to, Node: node, Reason: "it may"}}
	}
	for _, c := range []struct {
		name    string
		writes  []Write
		list    []string
		windows []Window
		// want is in the one sentence; empty means there is none.
		want    string
		excused int
	}{
		{"all there", whole, []string{"v1", "v2"}, nil, "", 0},
		{"an unknown one there", whole, []string{"v1", "v2", "v3"}, nil, "", 0},
		{"one from after the look", whole, []string{"v1", "v2", "v9"}, nil, "", 0},
		{"a refused one there", whole, []string{"v1", "v2", "v4"}, nil, "which 192.168.9.70:7000 refused", 0},
		{"one lost", whole, []string{"v2"}, nil, "1 acknowledged writes are lost", 0},
		{"all lost, as after a restart without data", whole[:1], nil, nil, "1 acknowledged writes are lost", 0},
		{"lost in a window", whole, []string{"v2"}, window(500, 1005, ""), "", 1},
		{"lost in a window of its host", whole, []string{"v2"}, window(500, 1500, "192.168.9.70"), "", 1},
		{"lost in a window of the other host", whole, []string{"v2"}, window(500, 1500, "192.168.9.71"), "1 acknowledged writes are lost", 0},
		{"lost before a window", whole, []string{"v2"}, window(1011, 2000, ""), "1 acknowledged writes are lost", 0},
		{"lost after a window", whole, []string{"v2"}, window(0, 999, ""), "1 acknowledged writes are lost", 0},
		{"lost in two windows", whole, []string{"v2"}, append([]Window{{From: 900, To: 2000, Reason: "it met another"}}, window(500, 1500, "")...), "", 1},
		{"a waited one lost in a window", whole, []string{"v1"}, window(0, 9000, ""), "WAIT 1", 0},
		{"twice", whole, []string{"v1", "v1", "v2"}, nil, "holds v1 twice", 0},
		{"wrong order", whole, []string{"v2", "v1"}, nil, "v1 behind a later one", 0},
		{"an unknown one late", []Write{write(1, Unknown, false), write(2, Acknowledged, false)}, []string{"v2", "v1"}, nil, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			wrong, excused := CheckData(c.writes, map[string][]string{"k": c.list}, c.windows)
			switch {
			case c.want == "" && len(wrong) > 0:
				t.Errorf("it says %q", wrong)
			case c.want != "" && (len(wrong) != 1 || !strings.Contains(wrong[0], c.want)):
				t.Errorf("it says %q, want %q", wrong, c.want)
			}
			if excused["it may"] != c.excused {
				t.Errorf("%d are excused, want %d", excused["it may"], c.excused)
			}
		})
	}
}

func TestCheckSettled(t *testing.T) {
	settled := map[string][]string{"k": {"v1", "v2"}}
	if wrong := checkSettled(settled, map[string][]string{"k": {"v1", "v2", "v3"}}); len(wrong) > 0 {
		t.Errorf("it says %q", wrong)
	}
	if wrong := checkSettled(settled, map[string][]string{"k": {"v2"}}); len(wrong) != 1 || !strings.Contains(wrong[0], "the first v1") {
		t.Errorf("it says %q", wrong)
	}
}

func TestCheckReads(t *testing.T) {
	h := newHistory()
	h.add("c", write(1, Unknown, false))
	h.saw("k", "v1")
	if wrong := h.checkReads(); len(wrong) > 0 {
		t.Errorf("it says %q", wrong)
	}
	h.saw("k", "v2")
	if wrong := h.checkReads(); len(wrong) != 1 || !strings.Contains(wrong[0], `"v2"`) {
		t.Errorf("it says %q", wrong)
	}
}

func TestSilentSince(t *testing.T) {
	h := newHistory()
	h.add("a", write(1, Acknowledged, false))
	h.add("b", write(3, Refused, false))
	h.add("c", write(3, Acknowledged, false))
	if got := fmt.Sprint(h.silentSince([]string{"a", "b", "c"}, 2000)); got != "[a b]" {
		t.Errorf("silent are %s, want a and b", got)
	}
	h.forget(2000)
	if got := h.Writes(9000); len(got) != 2 || h.count() != 3 {
		t.Errorf("%d are left of %d", len(got), h.count())
	}
}

// What a replica has missed while it stood still may be lost if its master's host is lost before it has caught up, and only then.
func TestBehind(t *testing.T) {
	const s = host.Mono(time.Second)
	hang := Fault{Kind: HangRedis, Host: 1}
	for name, test := range map[string]struct {
		fault     Fault
		at, ended host.Mono
		want      int
	}{
		"cut while it stands still":     {Fault{Kind: CutPeer, Host: 2}, 15 * s, 20 * s, 1},
		"dies before it has caught up":  {Fault{Kind: Power, Host: 2}, 18*s + s/2, 20 * s, 1},
		"cut before":                    {Fault{Kind: CutPeer, Host: 2}, 9 * s, 20 * s, 0},
		"cut when it had caught up":     {Fault{Kind: CutPeer, Host: 2}, 21 * s, 22 * s, 0},
		"its own host dies":             {Fault{Kind: Power, Host: 1}, 15 * s, 20 * s, 0},
		"a fault by which nothing goes": {Fault{Kind: BurnCPU, Host: 2}, 15 * s, 20 * s, 0},
		"both hosts are cut off":        {Fault{Kind: SwitchReboots, Host: 2}, 15 * s, 20 * s, 0},
		"another instance stands still": {Fault{Kind: SlowFork, Host: 2}, 15 * s, 20 * s, 0},
	} {
		got := behind([]Fault{hang, test.fault}, []host.Mono{10 * s, test.at}, []host.Mono{17 * s, test.ended}, func(f Fault) string { return fmt.Sprint("other than ", f.Host) })
		if len(got) != test.want {
			t.Errorf("%s: %+v", name, got)
		}
		for _, w := range got {
			if w.From != 9*s || w.To != test.at || w.Node != "other than 1" {
				t.Errorf("%s: %+v", name, w)
			}
		}
	}
}

// What was acknowledged on a full disk is gone only where the host loses its power before there is room, and the other one cannot take over.
func TestUnwritten(t *testing.T) {
	const s = host.Mono(time.Second)
	full, power, away := Fault{Kind: DiskFull, Host: 2}, Fault{Kind: Power, Host: 2}, Fault{Kind: SwitchReboots, Host: 1}
	for name, c := range map[string]struct {
		faults       []Fault
		began, ended []host.Mono
		want         int
	}{
		"all three":                   {[]Fault{full, power, away}, []host.Mono{10 * s, 14 * s, 12 * s}, []host.Mono{16 * s, 20 * s, 21 * s}, 1},
		"the other host takes over":   {[]Fault{full, power}, []host.Mono{10 * s, 14 * s}, []host.Mono{16 * s, 20 * s}, 0},
		"there was room again":        {[]Fault{full, power, away}, []host.Mono{10 * s, 17 * s, 12 * s}, []host.Mono{16 * s, 20 * s, 21 * s}, 0},
		"the switch was back before":  {[]Fault{full, power, away}, []host.Mono{10 * s, 14 * s, 11 * s}, []host.Mono{16 * s, 20 * s, 13 * s}, 0},
		"another host lost its power": {[]Fault{full, {Kind: Power, Host: 1}, away}, []host.Mono{10 * s, 14 * s, 12 * s}, []host.Mono{16 * s, 20 * s, 21 * s}, 0},
	} {
		got := unwritten(c.faults, c.began, c.ended, func(f Fault) string { return fmt.Sprint("host ", f.Host) })
		if len(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
