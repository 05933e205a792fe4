package lab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"keepalived-redis/lab/resp"
)

// bulkScript runs until ARGV[1] seconds have passed, and makes values of ARGV[3] bytes meanwhile, until they are ARGV[2] bytes. It goes by the clock, because
// nobody knows how quick a machine is: that of the processor where scripts have it, because for them the wall clock stands still since Redis 7.2.
// SETRANGE makes a value of which only the last byte is sent to the replica and to the append only file: what 200 MB take there, after the script and
// just as silent, is anything between half a second and ten, and then nobody could say how long the server is busy.
// Without a key it makes nothing, and where it may not write, either, so that a replica runs it, too. It returns how many bytes it has made.
const bulkScript = `
local has, clock = pcall(function() return os.clock end)
local function now()
	if has then return clock() end
	local t = redis.call('TIME')
	return t[1] + t[2] / 1000000
end
local began, takes = now(), tonumber(ARGV[1])
local bytes, size = tonumber(ARGV[2]), tonumber(ARGV[3])
local count, written = 0, 0
while now() - began < takes do
	if KEYS[1] and written < bytes then
		if redis.pcall('SET', KEYS[1] .. count, '').err then
			bytes = 0
		else
			redis.call('SETRANGE', KEYS[1] .. count, size - 1, 'x')
			count, written = count + 1, written + size
		end
	end
end
return written`

const valueSize = 10_000

// BulkLoad runs a script on an instance that takes that long and loads so many bytes, or as many as it can: meanwhile the instance answers nobody. It returns
// how many bytes it loaded: none on a replica.
func (b *Host) BulkLoad(ctx context.Context, port int, d time.Duration, bytes int) (loaded int, err error) {
	addr := b.Instance(port)
	args := []string{"EVAL", bulkScript}
	tag, err := ownTag(ctx, addr)
	switch {
	case err == nil && bytes > 0:
		args = append(args, "1", tag+"bulk-")
	case err == nil || errors.Is(err, errNoTag):
		args = append(args, "0")
	default:
		return 0, fmt.Errorf("load %s: %w", addr, err)
	}
	seconds := strconv.FormatFloat(d.Seconds(), 'f', 3, 64)
	reply, err := resp.Ask(ctx, stallLimit, addr, append(args, seconds, strconv.Itoa(bytes), strconv.Itoa(valueSize))...)
	if err != nil {
		return 0, fmt.Errorf("load %s: %w", addr, err)
	}
	return strconv.Atoi(strings.Join(reply, ""))
}

var errNoTag = errors.New("it owns no slot")

// ownTag is a hash tag whose slot an instance owns; without a cluster any. A replica of a cluster owns none.
func ownTag(ctx context.Context, addr string) (string, error) {
	const tries = 64
	for i := range tries {
		tag := fmt.Sprintf("{busy-%d}", i)
		_, err := resp.Ask(ctx, fillLimit, addr, "EXISTS", tag)
		var refused resp.Error
		if errors.As(err, &refused) && strings.HasPrefix(string(refused), "MOVED") {
			continue
		}
		return tag, err
	}
	return "", errNoTag
}

// fillLimit bounds one step of filling, which takes a few ms.
const fillLimit = 5 * time.Second

// filler fills an instance with what takes it long to go through or to free. It does so step by step, so that it is never busy for long before its time.
type filler struct {
	addr, tag, database string
	// sets are how many sets there are.
	sets int
	keys int
}

func newFiller(ctx context.Context, addr, database string) (*filler, error) {
	tag, err := ownTag(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("fill %s: %w", addr, err)
	}
	return &filler{addr: addr, tag: tag, database: database}, nil
}

func (f *filler) ask(ctx context.Context, limit time.Duration, args ...string) error {
	_, err := resp.AskInTurn(ctx, limit, f.addr, []string{"SELECT", f.database}, args)
	return err
}

// growth is a command that takes longer the more there is: how long it is to take, how much there is at first and at most, and what makes more: up to so
// much in all.
type growth struct {
	word        string
	takes       time.Duration
	first, most int
	fill        func(context.Context, int) error
	command     func(context.Context) error
}

// grow keeps an instance busy with a command over and over, with more each time, until it takes as long as it is to take.
func (r *Run) grow(ctx context.Context, b *Host, port int, g growth) error {
	for n := g.first; ; {
		if err := g.fill(ctx, n); err != nil {
			return err
		}
		if err := r.stall(ctx, b, port, fmt.Sprintf("%s %d", g.word, n), g.command); err != nil {
			return err
		}
		n = g.more(n, r.stalls[len(r.stalls)-1].took)
		if n == 0 || r.disturbed() {
			return nil
		}
	}
}

// more is how much there must be next, if n took so long: a little more than it takes, but not by what a short one says about a long one. It is 0 where n
// is enough.
func (g growth) more(n int, took time.Duration) int {
	if took >= g.takes || n >= g.most {
		return 0
	}
	return min(g.most, int(float64(n)*min(4, 1.2*float64(g.takes)/float64(max(took, 1)))))
}

const (
	// keyLength is the length of each key, but for its number and tag.
	keyLength = 60
	// keysAtOnce is how many one script makes.
	keysAtOnce = 10_000
)

const keysScript = `for i = ARGV[1], ARGV[2] do redis.call('SET', KEYS[1] .. i, '') end`

