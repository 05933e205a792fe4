package report

import (
	"maps"
	"slices"
	"testing"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
)

// show is a time that may be never, for messages.
func show(d *time.Duration) string {
	if d == nil {
		return "never"
	}
	return d.String()
}

func sameTime(t *testing.T, what string, got, want *time.Duration) {
	t.Helper()
	if show(got) != show(want) {
		t.Errorf("%s: got %s, want %s", what, show(got), show(want))
	}
}

func TestMeasureWrites(t *testing.T) {
	for _, c := range []struct {
		name            string
		events          []probe.Event
		writable, worst *time.Duration
	}{
		{"no events", nil, nil, nil},
		{"nothing happens", []probe.Event{acks("a", -2000, 5000), ended()}, p(0), p(10)},
		{"one gap", []probe.Event{acks("a", -2000, -5), acks("a", 400, 5000), ended()}, p(400), p(410)},
		{"events in any order", []probe.Event{ended(), acks("a", 400, 5000), acks("a", -2000, -5)}, p(400), p(410)},
		{"a gap of exactly Interruption", []probe.Event{acks("a", -2000, 0), acks("a", 50, 5000), ended()}, p(0), p(50)},
		{"a gap just longer", []probe.Event{acks("a", -2000, 0), acks("a", 50.001, 5000), ended()}, p(50.001), p(50.001)},
		{"a gap that ends with the fault", []probe.Event{acks("a", -2000, -300), acks("a", 0, 5000), ended()}, p(0), p(10)},
		{"a gap that ends just after it", []probe.Event{acks("a", -2000, -300), acks("a", 0.001, 5000), ended()}, p(0.001), p(300.001)},
		{"a gap that begins just within Settled", []probe.Event{acks("a", -2000, 990), acks("a", 999.999, 999.999), acks("a", 1099.999, 5000), ended()}, p(1099.999), p(100)},
		{"a gap that begins at Settled", []probe.Event{acks("a", -2000, 1000), acks("a", 1100, 5000), ended()}, p(0), p(100)},
		{"a second gap soon after the first", []probe.Event{acks("a", -2000, 0), acks("a", 900, 1890), acks("a", 2000, 5000), ended()}, p(2000), p(900)},
		{"a second gap later", []probe.Event{acks("a", -2000, 0), acks("a", 900, 1900), acks("a", 2000, 5000), ended()}, p(900), p(900)},
		{"never again", []probe.Event{acks("a", -2000, -5), ended()}, nil, nil},
		{"again, and then never", []probe.Event{acks("a", -2000, -5), acks("a", 400, 800), ended()}, nil, nil},
		{"silent long after the fault", []probe.Event{acks("a", -2000, 3000), ended()}, p(0), nil},
		{"silent for just Interruption at the end", []probe.Event{acks("a", -2000, 4950), ended()}, p(0), p(50)},
		{"acknowledged again after the end only", []probe.Event{acks("a", -2000, -5), acks("a", 5010, 6000), ended()}, nil, nil},
		{"the later of two ranges", []probe.Event{acks("a", -2000, 0), acks("a", 300, 5000), acks("b", -2000, -100), acks("b", 200, 5000), ended()}, p(300), p(300)},
		{"one of two ranges never", []probe.Event{acks("a", -2000, 0), acks("a", 300, 5000), acks("b", -2000, -5), ended()}, nil, nil},
		{"one of two ranges never, the other order", []probe.Event{acks("b", -2000, -5), acks("a", -2000, 0), acks("a", 300, 5000), ended()}, nil, nil},
		{"a range that was never acknowledged", []probe.Event{started("a", "b"), acks("a", -2000, 5000), ended()}, nil, nil},
		{"first acknowledged after the fault", []probe.Event{started("a"), acks("a", 200, 5000), ended()}, p(200), p(2200)},
		{"what another writer saw", []probe.Event{acks("a", -2000, 5000), from("in-redis1", acks("x", -2000, 0)), ended()}, p(0), p(10)},
		{"the writer was late for the whole gap", []probe.Event{acks("a", -2000, 0), late(4, 398), acks("a", 400, 5000), ended()}, p(0), p(10)},
		{"late in the middle of it", []probe.Event{acks("a", -2000, 0), late(200, 300), acks("a", 400, 5000), ended()}, p(400), p(400)},
		{"late at its beginning", []probe.Event{acks("a", -2000, 0), late(20, 200), acks("a", 400, 5000), ended()}, p(400), p(220)},
		{"late just after its beginning", []probe.Event{acks("a", -2000, 0), late(20.001, 200), acks("a", 400, 5000), ended()}, p(400), p(400)},
		{"late at its end", []probe.Event{acks("a", -2000, 0), late(200, 380), acks("a", 400, 5000), ended()}, p(400), p(220)},
		{"late just before its end", []probe.Event{acks("a", -2000, 0), late(200, 379.999), acks("a", 400, 5000), ended()}, p(400), p(400)},
		{"late across its edges", []probe.Event{acks("a", -2000, 0), late(-50, 50), late(390, 450), acks("a", 400, 5000), ended()}, p(400), p(340)},
		{"late again and again", []probe.Event{acks("a", -2000, 0), late(5, 200), late(210, 390), acks("a", 400, 5000), ended()}, p(0), p(25)},
		{"late at both ends and in the middle", []probe.Event{acks("a", -2000, 0), late(10, 50), late(200, 250), late(370, 390), acks("a", 400, 5000), ended()},
			p(400), p(340)},
		{"late twice at the same time", []probe.Event{acks("a", -2000, 0), late(10, 200), late(150, 250), acks("a", 400, 5000), ended()}, p(400), p(160)},
		{"late within a lateness", []probe.Event{acks("a", -2000, 0), late(10, 200), late(50, 100), acks("a", 400, 5000), ended()}, p(400), p(210)},
		{"late elsewhere", []probe.Event{acks("a", -2000, 0), late(-500, -100), late(1000, 1300), acks("a", 400, 5000), ended()}, p(400), p(400)},
		{"late at the end", []probe.Event{acks("a", -2000, 4900), late(4905, 5005), ended()}, p(0), p(10)},
		{"late by what makes it an interruption", []probe.Event{acks("a", -2000, 0), late(10, 40), acks("a", 80, 5000), ended()}, p(0), p(50)},
		{"late by less", []probe.Event{acks("a", -2000, 0), late(10, 39), acks("a", 80, 5000), ended()}, p(80), p(51)},
		{"killed while all was well", []probe.Event{acks("a", -2000, 3000), acks("b", -2000, 2950)}, p(0), p(10)},
		{"killed while a range was silent", []probe.Event{acks("a", -2000, 3000), acks("b", -2000, -5)}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Measure(run(c.events...))
			sameTime(t, "Writable", got.Writable, c.writable)
			sameTime(t, "WorstGap", got.WorstGap, c.worst)
		})
	}
}

