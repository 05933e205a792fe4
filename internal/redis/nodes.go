package redis

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"keepalived-redis/internal/model"
)

// ErrNodes: the text is not a CLUSTER NODES reply.
var ErrNodes = errors.New("not a CLUSTER NODES reply")

// ParseNodes reads a CLUSTER NODES reply of any version (3.2 has no @busport, 7 may have ,hostname). A line that cannot
// be read makes the whole reply an error: a decision on half a view would be a guess.
func ParseNodes(text string) (model.Nodes, error) {
	var nodes model.Nodes
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\r")
		if line == "" {
			continue
		}
		n, err := parseNode(line)
		if err != nil {
			return nil, fmt.Errorf("%w: %w in %.80q", ErrNodes, err, line)
		}
		nodes = append(nodes, n)
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrNodes)
	}
	return nodes, nil
}

func parseNode(line string) (model.Node, error) {
	f := strings.Fields(line)
	if len(f) < 8 {
		return model.Node{}, fmt.Errorf("%d fields of at least 8", len(f))
	}
	n := model.Node{ID: f[0], Addr: parseNodeAddr(f[1])}
	for _, flag := range strings.Split(f[2], ",") {
		switch flag {
		case "myself":
			n.Myself = true
		case "master":
			n.Role = model.Master
		case "slave", "replica":
			n.Role = model.Replica
		case "fail":
			n.Failed = true
		case "fail?":
			n.Suspected = true
		case "handshake", "noaddr":
			n.Unknown = true
		}
	}
	if f[3] != "-" {
		n.MasterID = f[3]
	}
	if pong, err := strconv.ParseInt(f[5], 10, 64); err == nil && pong > 0 {
		n.Answered = time.UnixMilli(pong)
	}
	n.Mute = !n.Myself && (f[4] != "0" || f[7] != "connected")
	var err error
	if n.Epoch, err = strconv.ParseUint(f[6], 10, 64); err != nil {
		return model.Node{}, fmt.Errorf("epoch %.40q", f[6])
	}
	for _, s := range f[8:] {
		if strings.HasPrefix(s, "[") {
			if open, ok := parseOpen(s); ok {
				n.Open = append(n.Open, open)
			}
			continue
		}
		first, last, ranged := strings.Cut(s, "-")
		if !ranged {
			last = first
		}
		a, err1 := strconv.Atoi(first)
		b, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || a < 0 || b < a || b > 16383 {
			return model.Node{}, fmt.Errorf("slots %.40q", s)
		}
		n.Slots = append(n.Slots, model.Slots{First: a, Last: b})
	}
	return n, nil
}

// parseOpen reads "[93-<-ID]", on its way in, and "[77->-ID]", on its way out. Other marks are passed over: the slots are named
// beside them.
func parseOpen(s string) (model.OpenSlot, bool) {
	s, closed := strings.CutSuffix(strings.TrimPrefix(s, "["), "]")
	slot, arrow, _ := strings.Cut(s, "-")
	o := model.OpenSlot{Importing: strings.HasPrefix(arrow, "<-")}
	if len(arrow) < 3 || !o.Importing && !strings.HasPrefix(arrow, ">-") {
		return o, false
	}
	n, err := strconv.ParseUint(slot, 10, 14)
	o.Slot, o.Other = int(n), arrow[2:]
	return o, closed && err == nil
}

// parseNodeAddr reads ip:port, ip:port@busport and ip:port@busport,hostname. Anything without an address gives the zero value.
func parseNodeAddr(s string) netip.AddrPort {
	s, _, _ = strings.Cut(s, ",")
	s, _, _ = strings.Cut(s, "@")
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return netip.AddrPort{}
	}
	a, err := netip.ParseAddr(s[:colon])
	port, err2 := strconv.ParseUint(s[colon+1:], 10, 16)
	if err != nil || err2 != nil || port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(port))
}
