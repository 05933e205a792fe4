package redis

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
)

// seed adds every recording whose name matches, raw and as the text inside.
func seed(f *testing.F, pattern string) {
	files, err := filepath.Glob(filepath.Join(recordings, "*", pattern))
	if err != nil || len(files) == 0 {
		f.Fatalf("no recording of %s: %v", pattern, err)
	}
	for _, p := range files {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
		if _, text, ok := strings.Cut(string(b), "\r\n"); ok && b[0] == '$' {
			f.Add(strings.TrimSuffix(text, "\r\n"))
		}
	}
}

// FuzzParseInfo: what is accepted can be believed, and says the same when it is written down and read again.
func FuzzParseInfo(f *testing.F) {
	seed(f, "*info*.resp")
	f.Add("role:master\r\nused_memory:-1\r\nrdb_last_save_time:9223372036854775808\r\naof_last_write_status:\x1b[31m\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		i, err := ParseInfo(text)
		if err != nil {
			if i != (model.Info{}) || len(err.Error()) > 400 {
				t.Errorf("%+v beside the error %q", i, err)
			}
			return
		}
		if i.Role != model.Master && i.Role != model.Replica || i.PID < 0 || i.Replicas < 0 || i.Master.IsValid() && (i.Master.Port() == 0 || i.Role != model.Replica) {
			t.Errorf("accepted %+v", i)
		}
		if again, err := ParseInfo(formatInfo(i)); err != nil || again != i {
			t.Errorf("%+v\nread again: %+v, %v", i, again, err)
		}
	})
}

// formatInfo writes down what was read, as a server says it.
func formatInfo(i model.Info) string {
	var b strings.Builder
	line := func(key string, v any) { fmt.Fprintf(&b, "%s:%v\r\n", key, v) }
	bit := map[bool]int{true: 1}
	line("redis_version", i.VersionText)
	line("process_id", i.PID)
	line("run_id", i.RunID)
	line("cluster_enabled", bit[i.Cluster])
	line("role", i.Role)
	if i.Master.IsValid() {
		line("master_host", i.Master.Addr())
		line("master_port", i.Master.Port())
	}
	line("master_link_status", map[bool]string{true: "up", false: "down"}[i.LinkUp])
	if i.WasLinked {
		line("master_link_down_since_seconds", "5")
	}
	line("master_sync_in_progress", bit[i.Syncing])
	line("uptime_in_seconds", int64(i.Uptime/time.Second))
	line("loading", bit[i.Loading])
	line("slave_repl_offset", i.Offset)
	line("master_repl_offset", i.Offset)
	line("connected_slaves", i.Replicas)
	if i.MinReplicas {
		line("min_slaves_good_slaves", 0)
	}
	if i.Keys > 0 {
		line("db0", fmt.Sprintf("keys=%d,expires=0,avg_ttl=0", i.Keys))
	}
	for key, f := range map[string]model.Figure{"used_memory": i.UsedMemory, "connected_clients": i.Clients, "rdb_last_save_time": i.LastSave, "aof_enabled": i.AOF} {
		if f.Known {
			line(key, f.Value)
		}
	}
	line("rdb_last_bgsave_status", i.SaveStatus)
	line("aof_last_write_status", i.AOFStatus)
	return b.String()
}

// FuzzParseNodes: addresses and slots are in range, and what is accepted reads the same again.
func FuzzParseNodes(f *testing.F) {
	seed(f, "*cluster-nodes.resp")
	f.Add("n1 :0@0 master,noaddr,fail - 1 1 2 disconnected\nn2 2001:db8::1:7000@17000,a.example myself,slave n1 0 0 2 connected [5-<-n1] 7 9-11")
	f.Fuzz(func(t *testing.T, text string) {
		ns, err := ParseNodes(text)
		if err != nil {
			if ns != nil || strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 800 {
				t.Errorf("%v beside the error %q", ns, err)
			}
			return
		}
		for _, n := range ns {
			if n.Addr.IsValid() && n.Addr.Port() == 0 || n.ID == "" {
				t.Errorf("accepted %+v", n)
			}
			for _, r := range n.Slots {
				if r.First < 0 || r.Last > 16383 || r.First > r.Last {
					t.Errorf("slots %v", r)
				}
			}
		}
		if again, err := ParseNodes(formatNodes(ns)); err != nil || !reflect.DeepEqual(again, ns) {
			t.Errorf("%+v\nread again: %+v, %v", ns, again, err)
		}
	})
}

