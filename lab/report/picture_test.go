package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
)

// hostDies is a run as the demo has it: redis1 dies, redis2 takes over.
func hostDies() Run {
	failover := func(name string, ms float64) []probe.Event {
		return []probe.Event{acks(name, -2000, 0), acks(name, ms, 2400)}
	}
	var events []probe.Event
	for _, one := range [][]probe.Event{failover("0-5460", 395), failover("5461-10922", 402), failover("10923-16383", 399)} {
		events = append(events, one...)
	}
	sum := probe.Event{Kind: probe.Ended, At: at(2500), Result: &probe.Result{Acked: 12345, Lost: 3}}
	r := run(append(events, started("0-5460", "5461-10922", "10923-16383"), sum)...)
	r.System, r.End = "keepalived-redis", at(2400)
	r.Events = append(r.Events, vip("redis1", -9000, true), gone("redis1", 1), vip("redis2", 361, true))
	for _, port := range []string{"7000", "7001", "7002"} {
		r.Instances = append(r.Instances, Instance{"192.168.9.70:" + port, "redis1"})
		r.Events = append(r.Events, role("redis1", "192.168.9.70:"+port, "master", -8000))
	}
	for _, port := range []string{"7003", "7004", "7005"} {
		r.Instances = append(r.Instances, Instance{"192.168.9.71:" + port, "redis2"})
		r.Events = append(r.Events, role("redis2", "192.168.9.71:"+port, "replica", -8000), role("redis2", "192.168.9.71:"+port, "master", 390))
	}
	return r
}

// oldScripts is the same fault where nobody takes over.
func oldScripts() Run {
	r := run(started("0-5460", "5461-10922", "10923-16383"), acks("0-5460", -2000, 0), acks("5461-10922", -2000, 0), acks("10923-16383", -2000, 0),
		probe.Event{Kind: probe.Ended, At: at(22500), Result: &probe.Result{Acked: 603, Unread: 603}})
	r.System, r.End = "old scripts", at(22000)
	r.Events = append(r.Events, vip("redis1", -9000, true), gone("redis1", 1), vip("redis2", 3512, true))
	for _, port := range []string{"7000", "7001", "7002"} {
		r.Instances = append(r.Instances, Instance{"192.168.9.70:" + port, "redis1"})
		r.Events = append(r.Events, role("redis1", "192.168.9.70:"+port, "master", -8000))
	}
	for _, port := range []string{"7003", "7004", "7005"} {
		r.Instances = append(r.Instances, Instance{"192.168.9.71:" + port, "redis2"})
		r.Events = append(r.Events, role("redis2", "192.168.9.71:"+port, "replica", -8000), role("redis2", "192.168.9.71:"+port, "replica-link-down", 500),
			role("redis2", "192.168.9.71:"+port, "hung", 3600), role("redis2", "192.168.9.71:"+port, "replica-link-down", 3900))
	}
	return r
}

// element is one element of a picture: what it is, where, and what it says.
type element struct {
	name, class, text string
	x, y, width       float64
}

// parse reads a picture; it must be well-formed.
func parse(t *testing.T, svg []byte) []element {
	t.Helper()
	var all []element
	var open []int
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, len(all))
			all = append(all, newElement(token))
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				all[open[len(open)-1]].text += strings.TrimSpace(string(token))
			}
		}
	}
}

func newElement(token xml.StartElement) element {
	e := element{name: token.Name.Local}
	for _, a := range token.Attr {
		// What is no number is of no interest here.
		v, _ := strconv.ParseFloat(a.Value, 64)
		switch a.Name.Local {
		case "class":
			e.class = a.Value
		case "x":
			e.x = v
		case "y":
			e.y = v
		case "width":
			e.width = v
		}
	}
	return e
}

// said are the texts of a picture that can be seen.
func said(all []element) []string {
	var texts []string
	for _, e := range all {
		if e.name == "text" {
			texts = append(texts, e.text)
		}
	}
	return texts
}

// of are the shapes of a class above the legend.
func of(all []element, class string) []element {
	var some []element
	for _, e := range all {
		if e.class == class && !(e.name == "rect" && e.width == legendWidth) {
			some = append(some, e)
		}
	}
	return some
}

// says checks that each text is in the picture as often as it should be.
func says(t *testing.T, all []element, want map[string]int) {
	t.Helper()
	texts := said(all)
	for text, times := range want {
		n := 0
		for _, s := range texts {
			if s == text {
				n++
			}
		}
		if n != times {
			t.Errorf("%q is there %d times, want %d", text, n, times)
		}
	}
	if t.Failed() {
		t.Logf("it says %q", texts)
	}
}

