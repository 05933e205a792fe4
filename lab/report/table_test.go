package report

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	ours := Row{System: "keepalived-redis", Result: Result{VIP: p(361.2), Writable: p(402.4), AfterVIP: p(41.2), WorstGap: p(403), Acked: 12345, Lost: 2, Observed: 2400 * time.Millisecond}}
	old := Row{System: "old scripts", Result: Result{VIP: p(3512), Acked: 987, Unread: 4321, Observed: 22040 * time.Millisecond}}
	for _, c := range []struct {
		name string
		rows []Row
		want string
	}{
		{"two systems", []Row{ours, old}, `
                  VIP moved      every slot    after       worst                      not read
                      after  writable after  the VIP   write gap  acknowledged  lost      back
keepalived-redis     361 ms          402 ms    41 ms      403 ms        12,345     2         0
old scripts        3,512 ms           never        -  never ends           987     0     4,321
never: not within the 22 s that were watched
not read back: acknowledged, and nobody served them at the end
`},
		{"nothing moved, nothing interrupted", []Row{{System: "keepalived-redis", Result: Result{Writable: p(0), WorstGap: p(9.95), Acked: 1234567}}}, `
                     VIP moved       every slot      worst
                         after   writable after  write gap  acknowledged  lost
keepalived-redis  did not move  not interrupted      10 ms     1,234,567     0
`},
		{"a host is cut off", []Row{{System: "köln", Result: Result{VIP: p(4.46), Writable: p(0.04), AfterVIP: p(-4.42), WorstGap: p(4), LastCutAck: p(1999.6)}}}, `
      VIP moved      every slot    after      worst  cut-off host
          after  writable after  the VIP  write gap   wrote until  acknowledged  lost
köln     4.5 ms            0 ms  -4.4 ms     4.0 ms      2,000 ms             0     0
`},
		{"several that never come", []Row{{System: "a", Result: Result{Observed: 22 * time.Second}}, {System: "b", Result: Result{Observed: 21940 * time.Millisecond}}, {System: "c", Result: Result{Observed: 30 * time.Second}}}, `
      VIP moved      every slot       worst
          after  writable after   write gap  acknowledged  lost
a  did not move           never  never ends             0     0
b  did not move           never  never ends             0     0
c  did not move           never  never ends             0     0
never: not within the 21.9 s that were watched
`},
		{"all of one commit", []Row{{System: "a", Commit: "abc-dirty"}, {System: "b", Commit: "abc-dirty"}}, `
      VIP moved      every slot       worst
          after  writable after   write gap  acknowledged  lost
a  did not move           never  never ends             0     0
b  did not move           never  never ends             0     0
all of commit abc-dirty
`},
		{"of several commits", []Row{{System: "a", Commit: "abc"}, {System: "b", Commit: "abc, def-dirty"}}, `
      VIP moved      every slot       worst
          after  writable after   write gap  acknowledged  lost          commit
a  did not move           never  never ends             0     0             abc
b  did not move           never  never ends             0     0  abc, def-dirty
`},
		{"each row of another commit", []Row{{System: "a", Commit: "abc"}, {System: "b", Commit: "def"}}, `
      VIP moved      every slot       worst
          after  writable after   write gap  acknowledged  lost  commit
a  did not move           never  never ends             0     0     abc
b  did not move           never  never ends             0     0     def
`},
		{"one row of several commits", []Row{{System: "a", Commit: "abc, def"}}, `
      VIP moved      every slot       worst
          after  writable after   write gap  acknowledged  lost    commit
a  did not move           never  never ends             0     0  abc, def
`},
		{"no row", nil, `
  VIP moved      every slot      worst
      after  writable after  write gap  acknowledged  lost
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Table(c.rows...)
			if got != c.want[1:] {
				t.Errorf("got\n%s\nwant\n%s", got, c.want[1:])
			}
			for _, line := range strings.Split(got, "\n") {
				if len([]rune(line)) > 100 {
					t.Errorf("%d columns: %s", len([]rune(line)), line)
				}
			}
		})
	}
}