func TestMeasureRanges(t *testing.T) {
	got := Measure(run(
		acks("a", -2000, 0), acks("a", 300, 5000), acks("b", -2000, 5000), acks("c", -2000, -5),
		probe.Event{Kind: probe.Verified, Range: "a", Result: &probe.Result{Acked: 670, Lost: 2, Wrong: 1}},
		ended(),
	)).Ranges
	if want := []string{"a", "b", "c"}; !slices.Equal(slices.Sorted(maps.Keys(got)), want) {
		t.Fatalf("ranges %v, want %v", got, want)
	}
	for name, want := range map[string]RangeResult{
		"a": {p(300), p(300), 670, 3},
		"b": {p(0), p(10), 701, 0},
		"c": {nil, nil, 200, 0},
	} {
		sameTime(t, name+" Writable", got[name].Writable, want.Writable)
		sameTime(t, name+" WorstGap", got[name].WorstGap, want.WorstGap)
		if got[name].Acked != want.Acked || got[name].Lost != want.Lost {
			t.Errorf("%s: %d acknowledged, %d lost, want %d and %d", name, got[name].Acked, got[name].Lost, want.Acked, want.Lost)
		}
	}
}

func TestMeasureCounts(t *testing.T) {
	got := Measure(run(
		acks("a", 0, 90),
		probe.Event{Kind: probe.Verified, Range: "a", Result: &probe.Result{Acked: 10, Lost: 3}},
		probe.Event{Kind: probe.Ended, Result: &probe.Result{Acked: 12000, Lost: 3, Wrong: 2, Unread: 7, Unknown: 4}, Masters: map[string]int{"x:1": 16384}},
		from("in-redis1", probe.Event{Kind: probe.Ended, Result: &probe.Result{Acked: 99}, Masters: map[string]int{"y:1": 1}}),
	))
	if got.Acked != 12000 || got.Lost != 5 || got.Unread != 7 || got.Unknown != 4 {
		t.Errorf("acked %d, lost %d, unread %d, unknown %d", got.Acked, got.Lost, got.Unread, got.Unknown)
	}
	if want := map[string]int{"x:1": 16384}; !maps.Equal(got.Masters, want) {
		t.Errorf("masters %v, want %v", got.Masters, want)
	}
	if got.Observed != 5*time.Second {
		t.Errorf("observed %s", got.Observed)
	}
}

