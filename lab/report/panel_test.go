package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
)

func step(ms float64, text string) Event {
	return Event{Event: host.Event{Kind: "step", At: at(ms), Text: text}}
}

// history is what a lane says, in milliseconds from the fault.
func history(all []state) string {
	var parts []string
	for _, s := range all {
		parts = append(parts, s.from.Sub(origin).String()+" to "+s.to.Sub(origin).String()+" "+s.word)
	}
	return strings.Join(parts, ", ")
}

func TestHistory(t *testing.T) {
	r := run(acks("a", -2000, 5000), ended())
	one, two := Instance{"10.0.0.1:7000", "redis1"}, Instance{"10.0.0.2:7003", "redis2"}
	r.Events = []Event{
		role("redis1", one.Addr, "down", 2600), vip("redis1", 3000, true), role("redis1", one.Addr, "replica", 6000), vip("redis1", 6000, false),
		vip("redis1", -900, true), role("redis1", one.Addr, "master", -800), gone("redis1", 10),
		vip("redis2", 300, true), vip("redis2", 310, true), vip("redis2", 400, false), role("redis2", two.Addr, "replica", -700),
	}
	p := newPanel(r)
	for _, c := range []struct {
		what string
		got  []state
		want string
	}{
		{"redis1", p.power("redis1"), "-900ms to 10ms VIP, 10ms to 2.6s no power, 3s to 5s VIP"},
		{"redis2", p.power("redis2"), "300ms to 400ms VIP"},
		{"redis3", p.power("redis3"), ""},
		{"7000", p.roles(one), "-800ms to 10ms master, 10ms to 2.6s off, 2.6s to 5s down"},
		{"7003", p.roles(two), "-700ms to 5s replica"},
	} {
		if got := history(c.got); got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

func TestShown(t *testing.T) {
	writes := func(end, back float64, events ...Event) Run {
		r := run(acks("a", -2000, 0), acks("a", back, end), ended())
		r.End, r.Events = at(end), events
		return r
	}
	cut := writes(20000, 400)
	cut.Cut = "in"
	cut.Probe = append(cut.Probe, from("in", acks("x", -2000, 2000)))
	for _, c := range []struct {
		name string
		run  Run
		old  *Run
		want float64
	}{
		{"a second more than the last thing", writes(20000, 900), nil, 1900},
		{"not more than the run", writes(2000, 1500), nil, 2000},
		{"not less than can be read", writes(1200, 400), nil, 1500},
		{"the VIP last", writes(20000, 400, vip("redis2", 3000, true)), nil, 4000},
		{"a step last", writes(20000, 400, step(3500, "healed")), nil, 4500},
		{"the cut side last", cut, nil, 3000},
		{"at most, alone", writes(40000, 15000), nil, 10000},
		{"at most, beside another", writes(40000, 400), pointerTo(writes(40000, 15000)), 6000},
		{"the longer of two", writes(2400, 400), pointerTo(writes(40000, 2500)), 3500},
	} {
		t.Run(c.name, func(t *testing.T) {
			panels, most := []*panel{newPanel(c.run)}, shownAlone
			if c.old != nil {
				panels, most = append(panels, newPanel(*c.old)), shownMost
			}
			if got, want := shown(panels, most), (scale{d(-600), d(c.want)}); got != want {
				t.Errorf("shown: %v, want %v", got, want)
			}
			// The picture itself asks the same.
			all := parse(t, SVG(c.run, c.old))
			if last := d(c.want).Truncate(500 * time.Millisecond); !slices.Contains(said(all), seconds(last)) || slices.Contains(said(all), seconds(last+500*time.Millisecond)) {
				t.Errorf("the last tick is not %s: %q", seconds(last), said(all))
			}
		})
	}
}

func pointerTo(r Run) *Run { return &r }

func TestMarks(t *testing.T) {
	r := run(acks("a", -2000, 0), acks("a", 300, 5000), ended())
	r.Events = []Event{vip("redis2", 400, true), step(200, "b"), step(-1, "before"), step(100, "a"), step(4000, "c"), step(4100, "d"), step(4200, "e"), step(4300, "f"), step(4400, "g")}
	p := newPanel(r)
	p.scale = scale{d(-600), d(4250)}
	var got []string
	for _, m := range p.marks() {
		got = append(got, m.text)
	}
	// By time; g is one step too many, and f outside what is shown.
	want := []string{"power cut: redis1", "a", "b", "every slot is writable", "redis2 has the VIP", "c", "d", "e"}
	if !slices.Equal(got, want) {
		t.Errorf("marks %q, want %q", got, want)
	}
	p.scale.to = d(9000)
	if n := len(p.marks()); n != len(want)+1 {
		t.Errorf("%d marks when all is shown, want %d", n, len(want)+1)
	}
}

// Every text and every sample of the legend must lie within the picture.
func TestPictureHasMargins(t *testing.T) {
	r := hostDies()
	r.Cut = "in"
	r.Probe = append(r.Probe, from("client", late(1000, 1050)))
	r.Events = append(r.Events, step(2390, "a sentence that is long enough to leave the picture if it began at its line"))
	old := oldScripts()
	for _, e := range parse(t, SVG(r, &old)) {
		if e.name != "text" {
			continue
		}
		left, right := e.x, e.x+textWidth(e.text)
		switch {
		case strings.Contains(e.class, "label"):
			left, right = e.x-textWidth(e.text), e.x
		case strings.Contains(e.class, "in") || e.class == "tick":
			left, right = e.x-textWidth(e.text)/2, e.x+textWidth(e.text)/2
		}
		if left < 0 || right > pictureWidth {
			t.Errorf("%q reaches from %.0f to %.0f", e.text, left, right)
		}
	}
}

func TestRoom(t *testing.T) {
	p := &panel{lines: []float64{50, 120, 130, 400}}
	for _, c := range []struct{ x1, x2, middle, width float64 }{
		{200, 300, 250, 100}, {100, 300, 215, 170}, {0, 125, 85, 70}, {50, 120, 85, 70}, {0, 500, 265, 270},
	} {
		if m, w := p.room(c.x1, c.x2); m != c.middle || w != c.width {
			t.Errorf("room from %g to %g: %g around %g, want %g around %g", c.x1, c.x2, w, m, c.width, c.middle)
		}
	}
}

// A role's word must not lie under the line of the fault.
func TestWordsAvoidLines(t *testing.T) {
	r := run(acks("a", -2000, 5000), ended())
	r.Instances = []Instance{{"10.0.0.1:7000", "redis1"}}
	r.Events = []Event{role("redis1", "10.0.0.1:7000", "master", -800), role("redis1", "10.0.0.1:7000", "replica", 620)}
	all := parse(t, SVG(r, nil))
	fault := of(all, "frame")[0].x + 1030*0.6/2.1
	for _, e := range all {
		if e.name == "text" && e.text == "master" && e.class != "" && e.x > fault-textWidth(e.text)/2 && e.x < fault+textWidth(e.text)/2 {
			t.Errorf("the word lies at %.0f, the line at %.0f", e.x, fault)
		}
	}
}

func TestLengthOfSilence(t *testing.T) {
	silences := func(events ...probe.Event) []string {
		var beside []string
		for _, s := range said(parse(t, SVG(run(append(events, ended())...), nil))) {
			if strings.HasSuffix(s, " ms") && strings.Trim(s, "0123456789 ms") == "" || strings.HasPrefix(s, "no write ") && s != "no write acknowledged" {
				beside = append(beside, s)
			}
		}
		return beside
	}
	for _, c := range []struct {
		name   string
		events []probe.Event
		want   []string
	}{
		{"all of it fits", []probe.Event{acks("a", -2000, 0), acks("a", 900, 5000)}, []string{"no write acknowledged for 900 ms"}},
		{"the short form fits", []probe.Event{acks("a", -2000, 0), acks("a", 300, 5000)}, []string{"no write for 300 ms"}},
		{"the number fits", []probe.Event{acks("a", -2000, 0), acks("a", 150, 5000)}, []string{"150 ms"}},
		{"beside it", []probe.Event{acks("a", -2000, 0), acks("a", 60, 5000)}, []string{"60 ms"}},
		{"no room before the next one", []probe.Event{acks("a", -2000, 0), acks("a", 60, 70), acks("a", 370, 5000)}, []string{"no write for 300 ms"}},
		{"before the fault only if it fits", []probe.Event{acks("a", -2000, -400), acks("a", -340, 0), acks("a", 400, 5000)}, []string{"no write for 400 ms"}},
		{"beyond the picture", []probe.Event{acks("a", -2000, 0)}, []string{"no write acknowledged any more, for 5 s →"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := silences(c.events...); !slices.Equal(got, c.want) {
				t.Errorf("lengths %q, want %q", got, c.want)
			}
		})
	}
}

func TestBars(t *testing.T) {
	r := run(acks("a", -2000, 5000), ended())
	r.End = at(1000)
	p := newPanel(r)
	p.scale = scale{d(-600), d(1500)}
	counts := p.count(p.writes.acks["a"])
	if len(counts) != 105 {
		t.Fatalf("%d bins, want 105", len(counts))
	}
	// Two in each bin of 20 ms; the writing ended at 1 s, of which the last acknowledgement is the first in its bin.
	for i, n := range counts {
		want := 2
		if i == 80 {
			want = 1
		} else if i > 80 {
			want = 0
		}
		if n != want {
			t.Errorf("bin %d: %d, want %d", i, n, want)
		}
	}
	if full := fullHeight([]*panel{p}, p.scale); full != 2 {
		t.Errorf("a full lane is %d, want 2", full)
	}
	burst := probe.Event{Kind: probe.Acks, Range: "a"}
	for range 500 {
		burst.Acks = append(burst.Acks, at(5))
	}
	r.Probe = append(r.Probe, from("client", burst), from("client", acks("a", -2001, 4990)), from("client", acks("a", -2002, 4990)))
	if full := fullHeight([]*panel{newPanel(r)}, p.scale); full != 8 {
		t.Errorf("a full lane is %d beside a burst, want 8: a third above the six that are usual", full)
	}
}