func TestPictureOfTwoRuns(t *testing.T) {
	old := oldScripts()
	svg := SVG(hostDies(), &old)
	says(t, parse(t, svg), map[string]int{
		"Power cut: redis1. When can clients write again?":                                                                                     1,
		"keepalived-redis: every slot was writable again 402 ms after the fault":                                                               1,
		"The VIP moved after 361 ms, every slot was writable 41 ms later. Worst write gap 402 ms. 12,345 writes acknowledged, 3 of them lost.": 1,
		"old scripts: no slot became writable again in the 22 s that were watched":                                                             1,
		"The VIP moved after 3,512 ms. 603 writes acknowledged, 603 could not be read back: nobody served them at the end.":                    1,
		"power cut: redis1":              2,
		"redis2 has the VIP: 361 ms":     1,
		"redis2 has the VIP: 3,512 ms":   1,
		"every slot is writable: 402 ms": 1,
		"writing stopped after 2.4 s":    1,
		"time from the fault; the picture ends at 4.5 s, the run went on until 22 s": 1,
		"redis1": 2, "redis 7000": 2, "redis 7005": 2, "slots 0-5460": 2,
		"395 ms": 1, "402 ms": 1, "399 ms": 1, "no write acknowledged any more, for 22 s →": 3,
		"VIP": 4, "no power": 2, "off": 6, "hung": 3,
		// Three instances on each host, in two runs, and the legend.
		"master": 3 + 3 + 3 + 1, "replica": 3 + 3 + 1, "replica without its master": 3 + 1,
		"holds the VIP": 1, "hung, loading or refusing": 1, "down, or no power": 1, "no write acknowledged": 1,
		"the writer itself had no CPU": 0,
	})
	for _, bad := range []string{"<script", "@import", "href", "url(http", "@font-face"} {
		if bytes.Contains(svg, []byte(bad)) {
			t.Errorf("the picture contains %s", bad)
		}
	}
}

// What is drawn lies where the time says: 0.6 s before the fault to 4.512 s after it, from x = 150 to 1180.
func TestPicturePlaces(t *testing.T) {
	old := oldScripts()
	all := parse(t, SVG(hostDies(), &old))
	x := func(ms float64) float64 { return 150 + (1180-150)*(600+ms)/(600+4512) }
	for _, c := range []struct {
		class string
		// spans are beginnings and ends in milliseconds, in the order of the picture.
		spans [][2]float64
	}{
		{"silent", [][2]float64{{0, 395}, {0, 402}, {0, 399}, {0, 4512}, {0, 4512}, {0, 4512}}},
		{"vip", [][2]float64{{-600, 1}, {361, 2400}, {-600, 1}, {3512, 4512}}},
		{"master", [][2]float64{{-600, 1}, {-600, 1}, {-600, 1}, {390, 2400}, {390, 2400}, {390, 2400}, {-600, 1}, {-600, 1}, {-600, 1}}},
		{"trouble", [][2]float64{{3600, 3900}, {3600, 3900}, {3600, 3900}}},
		{"over", [][2]float64{{2400, 4512}}},
	} {
		drawn := of(all, c.class)
		if len(drawn) != len(c.spans) {
			t.Errorf("%s: %d are drawn, want %d", c.class, len(drawn), len(c.spans))
			continue
		}
		for i, s := range c.spans {
			if e := drawn[i]; math.Abs(e.x-x(s[0])) > 0.1 || math.Abs(e.x+e.width-x(s[1])) > 0.2 {
				t.Errorf("%s %d: from %.1f to %.1f, want %.1f to %.1f", c.class, i, e.x, e.x+e.width, x(s[0]), x(s[1]))
			}
		}
	}
	if n := len(of(all, "acks")); n != 6 {
		t.Errorf("%d lanes with writes, want 6", n)
	}
}