func TestMeasureKilledWriter(t *testing.T) {
	failed := probe.Event{Kind: probe.Acks, Range: "a", At: at(2000), Failed: map[string]int{"timeout": 2, "closed": 3, "MOVED": 4}}
	got := Measure(run(acks("a", 0, 990), failed, acks("b", 0, 490), probe.Event{Kind: probe.Silent, Range: "b", At: at(490)}))
	if got.Acked != 150 || got.Lost != 0 || got.Unread != 150 || got.Unknown != 5 {
		t.Errorf("acked %d, lost %d, unread %d, unknown %d; want 150, 0, 150, 5", got.Acked, got.Lost, got.Unread, got.Unknown)
	}
	if want := 2*time.Second - probe.FlushPeriod; got.Observed != want {
		t.Errorf("observed %s, want %s: up to what it told last", got.Observed, want)
	}
}

func TestMeasureVIP(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []Event
		want   *time.Duration
	}{
		{"no events", nil, nil},
		{"it moves", []Event{vip("redis1", -900, true), gone("redis1", 1), vip("redis2", 360, true)}, p(360)},
		{"events in any order", []Event{vip("redis2", 360, true), gone("redis1", 1), vip("redis1", -900, true)}, p(360)},
		{"it stays", []Event{vip("redis1", -900, true)}, nil},
		{"it comes back to the same host", []Event{vip("redis1", -900, true), vip("redis1", 10, false), vip("redis1", 400, true)}, nil},
		{"it is taken away only", []Event{vip("redis1", -900, true), vip("redis1", 10, false)}, nil},
		{"both held it", []Event{vip("redis1", -900, true), vip("redis2", -800, true), vip("redis2", 10, false), vip("redis2", 20, true)}, nil},
		{"both hold it after", []Event{vip("redis1", -900, true), vip("redis2", 350, true), vip("redis1", 700, false)}, p(350)},
		{"it had been there before", []Event{vip("redis2", -900, true), vip("redis2", -500, false), vip("redis1", -490, true), vip("redis2", 300, true)}, p(300)},
		{"a host that died holding it before the fault", []Event{vip("redis1", -900, true), gone("redis1", -600), vip("redis1", 250, true)}, p(250)},
		{"at the instant of the fault", []Event{vip("redis1", -900, true), vip("redis2", 0, true)}, p(0)},
		{"to and fro", []Event{vip("redis1", -900, true), vip("redis2", 300, true), vip("redis2", 2000, false), vip("redis1", 2010, true)}, p(300)},
		{"other events", []Event{vip("redis1", -900, true), {Host: "redis2", Event: host.Event{Kind: host.EventRole, At: at(5), Present: true}}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run()
			r.Events = c.events
			sameTime(t, "VIP", Measure(r).VIP, c.want)
		})
	}
}

func TestMeasureAfterVIP(t *testing.T) {
	moved := []Event{vip("redis1", -900, true), vip("redis2", 360, true)}
	for _, c := range []struct {
		name   string
		events []Event
		probe  []probe.Event
		want   *time.Duration
	}{
		{"both", moved, []probe.Event{acks("a", -2000, 0), acks("a", 400, 5000), ended()}, p(40)},
		{"Redis was first", moved, []probe.Event{acks("a", -2000, 0), acks("a", 300, 5000), ended()}, p(-60)},
		{"not interrupted", moved, []probe.Event{acks("a", -2000, 5000), ended()}, nil},
		{"never writable", moved, []probe.Event{acks("a", -2000, 0), ended()}, nil},
		{"VIP did not move", nil, []probe.Event{acks("a", -2000, 0), acks("a", 400, 5000), ended()}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(c.probe...)
			r.Events = c.events
			sameTime(t, "AfterVIP", Measure(r).AfterVIP, c.want)
		})
	}
}

