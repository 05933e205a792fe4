package probe

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestArgs(t *testing.T) {
	for _, want := range []Options{
		{Source: "client", Mode: Cluster, VIP: netip.MustParseAddr("192.168.9.91"), Ports: []uint16{7000, 7005}, VerifyWithin: 2 * time.Second},
		{Source: "redis1", Mode: Local, Local: []netip.AddrPort{netip.MustParseAddrPort("192.168.9.70:7000"), netip.MustParseAddrPort("192.168.9.70:7001")},
			Interval: time.Millisecond, Timeout: time.Second, Dial: 3 * time.Millisecond, FindWithin: time.Minute},
		{Source: "client-script", Mode: Cluster, Way: Script, VIP: netip.MustParseAddr("192.168.9.91"), Ports: []uint16{7000}},
		{Source: "client", Mode: Sentinel, Nodes: []netip.AddrPort{netip.MustParseAddrPort("192.168.9.70:26379"), netip.MustParseAddrPort("192.168.9.71:26379")}, MasterName: "pair"},
	} {
		got, err := parse(want.Args(), io.Discard)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %+v, %v", want.Args(), got, err)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", `unknown mode ""`},
		{"-mode cluster", "needs the VIP"},
		{"-mode local", "at least one instance"},
		{"-mode sentinel -nodes 127.0.0.1:26379", "the master's name"},
		{"-mode local -local 127.0.0.1:1 -source {a}", "without spaces and braces"},
		{"-mode cluster -vip 127.0.0.1 -ports 7000 -dial -1s", "dial is negative"},
		{"-mode local -local 127.0.0.1:1 -way set", `unknown way "set"`},
		{"-mode cluster more", `unknown argument "more"`},
		{"-ports 70000", "is no port"},
	} {
		var said strings.Builder
		if code := Main(strings.Fields(c.args), strings.NewReader(""), io.Discard, &said); code == 0 || !strings.Contains(said.String(), c.want) {
			t.Errorf("%q: exit code %d, %q", c.args, code, said.String())
		}
	}
}

func TestNotFound(t *testing.T) {
	err := Run(context.Background(), Options{Source: "client", Mode: Cluster, VIP: netip.MustParseAddr("127.0.0.1"), Ports: []uint16{1}, FindWithin: 50 * time.Millisecond},
		func(e Event) { t.Errorf("event %+v", e) })
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
	}
}

func TestReplies(t *testing.T) {
	for in, want := range map[string]string{
		"+OK\r\n":                    "OK",
		"-MOVED 1 a:1\r\n":           "MOVED 1 a:1",
		"$-1\r\n":                    "null",
		"$2\r\nab\r\n":               "ab",
		"*2\r\n:1\r\n*1\r\n+x\r\n":   "[1 [x]]",
		"*-1\r\n":                    "null",
		"":                           "EOF",
		"$3\r\nab":                   "unexpected EOF",
		"OK\r\n":                     errReply.Error(),
		"+OK\n":                      errReply.Error(),
		"$99999999\r\n":              errReply.Error(),
		"*99999999\r\n":              errReply.Error(),
		"$x\r\n":                     errReply.Error(),
		strings.Repeat("*1\r\n", 99): errReply.Error(),
	} {
		r, err := readReply(bufio.NewReader(strings.NewReader(in)))
		got := show(r)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func show(r reply) string {
	switch {
	case r.null:
		return "null"
	case r.err != "":
		return string(r.err)
	case r.items == nil:
		return r.text
	}
	var all []string
	for _, i := range r.items {
		all = append(all, show(i))
	}
	return "[" + strings.Join(all, " ") + "]"
}

func TestLayout(t *testing.T) {
	node := func(ip, port string) reply {
		return reply{items: []reply{{text: ip}, {text: port}, {text: "id"}, {items: []reply{}}}}
	}
	entry := func(from, to string, nodes ...reply) reply {
		return reply{items: append([]reply{{text: from}, {text: to}}, nodes...)}
	}
	got, err := readLayout(reply{items: []reply{
		entry("9000", "16383", node("10.0.0.1", "7001")),
		entry("8000", "8999", node("", "7000"), node("10.0.0.2", "7003")),
		entry("0", "7999", node("", "7000"), node("10.0.0.2", "7003")),
	}}, "10.0.0.1:7000")
	if err != nil || len(got) != 2 || got.slots() != slotCount {
		t.Fatalf("%+v, %v", got, err)
	}
	if got[0].name() != "0-7999,8000-8999" || got[0].master != "10.0.0.1:7000" || got[0].replicas[0] != "10.0.0.2:7003" || got.master(16383) != "10.0.0.1:7001" {
		t.Errorf("%+v", got)
	}
	for _, bad := range []reply{entry("1", "2"), entry("1", "0", node("a", "1")), entry("0", "16384", node("a", "1")), entry("x", "1", node("a", "1")), entry("0", "1", reply{text: "a"})} {
		if l, err := readLayout(reply{items: []reply{bad}}, "a:1"); err == nil {
			t.Errorf("%+v: %+v", bad, l)
		}
	}
}

func TestMovedTo(t *testing.T) {
	for in, want := range map[string]string{"MOVED 1 10.0.0.1:7000": "10.0.0.1:7000", "MOVED 1 :7000": "10.9.9.9:7000", "MOVED 1": "", "ASK 1 10.0.0.1:7000": "", "MOVED 1 x": ""} {
		if got, ok := movedTo(serverError(in), "10.9.9.9:1"); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", in, got, ok)
		}
	}
}

func TestDecodeCut(t *testing.T) {
	n := 0
	err := Decode(strings.NewReader("{\"kind\":\"late\",\"at\":1}\n{\"kind\":\"acks\",\"ac"), func(Event) { n++ })
	if err != nil || n != 1 {
		t.Errorf("%d events, %v", n, err)
	}
	if err := Decode(strings.NewReader("not json"), func(Event) {}); err == nil {
		t.Error("nonsense is taken")
	}
}
