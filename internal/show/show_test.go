package show

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/prometheus/common/expfmt"
	"golang.org/x/sys/unix"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/program"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/testing/golden"
)

// at is when the scenes of these tests were seen.
var at = time.Unix(1700000000, 0).UTC()

func addr(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("192.168.9.70"), port)
}

func look(port uint16, s model.State, info *model.Info) model.Look {
	return model.Look{Instance: model.Instance{Addr: addr(port)}, State: s, Info: info, Took: 1234 * time.Microsecond}
}

// mixed is a host with a bit of everything.
func mixed() Scene {
	held := true
	master := &model.Info{Role: model.Master, VersionText: "7.0.15", Offset: 5000, Shown: model.Shown{
		UsedMemory: model.Figure{Value: 1 << 30, Known: true}, Clients: model.Figure{Value: 12, Known: true},
		LastSave: model.Figure{Value: at.Unix() - 250, Known: true}, SaveStatus: model.StatusOK,
		AOF: model.Figure{Value: 1, Known: true}, AOFStatus: model.StatusErr}}
	replica := &model.Info{Role: model.Replica, VersionText: "7.0.15", Offset: 2440, Master: addr(7000), LinkUp: true, Shown: model.Shown{
		UsedMemory: model.Figure{Value: 900, Known: true}, LastSave: model.Figure{Value: at.Unix() - 3*86400, Known: true}, SaveStatus: model.StatusErr}}
	syncing := &model.Info{Role: model.Replica, Master: addr(7999), Syncing: true}
	refused := look(7002, model.Refused, nil)
	refused.Err = errors.New("connect: connection refused")
	return Scene{
		Verdict: model.Verdict{Parts: []model.Clause{{Instances: []model.Instance{model.At(addr(7002))}, Reason: reason.Of(model.Refused)},
			{Instances: []model.Instance{model.At(addr(7003))}, Reason: reason.Of(model.WrongPassword)}}},
		Decision: []model.Clause{{Action: model.NoSwitchover, Instances: []model.Instance{model.At(addr(7001))}, Others: []model.Instance{model.At(addr(7004))}, Reason: reason.LinkDown}},
		State:    "MASTER", Why: model.Clause{Action: model.Keep, Reason: reason.VIPHere}, VIPHeld: &held,
		Instances: []Instance{{look(7000, model.Up, master), true}, {look(7001, model.Up, replica), true}, {refused, false}, {look(7003, model.WrongPassword, nil), true}},
		Peers:     []model.Look{look(7004, model.Up, syncing), look(7005, model.Silent, nil)},
		Witness:   Witness{"192.168.9.1", true, true}, Warnings: []string{"service: no unit"},
		Done: map[model.Verb]uint64{model.Takeover: 3, model.Restart: 1},
		At:   at, Took: 3 * time.Millisecond, Version: "1.2.3",
	}
}

// hostile is a server, and a configuration, that tries to order a terminal about.
func hostile() Scene {
	const bad = "a\x1b[2J\nb\r\u009b31m\u202e\x7f\"\\\xff{}\U000e0001"
	i := &model.Info{Role: model.Master, VersionText: bad}
	l := model.Look{Instance: model.Instance{Socket: "/run/" + bad}, State: model.OtherError, Err: errors.New(bad), Info: i}
	why := model.Clause{Reason: reason.Maintenance, Name: bad}
	return Scene{Verdict: model.Verdict{Parts: []model.Clause{why}}, Decision: []model.Clause{why}, State: bad, Why: model.Clause{Reason: reason.Hold, Name: bad}, Maintenance: bad, Instances: []Instance{{l, false}}, Peers: []model.Look{l},
		Witness: Witness{Name: bad}, Warnings: []string{bad}, At: at, Version: bad}
}

func TestTable(t *testing.T) {
	golden.Check(t, "table.txt", Table(mixed(), false))
	golden.Check(t, "colour.txt", Table(mixed(), true))
	bare := Table(Scene{Verdict: model.Verdict{Health: model.Healthy, Parts: []model.Clause{{Reason: reason.AllAnswer, Of: 1}}}}, false)
	if !strings.HasSuffix(bare, "\nhealthy: the instance answers\n") {
		t.Errorf("the verdict is not the last line:\n%s", bare)
	}
	table, _, _ := strings.Cut(Table(mixed(), false), "\n\n")
	for _, line := range strings.Split(table, "\n") {
		if len([]rune(line)) > 80 && !strings.HasSuffix(line, "fails") { // bad news may be wide
			t.Errorf("wider than 80 columns: %s", line)
		}
	}
}

func TestJSON(t *testing.T) {
	b, err := JSON(mixed())
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "scene.json", string(b))
}

func TestMetrics(t *testing.T) {
	golden.Check(t, "metrics.prom", Metrics(mixed()))
}

