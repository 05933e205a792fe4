package probe

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"keepalived-redis/lab/host"
)

const (
	// maxInFlight bounds the attempts under way on one range, maxOnOne those of them at one instance.
	maxInFlight = 64
	maxOnOne    = 40
	// maxKnown bounds the instances that are tried for one range.
	maxKnown = 6
	// maxHops bounds how often one attempt follows MOVED.
	maxHops = 2
)

// record is one acknowledged write.
type record struct {
	at  host.Mono
	seq uint32
	tag uint16
}

// lane is the stream of writes to one range.
type lane struct {
	w     *writer
	name  string
	slots int
	// fixed: the writes go to the first address alone, whatever it answers (mode Local, VIP:port in mode Replication, and whom the
	// Sentinels name in mode Sentinel).
	fixed bool

	inFlight atomic.Int32
	wg       sync.WaitGroup

	mu sync.Mutex
	// tags are the numbers of the tags that are written to; none: nothing is written.
	tags []int
	// turn goes through them.
	turn int
	// owner is whom we write to; known are all who may serve the range, owner included.
	owner string
	known []string
	// at counts the attempts under way at each instance.
	at map[string]int
	// lastAck is the latest acknowledgement, 0 before the first; silent: reported as such.
	lastAck host.Mono
	silent  bool
	// since is when the first attempt after the latest acknowledgement began, 0 if there is none.
	since host.Mono
	// failing: the latest attempt at the owner brought no acknowledgement.
	failing bool
	worst   time.Duration
	records []record
	// acks and failed are not reported yet; total is everything that failed.
	acks   []host.Mono
	failed map[string]int
	total  map[string]int
}

func newLane(w *writer, name string, known ...string) *lane {
	return &lane{w: w, name: name, owner: known[0], known: known, at: map[string]int{}, failed: map[string]int{}, total: map[string]int{}}
}

// step makes the attempts that are due at the n-th step.
func (l *lane) step(n int64, now host.Mono) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watch(now)
	if len(l.tags) == 0 {
		return
	}
	trouble := l.inTrouble(now)
	if !trouble || l.fixed && l.w.opts.Mode == Local {
		if n%calmSteps == 0 {
			l.start(l.owner, now, false)
		}
		return
	}
	owner, others := pace(now.Sub(l.lastAck))
	if n%owner == 0 {
		l.start(l.owner, now, true)
	}
	if n%others != 0 {
		return
	}
	for _, addr := range l.known {
		if addr != l.owner {
			l.start(addr, now, true)
		}
	}
}

// calmSteps is how many steps make Options.Interval.
const calmSteps = 4

// pace says at every how many steps the owner of a range that has been silent for so long is tried, and at every how many the others. At
// first the owner is tried as ever: if it holds writers back, it answers when it lets them go, and a writer that comes with another
// connection every millisecond keeps a small machine from just that. What takes seconds need not be measured to the millisecond either.
func pace(silent time.Duration) (owner, others int64) {
	switch {
	case silent < 20*time.Millisecond:
		return calmSteps, calmSteps / 2
	case silent < 50*time.Millisecond:
		return 1, 1
	case silent < 2*time.Second:
		return 2, 2
	case silent < 10*time.Second:
		return 4, 4
	default:
		return 10, 10
	}
}

// inTrouble: the latest attempt failed, or half an interval has brought no answer. It comes a little early, as the steps do.
func (l *lane) inTrouble(now host.Mono) bool {
	return l.failing || l.since != 0 && now.Sub(l.since) >= l.w.opts.Interval*3/8+l.w.pause()
}

// silentFor: it is in trouble, and nobody that is known has acknowledged anything for so long.
func (l *lane) silentFor(d time.Duration, now host.Mono) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inTrouble(now) && now.Sub(l.lastAck) >= d
}

// lostAfter is how long those that are known are tried before anybody is asked for others: an answer with all slots costs a server as
// much as dozens of writes.
const lostAfter = 25 * time.Millisecond

// watch reports a range that has fallen silent.
func (l *lane) watch(now host.Mono) {
	if l.silent || l.lastAck == 0 || now.Sub(l.lastAck) <= max(SilentAfter, 4*l.w.opts.Interval) {
		return
	}
	l.silent = true
	text := "no answer yet"
	if len(l.failed) > 0 {
		text = kinds(l.failed)
	}
	at := l.lastAck
	l.flush(now)
	l.w.emit(Event{Kind: Silent, At: at, Range: l.name, Addr: l.owner, Text: text})
}

// start makes one attempt at addr, unless too many are under way.
func (l *lane) start(addr string, now host.Mono, trouble bool) {
	if l.inFlight.Load() >= maxInFlight || l.at[addr] >= maxOnOne {
		return
	}
	if l.since == 0 {
		l.since = now
	}
	l.turn++
	a := attempt{lane: l, addr: addr, began: now, seq: l.w.seq.Add(1), tag: l.tags[l.turn%len(l.tags)], maxAge: idle, follow: addr == l.owner && !l.fixed}
	if trouble && now.Sub(l.lastAck) >= hot {
		a.maxAge = hot
	}
	l.inFlight.Add(1)
	l.at[addr]++
	l.wg.Add(1)
	go a.run()
}

// learn adds an address that may serve the range.
func (l *lane) learn(addr string) {
	if l.fixed || slices.Contains(l.known, addr) {
		return
	}
	if len(l.known) >= maxKnown {
		i := slices.IndexFunc(l.known, func(a string) bool { return a != l.owner })
		l.known = slices.Delete(l.known, i, i+1)
	}
	l.known = append(l.known, addr)
}