func (f *filler) fillKeys(ctx context.Context, upTo int) error {
	for ; f.keys < upTo; f.keys += keysAtOnce {
		err := f.ask(ctx, fillLimit, "EVAL", keysScript, "1", f.tag+strings.Repeat("a", keyLength), strconv.Itoa(f.keys), strconv.Itoa(f.keys+keysAtOnce-1))
		if err != nil {
			return fmt.Errorf("fill with keys: %w", err)
		}
	}
	return nil
}

// slowKeys is a KEYS with a pattern that fails late at each place of a key.
func (f *filler) slowKeys(ctx context.Context) error {
	return f.ask(ctx, stallLimit, "KEYS", "*"+strings.Repeat("a", keyLength/2)+"b")
}

const (
	// setSize is how many members each set has: a copy takes some 20 ms.
	setSize = 20_000
	// membersAtOnce is how many one script adds.
	membersAtOnce = 10_000
)

// A SADD takes a few thousand members at most from a script.
const membersScript = `
for from = ARGV[1], ARGV[2], 1000 do
	local members = {}
	for i = 1, 1000 do members[i] = 'm' .. (from + i) end
	redis.call('SADD', KEYS[1], unpack(members))
end`

func (f *filler) source() string        { return f.tag + "source" }
func (f *filler) set(number int) string { return fmt.Sprintf("%sset-%d", f.tag, number) }

// fillSets makes sets with the same members.
func (f *filler) fillSets(ctx context.Context, upTo int) error {
	for from := 0; f.sets == 0 && from < setSize; from += membersAtOnce {
		if err := f.ask(ctx, fillLimit, "EVAL", membersScript, "1", f.source(), strconv.Itoa(from), strconv.Itoa(from+membersAtOnce-1)); err != nil {
			return fmt.Errorf("fill with sets: %w", err)
		}
	}
	for ; f.sets < upTo; f.sets++ {
		// A command of its own, because the copy goes to the replica as this command and not as its members.
		if err := f.ask(ctx, fillLimit, "SUNIONSTORE", f.set(f.sets), f.source()); err != nil {
			return fmt.Errorf("fill with sets: %w", err)
		}
	}
	return nil
}

// deleteSets deletes all sets at once.
func (f *filler) deleteSets(ctx context.Context) error {
	args := []string{"DEL"}
	for ; f.sets > 0; f.sets-- {
		args = append(args, f.set(f.sets-1))
	}
	return f.ask(ctx, stallLimit, args...)
}

// flush empties the database.
func (f *filler) flush(ctx context.Context) error {
	f.sets = 0
	return f.ask(ctx, stallLimit, "FLUSHDB")
}

// matchTakes is about what KEYS needs for one character of a key and one of its pattern.
const matchTakes = 6 * time.Nanosecond

// SlowKeys lets KEYS take about so long on a master, by one long key whose pattern fails late at each of its places. Afterwards the key is gone.
func (b *Host) SlowKeys(ctx context.Context, port int, d time.Duration) error {
	f, err := newFiller(ctx, b.Instance(port), "0")
	if err != nil {
		return err
	}
	half := int(math.Sqrt(float64(d / matchTakes)))
	key := f.tag + strings.Repeat("a", 2*half)
	if err := f.ask(ctx, fillLimit, "SET", key, ""); err != nil {
		return err
	}
	return errors.Join(f.ask(ctx, stallLimit, "KEYS", "*"+strings.Repeat("a", half)+"b"), f.ask(ctx, fillLimit, "DEL", key))
}

// BigDel fills a master with sets and deletes them all by one DEL.
func (b *Host) BigDel(ctx context.Context, port, sets int) error {
	f, err := newFiller(ctx, b.Instance(port), "0")
	if err != nil {
		return err
	}
	if err := f.fillSets(ctx, sets); err != nil {
		return err
	}
	return errors.Join(f.deleteSets(ctx), f.ask(ctx, fillLimit, "DEL", f.source()))
}

// caughtUpLimit bounds how long a replica may need for a bulk load.
const caughtUpLimit = 20 * time.Second

// awaitCaughtUp waits until the replica of a master has what the master has now, or until something has moved.
func (r *Run) awaitCaughtUp(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, caughtUpLimit, fmt.Errorf("the replica of %s has not caught up within %s", addr, caughtUpLimit))
	defer cancel()
	tick := time.NewTicker(linkedPeriod)
	defer tick.Stop()
	target := int64(-1)
	for !r.disturbed() {
		offset, replica, err := offsets(ctx, addr)
		if err == nil && target < 0 {
			target = offset
		}
		if err == nil && replica >= target {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for a replica: %w", context.Cause(ctx))
		}
	}
	return nil
}

// offsets are how far a master is, and how far its first replica says that it is.
func offsets(ctx context.Context, addr string) (master, replica int64, err error) {
	info, err := resp.Ask(ctx, fillLimit, addr, "INFO", "replication")
	if err != nil {
		return 0, 0, err
	}
	replica = -1
	for _, line := range strings.Split(info[0], "\r\n") {
		if n, ok := strings.CutPrefix(line, "master_repl_offset:"); ok {
			master, err = strconv.ParseInt(n, 10, 64)
		}
		if _, text, ok := strings.Cut(line, ",offset="); ok && strings.HasPrefix(line, "slave0:") {
			n, _, _ := strings.Cut(text, ",")
			replica, err = strconv.ParseInt(n, 10, 64)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("read the offsets of %s: %w", addr, err)
		}
	}
	return master, replica, nil
}