// formatNodes writes down what was read, as a server says it.
func formatNodes(ns model.Nodes) string {
	var b strings.Builder
	for _, n := range ns {
		addr, master := ":0", "-"
		if n.Addr.IsValid() {
			addr = fmt.Sprintf("%s:%d", n.Addr.Addr(), n.Addr.Port())
		}
		if n.MasterID != "" {
			master = n.MasterID
		}
		flags := []string{"noflags"}
		for flag, set := range map[string]bool{"myself": n.Myself, "master": n.Role == model.Master, "slave": n.Role == model.Replica, "fail": n.Failed, "fail?": n.Suspected, "noaddr": n.Unknown} {
			if set {
				flags = append(flags, flag)
			}
		}
		pong := int64(0)
		if !n.Answered.IsZero() {
			pong = n.Answered.UnixMilli()
		}
		link := "connected"
		if n.Mute {
			link = "disconnected"
		}
		fmt.Fprintf(&b, "%s %s %s %s 0 %d %d %s", n.ID, addr, strings.Join(flags, ","), master, pong, n.Epoch, link)
		for _, s := range n.Slots {
			fmt.Fprintf(&b, " %d-%d", s.First, s.Last)
		}
		for _, s := range n.Open {
			arrow := "->-"
			if s.Importing {
				arrow = "-<-"
			}
			fmt.Fprintf(&b, " [%d%s%s]", s.Slot, arrow, s.Other)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// FuzzClassify: an error reply means that Redis lives, whatever its words.
func FuzzClassify(f *testing.F) {
	seed(f, "*.resp")
	for _, r := range replies {
		f.Add(r.prefix)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := Classify(fmt.Errorf("look: %w", replyError(text)))
		if strings.HasPrefix(text, "redis: ") { // go-redis' own words
			return
		}
		if !s.Alive() || s == model.Up || s.String() == "" {
			t.Errorf("%q means that the instance %s", text, s)
		}
	})
}

// FuzzAnswers: whatever a server sends, in whatever pieces, a look has a state, and an instance that is up has answered PONG.
func FuzzAnswers(f *testing.F) {
	add := func(text string) { f.Add(text, 1<<16, false); f.Add(text, 3, true) }
	for _, text := range []string{"", "+PONG\r\n$11\r\nrole:master\r\n-ERR no cluster\r\n", "*-1\r\n", "$-1\r\n", "+PONG\r\n$13\r\nrole:master\r\n\r\n-ERR no cluster\r\n",
		"-ERR max number of clients reached\r\n", "$1099511627776\r\n", "+OK\r\n+PONG\r\n$0\r\n\r\n$0\r\n\r\n"} {
		add(text)
	}
	for _, name := range []string{"cluster-master", "cluster-replica"} {
		for _, server := range []string{"redis-3.2.4", "redis-7.4.1", "valkey-8.0.1"} {
			info, err1 := os.ReadFile(filepath.Join(recordings, server, name+".info.resp"))
			nodes, err2 := os.ReadFile(filepath.Join(recordings, server, name+".cluster-nodes.resp"))
			if err1 == nil && err2 == nil {
				add("+PONG\r\n" + string(info) + string(nodes))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string, piece int, auth bool) {
		target := Target{Instance: model.At(netip.MustParseAddrPort("10.0.0.1:7000"))}
		if auth {
			target.Password = "swordfish"
		}
		_, a := request(target)
		look, end := inquire(target), false
		var err error
		for left := text; left != "" && !end; {
			n := min(max(piece, 1), len(left))
			a.buf = append(a.buf, left[:n]...)
			left = left[n:]
			end, err = a.take(n)
		}
		if !end {
			err = io.EOF
		}
		look.conclude(&a, err)
		if look.State == model.Unseen || look.State == model.Silent || look.State == model.Refused || look.State == model.Stalled {
			t.Errorf("the instance %s (%v)", look.State, look.Err)
		}
		if look.State == model.Up && !strings.Contains(text, "PONG") || look.State != model.Up && look.Err == nil && look.State != model.Loading {
			t.Errorf("the instance %s (%v)", look.State, look.Err)
		}
		if look.Err != nil && (strings.ContainsAny(look.Err.Error(), "\r\n") && look.State == model.NotRedis || strings.Contains(look.Err.Error(), "swordfish") && !strings.Contains(text, "swordfish")) {
			t.Errorf("it says %q", look.Err)
		}
	})
}

// FuzzExchange: whatever a server sends over a connection, a look ends and has a state, and an instance that is up has answered PONG.
func FuzzExchange(f *testing.F) {
	seed(f, "*.ping*.resp")
	seed(f, "*cluster-nodes.resp")
	for _, text := range []string{"", "+PONG\r\n$11\r\nrole:master\r\n-ERR no cluster\r\n", "*-1\r\n", "=9\r\ntxt:hello\r\n", "!5\r\nERR x\r\n", "_\r\n", "$1099511627776\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		go io.Copy(io.Discard, theirs)
		go func() {
			io.WriteString(theirs, text)
			theirs.Close()
		}()
		got := inquire(Target{Instance: model.Instance{Socket: "pipe"}})
		ask, a := request(got.target)
		begun := time.Now()
		got.conclude(&a, a.exchange(ours, ask, begun.Add(10*time.Second)))
		if got.State.String() == "" || got.State == model.Unseen || got.State == model.Silent || got.State == model.Refused {
			t.Errorf("the instance %s (%v)", got.State, got.Err)
		}
		if got.State == model.Up && !strings.Contains(text, "PONG") || got.State != model.Up && got.Err == nil && got.State != model.Loading {
			t.Errorf("the instance %s (%v)", got.State, got.Err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// FuzzParseTerm: what is read as a term is written again in the same letters, and nothing else is read as one.
func FuzzParseTerm(f *testing.F) {
	for _, text := range []string{"", "0", "6", "06", "00", "006", "6 ", "+6", "0x6", "9223372036854775807", "09223372036854775807", "9223372036854775808"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		term, err := parseTerm(text, nil)
		if err != nil {
			if term != (model.Term{}) || len(err.Error()) > 300 {
				t.Errorf("%+v beside the error %q", term, err)
			}
			return
		}
		if !term.Known || term.Text() != text || term.Released && term.N == 0 {
			t.Errorf("%q is %+v", text, term)
		}
		// A program that does not know the mark reads the same term.
		if n, err := strconv.ParseUint(text, 10, 63); err != nil || n != term.N {
			t.Errorf("%q is %+v, and without the mark %d, %v", text, term, n, err)
		}
	})
}
