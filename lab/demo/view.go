package demo

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
)

// view shows one run as it happens: a time line in milliseconds from the fault, and beneath it who holds the VIP, the role of each
// instance and the writes a second.
type view struct {
	screen *screen
	run    *lab.Run
	queue  chan any
	done   chan struct{}
	ended  sync.WaitGroup

	fault host.Mono
	acked []sample
	// silent are the ranges that are not writable now.
	silent map[string]bool
	// told are sentences that were shown already; the same one again says nothing new.
	told     map[string]bool
	lastLine time.Time
}

// sample is a count of acknowledgements at an instant.
type sample struct {
	at    time.Time
	count int
}

const (
	// refresh is how often the footer is drawn again; plainEvery how often the same is written as a line where there is no footer.
	refresh    = 100 * time.Millisecond
	plainEvery = time.Second
	// plainLong is that period once a run takes longer than a few seconds.
	plainLong = 5 * time.Second
)

// watch shows a run from now on, until stop.
func watch(s *screen, r *lab.Run) *view {
	v := &view{screen: s, run: r, queue: make(chan any, 10000), done: make(chan struct{}), silent: map[string]bool{}, told: map[string]bool{}}
	put := func(e any) {
		select {
		case v.queue <- e:
		default:
			// A terminal that does not take its lines must not hold up what is measured.
		}
	}
	r.Timeline.Tap(func(e lab.Event) { put(e) })
	r.Out.Tap(func(e probe.Event) { put(e) })
	for _, l := range v.state() {
		s.line("%s", l)
	}
	v.ended.Add(1)
	go v.loop()
	return v
}

// stop shows what is still queued and takes the footer away.
func (v *view) stop() {
	close(v.done)
	v.ended.Wait()
	v.screen.setFooter()
}

func (v *view) loop() {
	defer v.ended.Done()
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		select {
		case e := <-v.queue:
			v.show(e)
		case now := <-tick.C:
			v.refresh(now)
		case <-v.done:
			for len(v.queue) > 0 {
				v.show(<-v.queue)
			}
			return
		}
	}
}

// refresh brings the footer up to date, or writes it as one line now and then.
func (v *view) refresh(now time.Time) {
	v.acked = append(v.acked, sample{now, v.run.Out.Acked()})
	if i := slices.IndexFunc(v.acked, func(s sample) bool { return now.Sub(s.at) <= time.Second }); i > 0 {
		v.acked = v.acked[i:]
	}
	if v.screen.live {
		v.screen.setFooter(append([]string{""}, v.state()...)...)
		return
	}
	every := plainEvery
	if v.fault > 0 && host.Now().Sub(v.fault) > plainLong {
		every = plainLong
	}
	if now.Sub(v.lastLine) >= every {
		v.lastLine = now
		v.screen.line("%s", v.brief())
	}
}

// perSecond is how many writes were acknowledged in the last second.
func (v *view) perSecond() int {
	if len(v.acked) < 2 {
		return 0
	}
	first, last := v.acked[0], v.acked[len(v.acked)-1]
	return int(float64(last.count-first.count)/last.at.Sub(first.at).Seconds() + 0.5)
}

// state is the footer: a line for each host, and one for the writes.
func (v *view) state() []string {
	now := v.run.Timeline.View()
	var lines []string
	for _, b := range v.run.Hosts() {
		vip := v.screen.paint(quiet, "-  ")
		if now.VIP[b.Name] {
			vip = v.screen.paint(good, "VIP")
		}
		line := fmt.Sprintf("  %-7s %-13s %s", b.Name, b.Addr, vip)
		for _, p := range b.Ports {
			role := now.Role[b.Instance(p)]
			line += fmt.Sprintf("   %d %s", p, v.screen.paint(roleColour(role), fmt.Sprintf("%-8s", shortRole(role))))
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return append(lines, "  "+v.writes())
}

// writes is the line about the writes.
func (v *view) writes() string {
	text := fmt.Sprintf("%-7s %d a second", "writes", v.perSecond())
	if len(v.silent) > 0 {
		text += v.screen.paint(bad, fmt.Sprintf(", %d of 3 slot ranges are not writable", len(v.silent)))
	}
	return text
}

// brief is the state in one line.
func (v *view) brief() string {
	now := v.run.Timeline.View()
	holders := strings.Join(now.Holders(), " and ")
	if holders == "" {
		holders = "nobody"
	}
	var roles []string
	for _, b := range v.run.Hosts() {
		for _, p := range b.Ports {
			roles = append(roles, fmt.Sprintf("%d %s", p, shortRole(now.Role[b.Instance(p)])))
		}
	}
	return fmt.Sprintf("%10s  VIP %s | %s | %s", v.clock(host.Now()), holders, strings.Join(roles, ", "), strings.Join(strings.Fields(v.writes()), " "))
}

func shortRole(role string) string {
	if role == "replica-link-down" {
		return "replica, alone"
	}
	return role
}

func roleColour(role string) string {
	switch role {
	case "master":
		return good
	case "replica":
		return ""
	case "replica-link-down", "off":
		return quiet
	default:
		return bad
	}
}

// clock is an instant as the time line has it.
func (v *view) clock(at host.Mono) string {
	if v.fault == 0 {
		return ""
	}
	return millis(at.Sub(v.fault))
}