func TestPictureOfACut(t *testing.T) {
	r := hostDies()
	r.FaultText, r.Cut, r.End = "cut off: no packet passes to or from redis1", "in-redis1", at(9000)
	r.Heal = at(6000)
	r.Events = append(r.Events, Event{Event: host.Event{Kind: "step", At: at(6000), Text: "healed"}}, Event{Event: host.Event{Kind: "step", At: at(0), Text: "the fault itself"}})
	r.Probe = append(r.Probe, from("in-redis1", acks("x", -2000, 800)), from("in-redis1", acks("x", 6500, 9000)), from("client", late(1000, 1050)), from("client", late(8000, 8100)))
	all := parse(t, SVG(r, nil))
	says(t, all, map[string]int{
		"Cut off: no packet passes to or from redis1. When can clients write again?": 1,
		"last write acknowledged on the side that is cut off: 800 ms":                1,
		"healed: 6,000 ms":             1,
		"the fault itself: 0 ms":       0,
		"writes on the":                1,
		"cut-off host":                 1,
		"the writer itself had no CPU": 1,
		"time from the fault; the picture ends at 7 s, the run went on until 9 s": 1,
	})
	if n := len(of(all, "late")); n != 3 {
		t.Errorf("lateness is drawn %d times, want once for each range", n)
	}
	if n := len(of(all, "acks")); n != 4 {
		t.Errorf("%d lanes with writes, want 4", n)
	}
}

func TestPictureHeadings(t *testing.T) {
	moved := []Event{vip("redis1", -900, true), vip("redis2", 300, true)}
	lost := probe.Event{Kind: probe.Ended, Result: &probe.Result{Acked: 5, Lost: 1, Unread: 2}}
	for _, c := range []struct {
		name          string
		run           Run
		events        []Event
		heading, text string
	}{
		{"no events", run(), nil, "ours: nothing was written", "The VIP did not move to another host. 0 writes acknowledged, none lost."},
		{"all well", run(acks("a", -2000, 5000), ended()), nil, "ours: writes were not interrupted",
			"The VIP did not move to another host. Worst write gap 10 ms. 0 writes acknowledged, none lost."},
		{"one of two never", run(acks("a", -2000, 5000), acks("b", -2000, 0), lost), moved,
			"ours: 1 of 2 slot ranges did not become writable again in the 5 s that were watched",
			"The VIP moved after 300 ms. 5 writes acknowledged, 1 of them lost, 2 could not be read back: nobody served them at the end."},
		{"Redis was first", run(acks("a", -2000, 0), acks("a", 200, 5000), ended()), moved, "ours: every slot was writable again 200 ms after the fault",
			"The VIP moved after 300 ms. Worst write gap 200 ms. 0 writes acknowledged, none lost."},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run.Events = c.events
			says(t, parse(t, SVG(c.run, nil)), map[string]int{c.heading: 1, c.text: 1})
		})
	}
}

func TestPictureOfAnEmptyRun(t *testing.T) {
	says(t, parse(t, SVG(Run{}, &Run{})), map[string]int{"When can clients write?": 1, ": nothing was written": 2, "fault": 2})
}

func TestPictureEscapes(t *testing.T) {
	const nasty = `</text><script>alert("1")</script>&amp;'` + "\x01"
	r := run(acks(nasty, -2000, 0), acks(nasty, 400, 5000), ended())
	r.System, r.FaultText = nasty, "x"+nasty
	r.Instances = []Instance{{nasty + ":" + nasty, nasty}}
	r.Events = []Event{role(nasty, nasty+":"+nasty, nasty, -900), {Event: host.Event{Kind: "step", At: at(10), Text: nasty}}, vip(nasty, 300, true)}
	svg := SVG(r, nil)
	// XML has no way to write the last character.
	seen := strings.ReplaceAll(nasty, "\x01", "\uFFFD")
	says(t, parse(t, svg), map[string]int{
		"X" + seen + ". When can clients write again?":                  1,
		seen + ": every slot was writable again 400 ms after the fault": 1,
		"x" + seen: 1, seen + ": 10 ms": 1, seen + " has the VIP: 300 ms": 1, "redis " + seen: 1,
		// The host, the range, the role.
		seen: 3,
	})
	if bytes.Contains(svg, []byte("<script")) {
		t.Error("a script got in")
	}
}

func TestPictureIsSmall(t *testing.T) {
	long := func() Run {
		r := hostDies()
		r.Probe, r.End = nil, at(60000)
		for _, name := range []string{"0-5460", "5461-10922", "10923-16383"} {
			for ms := -2000.0; ms < 60000; ms += 100 {
				r.Probe = append(r.Probe, acks(name, ms, ms+20), acks(name, ms+1, ms+31), acks(name, ms+2, ms+22))
			}
		}
		return r
	}
	old := long()
	if n := len(SVG(long(), &old)); n > 200<<10 {
		t.Errorf("the picture has %d bytes", n)
	}
}
