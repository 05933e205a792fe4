package probe

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"keepalived-redis/lab/host"
)

const (
	// batch is how many values are asked for at once.
	batch = 512
	// verifyPeriod is the time between two rounds of reading back.
	verifyPeriod = 50 * time.Millisecond
	// verifyTimeout bounds one batch.
	verifyTimeout = 2 * time.Second
)

// verify reads back what was acknowledged and reports the results.
func (w *writer) verify(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, w.opts.VerifyWithin)
	defer cancel()
	results := make([]Result, len(w.lanes))
	unread := make([][]record, len(w.lanes))
	for i, l := range w.lanes {
		results[i] = l.result()
		unread[i] = l.records
	}
	tick := time.NewTicker(verifyPeriod)
	defer tick.Stop()
	var masters map[string]int
	for round := 0; ; round++ {
		var where layout
		if w.opts.Mode == Replication || w.opts.Mode == Sentinel {
			where = nil
		} else if found, err := w.finalLayout(); err == nil {
			where = found
		}
		left := 0
		for i, l := range w.lanes {
			unread[i] = w.readBack(l, unread[i], where, &results[i])
			left += len(unread[i])
		}
		if where != nil {
			masters = w.living(where)
		}
		if left == 0 && (masters != nil || w.opts.Mode != Cluster) || !awaitTick(ctx, tick) {
			break
		}
	}
	w.report(results, unread, masters)
}

func awaitTick(ctx context.Context, tick *time.Ticker) bool {
	select {
	case <-tick.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// result is what the lane knows without reading back.
func (l *lane) result() Result {
	r := Result{Acked: len(l.records), WorstGap: l.worst, Failed: l.total}
	for kind, n := range l.total {
		if Unknown(kind) {
			r.Unknown += n
		}
	}
	return r
}

// finalLayout asks the VIP first, then, when nobody answers there, whom the writes have met.
func (w *writer) finalLayout() (layout, error) {
	if w.opts.Mode == Cluster {
		if found, err := w.askLayout(w.entrances()); err == nil {
			return found, nil
		}
	}
	var met []string
	for _, l := range w.lanes {
		for _, addr := range append([]string{l.owner}, l.known...) {
			if !slices.Contains(met, addr) {
				met = append(met, addr)
			}
		}
	}
	return w.askLayout(met)
}

// living are those of the masters that answer as such, with their slots.
func (w *writer) living(where layout) map[string]int {
	all := map[string]int{}
	for _, s := range where {
		if w.isMaster(s.master) {
			all[s.master] += s.slots()
		}
	}
	return all
}

func (w *writer) isMaster(addr string) bool {
	r, _, err := w.pools.ask(addr, hot, w.opts.Timeout, appendCommand(nil, "ROLE"))
	return err == nil && len(r.items) > 0 && r.items[0].text == "master"
}

// readBack reads the records of a lane at whoever serves them now, adds to the result, and returns what could not be read.
func (w *writer) readBack(l *lane, records []record, where layout, result *Result) []record {
	byMaster := map[string][]record{}
	var left []record
	for _, r := range records {
		addr := l.known[0]
		switch {
		case where != nil:
			addr = where.master(tags[r.tag].slot)
		case w.opts.Mode == Local && w.opts.VIP.IsValid():
			addr = w.behindVIP(addr)
		}
		byMaster[addr] = append(byMaster[addr], r)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for addr, some := range byMaster {
		wg.Add(1)
		go func() {
			defer wg.Done()
			lost, wrong, unread := w.readFrom(addr, some)
			mu.Lock()
			defer mu.Unlock()
			result.Lost += len(lost)
			result.LostAcks = append(result.LostAcks, lost...)
			result.Wrong += wrong
			left = append(left, unread...)
		}()
	}
	wg.Wait()
	return left
}

// behindVIP is the address behind the VIP that has the port of a local instance.
func (w *writer) behindVIP(local string) string {
	return netip.AddrPortFrom(w.opts.VIP, netip.MustParseAddrPort(local).Port()).String()
}

// readFrom reads records at one instance. It must be a master: a replica outside a cluster would answer too.
func (w *writer) readFrom(addr string, records []record) (lost []host.Mono, wrong int, unread []record) {
	if !w.isMaster(addr) {
		return nil, 0, records
	}
	link, err := w.pools.of(addr).take(hot)
	if err != nil {
		return nil, 0, records
	}
	defer link.drop()
	for some := range slices.Chunk(records, batch) {
		var commands []byte
		for _, r := range some {
			commands = appendCommand(commands, "GET", w.key(r.seq, int(r.tag)))
		}
		// A dead link fails the first write or read of each chunk at once; its records are read in the next round.
		err := link.conn.SetDeadline(time.Now().Add(verifyTimeout))
		if err == nil {
			_, err = link.conn.Write(commands)
		}
		for _, r := range some {
			var got reply
			if err == nil {
				got, err = readReply(link.in)
			}
			switch {
			case err != nil || got.err != "":
				unread = append(unread, r)
			case got.null:
				lost = append(lost, r.at)
			case got.text != w.value(r.seq):
				wrong++
			}
		}
	}
	return lost, wrong, unread
}

// report emits the results, each range by itself and the sums.
func (w *writer) report(results []Result, unread [][]record, masters map[string]int) {
	sum := Result{Failed: map[string]int{}}
	for i, l := range w.lanes {
		r := results[i]
		r.Unread = len(unread[i])
		slices.Sort(r.LostAcks)
		w.emit(Event{Kind: Verified, At: host.Now(), Range: l.name, Addr: l.owner, Result: &r})
		sum.Acked += r.Acked
		sum.Lost += r.Lost
		sum.LostAcks = append(sum.LostAcks, r.LostAcks...)
		sum.Wrong += r.Wrong
		sum.Unread += r.Unread
		sum.Unknown += r.Unknown
		sum.WorstGap = max(sum.WorstGap, r.WorstGap)
		for kind, n := range r.Failed {
			sum.Failed[kind] += n
		}
	}
	slices.Sort(sum.LostAcks)
	w.emit(Event{Kind: Ended, At: host.Now(), Result: &sum, Masters: masters})
}