// families reads metrics as Prometheus does, and holds them to its conventions.
func families(t *testing.T, text string) map[string][]map[string]string {
	t.Helper()
	var p expfmt.TextParser
	fs, err := p.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	out := map[string][]map[string]string{}
	for name, f := range fs {
		if !strings.HasPrefix(name, prefix) || f.GetHelp() == "" || f.GetType().String() != map[bool]string{true: "COUNTER", false: "GAUGE"}[strings.HasSuffix(name, "_total")] {
			t.Errorf("%s: help %q, type %s", name, f.GetHelp(), f.GetType())
		}
		seen := map[string]bool{}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if seen[fmt.Sprint(labels)] || m.GetTimestampMs() != 0 {
				t.Errorf("%s%v is there twice, or has a time", name, labels)
			}
			seen[fmt.Sprint(labels)] = true
			out[name] = append(out[name], labels)
		}
	}
	if n := strings.Count(text, "# TYPE "); n != len(fs) || n != strings.Count(text, "# HELP ") {
		t.Errorf("%d families have %d TYPE lines", len(fs), n)
	}
	return out
}

func TestPrometheusReadsTheMetrics(t *testing.T) {
	fs := families(t, Metrics(mixed()))
	for name, samples := range map[string]int{"healthy": 1, "vip_held": 1, "instance_up": 4, "instance_healthy": 4, "instance_role": 2, "instance_latency_seconds": 3,
		"instance_replication_lag_bytes": 1, "instance_used_memory_bytes": 2, "check_timestamp_seconds": 1, "actions_total": 2, "check_duration_seconds": 1} {
		if got := len(fs[prefix+name]); got != samples {
			t.Errorf("%s has %d samples, want %d", name, got, samples)
		}
	}
	families(t, Metrics(Scene{}))
	fs = families(t, Metrics(hostile()))
	if got, want := fs[prefix+"instance_up"][0]["address"], program.Plain(hostile().Peers[0].Instance.Socket); got != want {
		t.Errorf("the label reads %q, want %q", got, want)
	}
}

// Whatever a server says, a terminal and a line by line reader get text.
func TestNothingUnprintableGetsOut(t *testing.T) {
	b, err := JSON(hostile())
	if err != nil {
		t.Fatal(err)
	}
	for form, text := range map[string]string{"table": Table(hostile(), false), "json": string(b), "metrics": Metrics(hostile())} {
		for _, r := range text {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%s lets %U through", form, r)
			}
		}
	}
	if lines := strings.Count(Table(hostile(), false), "\n"); lines != 4+1+7 {
		t.Errorf("the table has %d lines:\n%s", lines, Table(hostile(), false))
	}
	// Escaped is not lost: it reads back, but for the byte that was no UTF-8.
	var back struct{ Sentence string }
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if want := strings.ToValidUTF8(reason.Verdict(hostile().Verdict), "\uFFFD"); back.Sentence != want {
		t.Errorf("the sentence reads back as %q, want %q", back.Sentence, want)
	}
}

func TestPrintableLeavesTextAlone(t *testing.T) {
	b := []byte(`{"a":"ünïcode…\n"}`)
	if got := printable(b); !bytes.Equal(got, b) {
		t.Errorf("got %s", got)
	}
}

func TestEveryStateHasAKey(t *testing.T) {
	seen := map[string]bool{}
	for s := model.Unseen; s <= model.NotRedis; s++ {
		if key(model.State(s)) == "" || seen[key(model.State(s))] {
			t.Errorf("%q has no key of its own", s)
		}
		seen[key(model.State(s))] = true
	}
}

func TestSizesAndAges(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1023: "1023B", 1024: "1.0K", 1 << 20: "1.0M", 1<<63 - 1: "8.0E"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-time.Hour: "0s", 59 * time.Second: "59s", time.Minute: "1m", 47 * time.Hour: "47h", 48 * time.Hour: "2d"} {
		if got := Age(d); got != want {
			t.Errorf("Age(%s) = %s, want %s", d, got, want)
		}
	}
}

// terminal is the end of a pseudo terminal that a program writes to.
func terminal(t *testing.T) *os.File {
	t.Helper()
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ptmx.Close() })
	if err := unix.IoctlSetPointerInt(int(ptmx.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.IoctlRetInt(int(ptmx.Fd()), unix.TIOCGPTPEER)
	if err != nil {
		n, err := unix.IoctlGetInt(int(ptmx.Fd()), unix.TIOCGPTN)
		if err != nil {
			t.Fatal(err)
		}
		if fd, err = unix.Open(fmt.Sprintf("/dev/pts/%d", n), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
	}
	f := os.NewFile(uintptr(fd), "terminal")
	t.Cleanup(func() { f.Close() })
	return f
}

func TestColours(t *testing.T) {
	term := terminal(t)
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, c := range []struct {
		to            *os.File
		noColor, term string
		want          bool
	}{
		{term, "", "xterm", true},
		{term, "", "", true},
		{term, "1", "xterm", false},
		{term, "0", "xterm", false},
		{term, "", "dumb", false},
		{file, "", "xterm", false},
	} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		if got := Colours(c.to); got != c.want {
			t.Errorf("%s, NO_COLOR=%q, TERM=%q: %v", c.to.Name(), c.noColor, c.term, got)
		}
	}
}
