package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/host"
	"keepalived-redis/lab/probe"
)

// show writes what belongs into the time line.
func (v *view) show(e any) {
	var at host.Mono
	var where, text, colour string
	switch e := e.(type) {
	case lab.Event:
		at, where = e.At, e.Host
		if e.Kind == lab.KindStep && v.fault == 0 {
			v.fault = at
		}
		text, colour = v.tell(e)
	case probe.Event:
		at, where = e.At, "client"
		text, colour = v.tellWrites(e)
	}
	if text == "" || v.fault == 0 {
		return
	}
	if v.told[where+text] {
		return
	}
	v.told[where+text] = true
	v.screen.line("%10s  %-7s %s", v.clock(at), where, v.screen.paint(colour, text))
}

// tell is the sentence for an event of a host, empty when it does not belong into the time line.
func (v *view) tell(e lab.Event) (text, colour string) {
	switch e.Kind {
	case lab.KindStep:
		return e.Text, loud
	case host.EventVIP:
		if e.Present {
			return "has the VIP now", good
		}
		return "has the VIP no longer", ""
	case host.EventRole:
		_, port, _ := strings.Cut(e.Addr, ":")
		switch e.Text {
		case "master":
			return "redis " + port + " is a master now", good
		case "replica-link-down", "off":
			return "", ""
		default:
			return "redis " + port + " is " + e.Text, ""
		}
	case host.EventLog:
		return tellLog(e)
	default:
		return "", ""
	}
}

// tellLog keeps what our programs say, and of keepalived only the states.
func tellLog(e lab.Event) (text, colour string) {
	switch {
	case slices.Contains(lab.Programs, e.Program):
		return e.Program + ": " + e.Text, ""
	case strings.HasPrefix(e.Program, "Keepalived") && strings.Contains(e.Text, " Entering "):
		return "keepalived: " + e.Text, quiet
	default:
		return "", ""
	}
}

// tellWrites is the sentence for what the write probe saw.
func (v *view) tellWrites(e probe.Event) (text, colour string) {
	switch e.Kind {
	case probe.Silent:
		v.silent[e.Range] = true
		return fmt.Sprintf("slots %s: no write is acknowledged any more", e.Range), bad
	case probe.Back:
		delete(v.silent, e.Range)
		if e.Gap < 100*time.Millisecond {
			return "", ""
		}
		return fmt.Sprintf("slots %s: writable again after %s, on %s", e.Range, millis(e.Gap), e.Addr), good
	default:
		return "", ""
	}
}