// setOwner makes addr the one that we write to.
func (l *lane) setOwner(addr string, at host.Mono) {
	if addr == l.owner {
		return
	}
	l.learn(addr)
	from := l.owner
	l.owner = addr
	l.w.emit(Event{Kind: Moved, At: at, Range: l.name, Addr: addr, From: from})
}

// acked notes an acknowledgement.
func (l *lane) acked(a *attempt, at host.Mono) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing, l.since = false, 0
	l.records = append(l.records, record{at, a.seq, uint16(a.tag)})
	l.acks = append(l.acks, at)
	// A late answer of an instance that we have left says nothing about who serves the range now.
	if a.began > l.lastAck && !l.fixed {
		l.setOwner(a.addr, at)
	}
	if at <= l.lastAck {
		return
	}
	gap := at.Sub(l.lastAck)
	if l.lastAck != 0 {
		l.worst = max(l.worst, gap)
	}
	l.lastAck = at
	if l.silent {
		l.silent = false
		l.w.emit(Event{Kind: Back, At: at, Range: l.name, Addr: a.addr, Gap: gap})
		l.flush(at)
	}
}

// missed notes an attempt that brought no acknowledgement.
func (l *lane) missed(addr, kind string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed[kind]++
	l.total[kind]++
	// That a replica refuses is no sign of trouble.
	if addr == l.owner {
		l.failing = true
	}
}

// moved notes that addr sent us elsewhere.
func (l *lane) moved(a *attempt, to string, at host.Mono) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.learn(to)
	if a.follow && a.addr == l.owner && a.began > l.lastAck-host.Mono(l.w.opts.Interval) {
		l.setOwner(to, at)
	}
}

// flush reports what has gathered.
func (l *lane) flush(now host.Mono) {
	if len(l.acks) == 0 && len(l.failed) == 0 {
		return
	}
	slices.Sort(l.acks)
	e := Event{Kind: Acks, At: now, Range: l.name, Addr: l.owner, Acks: l.acks}
	if len(l.failed) > 0 {
		e.Failed = l.failed
		l.failed = map[string]int{}
	}
	l.acks = nil
	l.w.emit(e)
}

// attempt is one write of one value.
type attempt struct {
	lane   *lane
	addr   string
	began  host.Mono
	seq    uint32
	tag    int
	maxAge time.Duration
	follow bool
}

// run makes the attempt and notes how it ended.
func (a *attempt) run() {
	l := a.lane
	defer l.wg.Done()
	defer l.inFlight.Add(-1)
	first := a.addr
	defer func() {
		l.mu.Lock()
		l.at[first]--
		l.mu.Unlock()
	}()
	write := l.w.writing(l.w.key(a.seq, a.tag), l.w.value(a.seq))
	for hop := 0; ; hop++ {
		r, sent, err := l.w.pools.use(a.addr, a.maxAge, write)
		now := host.Now()
		switch {
		case err != nil:
			l.missed(a.addr, failure(sent, err))
			return
		case r.err == "":
			l.acked(a, now)
			return
		}
		l.missed(a.addr, r.err.word())
		to, ok := movedTo(r.err, a.addr)
		if !ok {
			return
		}
		l.moved(a, to, now)
		if !a.follow || hop == maxHops {
			return
		}
		a.addr = to
	}
}

// setScript does what SET does.
const setScript = "return redis.call('SET', KEYS[1], ARGV[1])"

// transactionPause is the time between the write that is queued and its EXEC: a whole switchover has room in it.
const transactionPause = 20 * time.Millisecond

// pause is how long a write takes by itself.
func (w *writer) pause() time.Duration {
	if w.opts.Way == Transaction {
		return transactionPause
	}
	return 0
}

// writing is what writes one value over a link, in the way of the writer.
func (w *writer) writing(key, value string) func(*link) (reply, error) {
	set := appendCommand(nil, "SET", key, value)
	switch w.opts.Way {
	case Script:
		eval := appendCommand(nil, "EVAL", setScript, "1", key, value)
		return func(l *link) (reply, error) { return l.ask(w.opts.Timeout, eval) }
	case Transaction:
		return func(l *link) (reply, error) { return l.transaction(w.opts.Timeout, w.pause(), set) }
	}
	return func(l *link) (reply, error) { return l.ask(w.opts.Timeout, set) }
}

// movedTo reads "MOVED 3999 127.0.0.1:6381". Redis leaves the host out when it means its own.
func movedTo(e serverError, asked string) (string, bool) {
	f := strings.Fields(string(e))
	if len(f) != 3 || f[0] != "MOVED" {
		return "", false
	}
	host, port, ok := strings.Cut(f[2], ":")
	if !ok || port == "" {
		return "", false
	}
	if host == "" {
		host, _, _ = strings.Cut(asked, ":")
	}
	return host + ":" + port, true
}

// key and value are unique to an attempt: two writers, and two runs of one, never write the same key.
func (w *writer) key(seq uint32, tag int) string {
	return "probe:{" + tags[tag].text + "}:" + w.run + ":" + strconv.FormatUint(uint64(seq), 10)
}

func (w *writer) value(seq uint32) string {
	return w.opts.Source + " " + w.run + " " + strconv.FormatUint(uint64(seq), 10)
}