func TestMeasureLastCutAck(t *testing.T) {
	for _, c := range []struct {
		name  string
		cut   string
		heal  float64
		probe []probe.Event
		want  *time.Duration
	}{
		{"nobody is cut off", "", 0, []probe.Event{from("in", acks("x", -500, 700))}, nil},
		{"no heal", "in", 0, []probe.Event{from("in", acks("x", -500, 700))}, p(700)},
		{"the later of two instances, in any order", "in", 0, []probe.Event{from("in", acks("y", -500, 900)), from("in", acks("x", -500, 700))}, p(900)},
		{"again after the heal", "in", 3000, []probe.Event{from("in", acks("x", -500, 700)), from("in", acks("x", 3000, 4000))}, p(700)},
		{"none after the fault", "in", 0, []probe.Event{from("in", acks("x", -500, -10))}, p(0)},
		{"none after the fault until the heal", "in", 3000, []probe.Event{from("in", acks("x", -500, -10)), from("in", acks("x", 3100, 4000))}, p(0)},
		{"only others wrote", "in", 0, []probe.Event{acks("x", -500, 700)}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(c.probe...)
			r.Cut = c.cut
			if c.heal != 0 {
				r.Heal = at(c.heal)
			}
			sameTime(t, "LastCutAck", Measure(r).LastCutAck, c.want)
		})
	}
}

// A long run must be measured in an instant: with many gaps and a writer that was late often, too.
func BenchmarkMeasure(b *testing.B) {
	r := run(started("a", "b", "c"), acks("a", -2000, 300000), acks("b", -2000, 300000), acks("c", -2000, 300000), ended())
	r.End = at(300000)
	for ms := 0.0; ms < 300000; ms += 100 {
		r.Probe = append(r.Probe, late(ms, ms+20))
	}
	for range b.N {
		Measure(r)
	}
}

// What the writer itself missed, because it had no CPU, says nothing about the share of the time in which writes went through.
func TestThrough(t *testing.T) {
	w := &writes{ranges: []string{"a", "b"}, acks: map[string][]host.Mono{}, end: host.Mono(2 * time.Second)}
	for at := host.Mono(0); at < w.end; at = at.Add(10 * time.Millisecond) {
		w.acks["a"] = append(w.acks["a"], at)
		if at < host.Mono(1200*time.Millisecond) || at >= host.Mono(1500*time.Millisecond) {
			w.acks["b"] = append(w.acks["b"], at)
		}
	}
	if got := w.through(host.Mono(time.Second)); got != 0.7 {
		t.Errorf("300 ms of a second without a write: %v", got)
	}
	w.late = []span{{host.Mono(1200 * time.Millisecond), host.Mono(1290 * time.Millisecond)}}
	if got := w.through(host.Mono(time.Second)); got != 0.8 {
		t.Errorf("the writer had no CPU for 90 ms of them: %v", got)
	}
}

// What scripts and transactions wrote counts as what the plain writer wrote, but in no time.
func TestMeasureOthers(t *testing.T) {
	r := run(acks("a", -2000, 5000), ended())
	before := Measure(r)
	r.Others = []string{"client-script", "client-transaction"}
	r.Probe = append(r.Probe, from("client-script", acks("a", -2000, 0)), from("client-script", ended()),
		from("client-transaction", acks("a", -2000, 0)))
	r.Probe[len(r.Probe)-2].Result = &probe.Result{Acked: 70, Lost: 3, Wrong: 1, Unread: 2, Unknown: 5}
	got := Measure(r)
	unread := len(acks("a", -2000, 0).Acks)
	if got.Acked != before.Acked+70+unread || got.Lost != before.Lost+4 || got.Unread != before.Unread+2+unread || got.Unknown != before.Unknown+5 {
		t.Errorf("got %+v, before %+v", got, before)
	}
	sameTime(t, "Writable", got.Writable, before.Writable)
	sameTime(t, "WorstGap", got.WorstGap, before.WorstGap)
}
