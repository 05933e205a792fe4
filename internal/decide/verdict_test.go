package decide

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/reason"
	"keepalived-redis/internal/testing/fixture"
)

// seen is a look at an instance on that port of this host, 10.0.0.1.
func seen(port uint16, s model.State) model.Look {
	return model.Look{Instance: model.Instance{Addr: netip.AddrPortFrom(host(1), port)}, State: s}
}

func host(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, n}) }

// verdictText is a verdict as the tables have it: "health: reason count/of; reason ports; …".
func verdictText(v model.Verdict) string {
	var parts []string
	for _, c := range v.Parts {
		text := clausesText([]model.Clause{c})
		if c.Of > 0 {
			text += " " + strconv.FormatInt(c.Count, 10) + "/" + strconv.FormatInt(c.Of, 10)
		}
		parts = append(parts, strings.ReplaceAll(text, "10.0.0.1:", ""))
	}
	return v.Health.String() + ": " + strings.Join(parts, "; ")
}

// Every state of an instance makes its host healthy, degraded or unhealthy.
func TestJudgeOne(t *testing.T) {
	well := []model.State{model.Up, model.MasterDown, model.Working}
	warned := []model.State{model.Busy, model.NoAuth, model.WrongPassword, model.NoPerm, model.Denied, model.TooManyClients,
		model.NoTLS, model.WantsTLS, model.UnknownCA, model.ExpiredCert, model.BadName, model.WantsCert, model.RefusesCert, model.OtherTLS}
	for s := range model.StateWords {
		s := model.State(s)
		want := "unhealthy: " + string(reason.Of(s)) + " 7000"
		switch {
		case slices.Contains(well, s):
			want = "healthy: all-answer 1/1"
		case slices.Contains(warned, s):
			want = "degraded: " + string(reason.Of(s)) + " 7000"
		}
		f := Facts{Locals: []model.Look{seen(7000, s)}, BusyGrace: 5 * time.Second, BusyFor: map[string]time.Duration{"10.0.0.1:7000": 900 * time.Millisecond}}
		if got := verdictText(Judge(f)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A master of a pair beside a serving one of a better claim makes its host unhealthy where it takes long to follow, whatever the VRRP state. If the VIP
// answers nowhere the host may take it all the same.
func TestAnOutrankedMasterTakesLongToFollow(t *testing.T) {
	overruled := func(o *model.Observation, d time.Duration) {
		changePair(o, func(p *model.Pair) { p.Overruled = model.Stretch{For: d, Looks: 9} })
	}
	for name, c := range map[string]struct {
		makes func(*model.Observation)
		want  string
	}{
		"it follows soon": {func(o *model.Observation) { overruled(o, followsWithin-1) }, ""},
		"it takes long":   {func(o *model.Observation) { overruled(o, followsWithin) }, "unhealthy: peer-serves B:6379"},
		"in FAULT":        {func(o *model.Observation) { overruled(o, followsWithin); o.State = model.VRRPFault }, "unhealthy: peer-serves B:6379"},
		"held": {func(o *model.Observation) {
			overruled(o, followsWithin)
			o.Maintenance = model.Maintenance{Word: model.Hold}
		}, "degraded: hold"},
		"the peer does not serve":   {func(o *model.Observation) { overruled(o, followsWithin); o.Peers[0].State = model.Loading }, ""},
		"ours has the better claim": {func(o *model.Observation) { overruled(o, followsWithin); o.Locals[0].Term.N = 9 }, ""},
	} {
		o := twoMasters()
		c.makes(&o)
		out, got := Outcome(&o, Decide(o)), ""
		if out.Unhealthy() {
			last := model.Degraded
			got = verdictText(VerdictOn(&o, out, Facts{}, &last))
		}
		if got != c.want || out.MayNotServe() {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A replica that cannot write does not keep the VIP away, a master does.
func TestJudgeAFullDisk(t *testing.T) {
	for role, want := range map[model.Role]string{model.Master: "unhealthy: misconf 7000", model.Replica: "degraded: replica-no-disk 7000"} {
		l := seen(7000, model.Misconf)
		l.Info = &model.Info{Role: role}
		if got := verdictText(Judge(Facts{Locals: []model.Look{l}})); got != want {
			t.Errorf("%s: got %q", role, got)
		}
	}
}

// better is another host that could serve more.
var better = map[netip.Addr]int{host(2): 3}

func TestJudgeSeveral(t *testing.T) {
	for want, looks := range map[string][]model.Look{
		"unhealthy: no-instance":                       {},
		"healthy: all-answer 3/3":                      {seen(7000, model.Up), seen(7001, model.MasterDown), seen(7002, model.Up)},
		"unhealthy: silent 7001":                       {seen(7000, model.Up), seen(7001, model.Silent)},
		"unhealthy: not-redis 7000; refused 7001":      {seen(7000, model.NotRedis), seen(7001, model.Refused)},
		"unhealthy: refused 7000 7002; not-redis 7001": {seen(7000, model.Refused), seen(7001, model.NotRedis), seen(7002, model.Refused)},
		"degraded: too-many-clients 7001":              {seen(7000, model.Up), seen(7001, model.TooManyClients)},
		"unhealthy: loading 7002; no-auth 7000":        {seen(7000, model.NoAuth), seen(7001, model.Up), seen(7002, model.Loading)},
	} {
		if got := verdictText(Judge(Facts{Locals: looks, Able: better})); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The words of an error stand in a verdict where the state says too little: in one line, and not for ever.
func TestJudgeWithTheWordsOfAnError(t *testing.T) {
	long := errors.New("ERR unknown command 'PING',\r\nwith args beginning with: " + strings.Repeat("é", 100))
	for name, c := range map[string]struct {
		state model.State
		err   error
		want  string
	}{
		"an error reply": {model.OtherError, long, "ERR unknown command 'PING', with args beginning with: " + strings.Repeat("é", 23) + "…"},
		"not looked at":  {model.Unseen, errors.New("dial unix /run/redis.sock: permission denied"), "dial unix /run/redis.sock: permission denied"},
		"refused":        {model.Refused, errors.New("dial tcp: connection refused"), ""},
		"no error":       {model.OtherError, nil, ""},
	} {
		l := seen(7000, c.state)
		l.Err = c.err
		if got := Judge(Facts{Locals: []model.Look{l}}).Parts[0].Name; got != c.want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// TestRequire: how many must be healthy, for every number of those that are.
func TestRequire(t *testing.T) {
	up, dead := model.Up, model.Refused
	three := func(a, b, c model.State) []model.Look {
		return []model.Look{seen(7000, a), seen(7001, b), seen(7002, c)}
	}
	for _, c := range []struct {
		require int
		looks   []model.Look
		want    string
	}{
		{0, three(up, up, up), "healthy: all-answer 3/3"},
		{0, three(up, up, dead), "unhealthy: refused 7002"},
		{3, three(up, up, dead), "unhealthy: refused 7002"},
		{9, three(up, up, up), "healthy: all-answer 3/3"},
		{9, three(up, up, dead), "unhealthy: refused 7002"},
		{2, three(up, up, dead), "degraded: enough 2/3; refused 7002"},
		{2, three(up, dead, dead), "unhealthy: too-few 1/3; refused 7001 7002"},
		{1, three(up, dead, dead), "degraded: enough 1/3; refused 7001 7002"},
		{1, three(dead, dead, dead), "unhealthy: too-few 0/3; refused 7000 7001 7002"},
		{1, three(up, model.Denied, dead), "degraded: enough 2/3; refused 7002; denied 7001"},
		{1, nil, "unhealthy: no-instance"},
	} {
		if got := verdictText(Judge(Facts{Locals: c.looks, Require: c.require, Able: better})); got != c.want {
			t.Errorf("require %d: got %q, want %q", c.require, got, c.want)
		}
	}
	if got := Judge(Facts{Locals: three(up, dead, dead), Require: 2, Able: better}).Parts[0].Need; got != 2 {
		t.Errorf("%d must be healthy", got)
	}
}

// TestJustAsUnhealthy: one shared mistake does not take the VIP from both hosts. Where nothing is served here, nothing less than certainty keeps it.
func TestJustAsUnhealthy(t *testing.T) {
	full := func(port uint16) model.Look {
		l := seen(port, model.Misconf)
		l.Info = &model.Info{Role: model.Master}
		return l
	}
	peer := func(n byte, l model.Look) model.Look {
		l.Instance.Addr = netip.AddrPortFrom(host(n), l.Instance.Addr.Port())
		return l
	}
	replica := full(7003)
	replica.Info = &model.Info{Role: model.Replica}
	for name, c := range map[string]struct {
		peers []model.Look
		stays bool
	}{
		"no peers":                            {nil, false},
		"a full disk there as well":           {[]model.Look{peer(2, full(7003)), peer(2, seen(7004, model.Up))}, true},
		"less there":                          {[]model.Look{peer(2, seen(7003, model.Up)), peer(2, seen(7004, model.Up))}, false},
		"a replica there, which cannot write": {[]model.Look{peer(2, replica), peer(2, seen(7004, model.Up))}, true},
		"one dead there, one alive":           {[]model.Look{peer(2, seen(7003, model.Refused)), peer(2, seen(7004, model.Up))}, true},
		"all dead there":                      {[]model.Look{peer(2, seen(7003, model.Refused)), peer(2, seen(7004, model.Refused))}, false},
		"silent there":                        {[]model.Look{peer(2, seen(7003, model.Silent)), peer(2, seen(7004, model.Silent))}, false},
		"slow there, which proves nothing":    {[]model.Look{peer(2, seen(7003, model.Stalled)), peer(2, seen(7004, model.Up))}, false},
		"not looked at":                       {[]model.Look{peer(2, seen(7003, model.Unseen)), peer(2, seen(7004, model.Up))}, false},
		"two hosts, and both":                 {[]model.Look{peer(2, full(7003)), peer(3, seen(7004, model.Loading))}, true},
		"two hosts, and one is well":          {[]model.Look{peer(2, full(7003)), peer(3, seen(7004, model.Up))}, false},
		"two hosts, and one is silent":        {[]model.Look{peer(2, full(7003)), peer(3, seen(7004, model.Silent))}, false},
	} {
		want := "unhealthy: misconf 7000"
		if c.stays {
			want = "degraded: same-fault 0/1; misconf 7000"
		}
		if got := verdictText(Judge(Facts{Locals: []model.Look{full(7000)}, Peers: c.peers})); got != want {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if got := verdictText(Judge(Facts{Locals: []model.Look{seen(7000, model.Up)}, Peers: []model.Look{peer(2, full(7003))}})); got != "healthy: all-answer 1/1" {
		t.Errorf("healthy here: %q", got)
	}
}

// TestLastHost: a host that can serve something gives its VIP away only to one that is seen to serve more.
func TestLastHost(t *testing.T) {
	up, dead := seen(7000, model.Up), seen(7001, model.Refused)
	last := "degraded: no-better-host 1/2; refused 7001"
	for name, c := range map[string]struct {
		locals []model.Look
		able   map[netip.Addr]int
		want   string
	}{
		"nothing is known of the others":        {[]model.Look{up, dead}, nil, last},
		"the other serves nothing":              {[]model.Look{up, dead}, map[netip.Addr]int{host(2): 0}, last},
		"a tie":                                 {[]model.Look{up, dead}, map[netip.Addr]int{host(2): 1}, last},
		"the other serves more":                 {[]model.Look{up, dead}, map[netip.Addr]int{host(2): 2}, "unhealthy: refused 7001"},
		"one of two others serves more":         {[]model.Look{up, dead}, map[netip.Addr]int{host(2): 0, host(3): 2}, "unhealthy: refused 7001"},
		"loading, alone":                        {[]model.Look{up, seen(7001, model.Loading)}, nil, "degraded: no-better-host 1/2; loading 7001"},
		"nothing here, and nobody known":        {[]model.Look{dead}, nil, "unhealthy: refused 7001"},
		"nothing here, and more there":          {[]model.Look{dead}, map[netip.Addr]int{host(2): 1}, "unhealthy: refused 7001"},
		"all is well, whatever there is beside": {[]model.Look{up}, map[netip.Addr]int{host(2): 9}, "healthy: all-answer 1/1"},
	} {
		if got := verdictText(Judge(Facts{Locals: c.locals, Able: c.able})); got != c.want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// TestBusyWarns: what is busy for a second is worth a word, and up to busy_grace no more. A script is worth one at once.
func TestBusyWarns(t *testing.T) {
	for _, c := range []struct {
		state   model.State
		busyFor time.Duration
		byHand  bool
		want    string
	}{
		{model.Working, 0, false, "healthy: all-answer 1/1"},
		{model.Working, 999 * time.Millisecond, false, "healthy: all-answer 1/1"},
		{model.Working, time.Second, false, "degraded: working 7000"},
		{model.Working, 0, true, "degraded: working 7000"},
		{model.Working, 5 * time.Second, false, "unhealthy: busy-too-long 7000"},
		{model.Busy, 0, false, "degraded: busy 7000"},
		{model.Busy, 5 * time.Second, false, "unhealthy: busy-too-long 7000"},
	} {
		f := Facts{Locals: []model.Look{seen(7000, c.state)}, BusyGrace: 5 * time.Second, ByHand: c.byHand,
			BusyFor: map[string]time.Duration{"10.0.0.1:7000": c.busyFor, "10.0.0.1:7001": time.Minute}}
		if got := verdictText(Judge(f)); got != c.want {
			t.Errorf("%s for %s: got %q", c.state, c.busyFor, got)
		}
	}
}

// What is so of the host counts more than its instances; a fence and a cut more than a maintenance, and they more than a cold start.
func TestVerdictOn(t *testing.T) {
	before := model.Degraded
	drain, hold := model.Maintenance{Word: model.Drain, Reason: "disks"}, model.Maintenance{Word: model.Hold, Reason: "disks"}
	fence := func(o *model.Observation) { o.Fence = &model.FenceView{} }
	for name, c := range map[string]struct {
		change func(*model.Observation)
		last   *model.Health
		want   string
	}{
		"nothing special":    {func(*model.Observation) {}, nil, "healthy: all-answer 1/1"},
		"fenced":             {fence, nil, "unhealthy: fenced"},
		"cut off":            {func(o *model.Observation) { o.Alone = forLong }, nil, "unhealthy: cut-off"},
		"cut off and fenced": {func(o *model.Observation) { o.Alone = forLong; fence(o) }, nil, "unhealthy: cut-off; fenced"},
		"cold":               {func(o *model.Observation) { *o = masterHere(); o.Cold.Peerless = true }, nil, "unhealthy: cold-start"},
		"cold, without a peer": {func(o *model.Observation) {
			*o = masterHere()
			o.Cold.Peerless = true
			changePair(o, func(p *model.Pair) { p.Peer = netip.AddrPort{} })
		}, nil, "healthy: all-answer 1/1"},
		"cold and fenced":      {func(o *model.Observation) { *o = masterHere(); o.Cold.Peerless = true; fence(o) }, nil, "unhealthy: fenced"},
		"drained":              {func(o *model.Observation) { o.Maintenance = drain }, &before, "unhealthy: drain"},
		"held as it was":       {func(o *model.Observation) { o.Maintenance = hold }, &before, "degraded: hold"},
		"held, nothing before": {func(o *model.Observation) { o.Maintenance = hold }, nil, "healthy: all-answer 1/1"},
		"held behind a fence":  {func(o *model.Observation) { o.Maintenance = hold; fence(o) }, &before, "unhealthy: fenced; maintenance"},
	} {
		o := fixture.Cluster()
		c.change(&o)
		plan := Decide(o)
		out := Outcome(&o, plan)
		if got := verdictText(VerdictOn(&o, out, Facts{Locals: []model.Look{seen(7000, model.Up)}}, c.last)); got != c.want {
			t.Errorf("%s: got %q", name, got)
		}
		if clausesText(out.Clauses) != clausesText(plan.Clauses) {
			t.Errorf("%s: the outcome says %s", name, clausesText(out.Clauses))
		}
	}
}

func TestAbandoned(t *testing.T) {
	v := Judge(Facts{Locals: []model.Look{seen(7000, model.Refused)}, Able: better})
	if got := verdictText(Abandoned(v)); got != "degraded: vip-nowhere; refused 7000" {
		t.Errorf("got %q", got)
	}
}
