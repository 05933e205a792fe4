package probe

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

const slotCount = 16384

// crcTable is that of CRC16/XMODEM, as in the cluster specification, appendix A.
var crcTable = func() (t [256]uint16) {
	for i := range t {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		t[i] = crc
	}
	return t
}()

// slotOf is the slot of a hash tag.
func slotOf(tag string) int {
	var crc uint16
	for i := range len(tag) {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^tag[i]]
	}
	return int(crc) % slotCount
}

// tagCount tags are spread evenly over all slots: a range of a third gets 42 or 43 of them.
const tagCount = 128

// tag is a hash tag and its slot.
type tag struct {
	text string
	slot int
}

// tags holds one tag for each tagCount-th part of the slots, in order.
var tags = func() (all [tagCount]tag) {
	for i, found := 0, 0; found < tagCount; i++ {
		text := strconv.Itoa(i)
		part := slotOf(text) / (slotCount / tagCount)
		if all[part].text == "" {
			all[part] = tag{text, slotOf(text)}
			found++
		}
	}
	return all
}()

// shard is a master with its slots, as CLUSTER SLOTS tells.
type shard struct {
	master   string
	replicas []string
	// from and to are the bounds of its runs of slots, ascending.
	spans []span
}

type span struct{ from, to int }

func (s shard) slots() (n int) {
	for _, p := range s.spans {
		n += p.to - p.from + 1
	}
	return n
}

func (s shard) has(slot int) bool {
	return slices.ContainsFunc(s.spans, func(p span) bool { return p.from <= slot && slot <= p.to })
}

// name is how people know the range: "0-5460".
func (s shard) name() string {
	var all []string
	for _, p := range s.spans {
		all = append(all, fmt.Sprintf("%d-%d", p.from, p.to))
	}
	return strings.Join(all, ",")
}

// tags are the numbers of the tags in its slots.
func (s shard) tags() (all []int) {
	for i, t := range tags {
		if s.has(t.slot) {
			all = append(all, i)
		}
	}
	return all
}

// layout is one node's view of who serves what, in the order of the slots.
type layout []shard

// slots is the number of slots that somebody serves.
func (l layout) slots() (n int) {
	for _, s := range l {
		n += s.slots()
	}
	return n
}

// master is who serves a slot, or empty.
func (l layout) master(slot int) string {
	for _, s := range l {
		if s.has(slot) {
			return s.master
		}
	}
	return ""
}

var errLayout = errors.New("cannot read the answer to CLUSTER SLOTS")

// readLayout reads the answer to CLUSTER SLOTS: [[from, to, [ip, port, …], …], …]. A node that does not know its own address names it
// as empty: it is asked.
func readLayout(r reply, asked string) (layout, error) {
	var all layout
	for _, item := range r.items {
		if len(item.items) < 3 {
			return nil, errLayout
		}
		from, err1 := strconv.Atoi(item.items[0].text)
		to, err2 := strconv.Atoi(item.items[1].text)
		if err := errors.Join(err1, err2); err != nil || from < 0 || to < from || to >= slotCount {
			return nil, errLayout
		}
		var nodes []string
		for _, n := range item.items[2:] {
			if len(n.items) < 2 {
				return nil, errLayout
			}
			addr := net.JoinHostPort(n.items[0].text, n.items[1].text)
			if n.items[0].text == "" {
				addr = asked
			}
			nodes = append(nodes, addr)
		}
		i := slices.IndexFunc(all, func(s shard) bool { return s.master == nodes[0] })
		if i < 0 {
			all = append(all, shard{master: nodes[0], replicas: nodes[1:]})
			i = len(all) - 1
		}
		all[i].spans = append(all[i].spans, span{from, to})
	}
	for _, s := range all {
		slices.SortFunc(s.spans, func(a, b span) int { return a.from - b.from })
	}
	slices.SortFunc(all, func(a, b shard) int { return a.spans[0].from - b.spans[0].from })
	return all, nil
}
