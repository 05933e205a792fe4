package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"keepalived-redis/lab/resp"
)

// A server that is busy is not dead: nothing moves, whatever it is that it does.
var staysPut = all(vipStays, rolesStay, nothingLost)

// bulkLoads are how long the scripts take. The longest is below the time after which a server answers BUSY, 5 s.
var bulkLoads = []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}

// bulkSize is what each script loads; the shorter ones less, where the machine is slow.
const bulkSize = 200 << 20

var bulkLoad = Scenario{
	Name:    "bulk-load",
	About:   "scripts load up to 200 MB each into a master, which answers nothing for 0.5, 1, 2 and 4 s",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Still:   true,
	Settles: true,
	Must:    all(staysPut, stalledFor(bulkLoads[3], "R")),
	Steps: func(ctx context.Context, r *Run) error {
		port := r.Holder.Ports[0]
		sum := 0
		for _, d := range bulkLoads {
			loaded := 0
			err := r.stall(ctx, r.Holder, port, fmt.Sprintf("a script loads for %s", d), func(ctx context.Context) (err error) {
				loaded, err = r.Holder.BulkLoad(ctx, port, d, bulkSize)
				return err
			})
			sum += loaded
			if err != nil || r.disturbed() {
				return err
			}
			if err := r.awaitCaughtUp(ctx, r.Holder.Instance(port)); err != nil {
				return err
			}
		}
		r.Extra["loaded_mb"] = sum >> 20
		if sum < bulkSize {
			return fmt.Errorf("load %d MB four times: the scripts loaded %d MB together; hint: this machine is busy with other things", bulkSize>>20, sum>>20)
		}
		return nil
	},
}

// keysFor is how long the KEYS takes. Checks come every second: a few more, each at another time between two checks, meet one that is then too long for it.
const (
	keysFor   = time.Second
	keysAgain = 6
	keysPause = 100 * time.Millisecond
)

var keys = Scenario{
	Name:    "keys",
	About:   "KEYS over more and more keys, until a master answers nothing for 1 s, and a few times more",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Still:   true,
	Settles: true,
	Must:    all(staysPut, stalledFor(keysFor, "R")),
	Steps: func(ctx context.Context, r *Run) error {
		port := r.Holder.Ports[0]
		f, err := newFiller(ctx, r.Holder.Instance(port), "0")
		if err != nil {
			return err
		}
		err = r.grow(ctx, r.Holder, port, growth{"KEYS of", keysFor, 20_000, 3_000_000, f.fillKeys, f.slowKeys})
		for i := 0; err == nil && i < keysAgain && !r.disturbed(); i++ {
			if err = r.Steady(ctx, keysPause); err == nil {
				err = r.stall(ctx, r.Holder, port, "KEYS again", f.slowKeys)
			}
		}
		return err
	},
}

// flushFor is how long it takes to free everything, if that is not more than flushMost sets: 1 GB, here and on the replica.
const (
	flushFor  = 1500 * time.Millisecond
	flushMost = 800
)

var flush = Scenario{
	Name:    "flush",
	About:   "more and more sets go at once, by DEL, in a pair by FLUSHDB, until a master answers nothing for 1.5 s, or they are 1 GB",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Still:   true,
	Settles: true,
	Must:    all(staysPut, stalledFor(flushFor/2, "R")),
	Steps: func(ctx context.Context, r *Run) error {
		port := r.Holder.Ports[0]
		// A cluster has one database only; what the writer has written is there.
		database, flush, word := "0", (*filler).deleteSets, "DEL of sets:"
		if r.Scenario.Mode == Replication {
			database, flush, word = "1", (*filler).flush, "FLUSHDB of sets:"
		}
		f, err := newFiller(ctx, r.Holder.Instance(port), database)
		if err != nil {
			return err
		}
		return r.grow(ctx, r.Holder, port, growth{word, flushFor, 100, flushMost, f.fillSets, func(ctx context.Context) error { return flush(f, ctx) }})
	},
}

// stallFor is how long a fork and an fdatasync take that are made slow.
const stallFor = 2 * time.Second

var slowFork = Scenario{
	Name:    "slow-fork",
	About:   "BGSAVE of a master whose fork takes 2 s, as with 30 GB: until then it answers nothing",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Prepare: canStall,
	Needs:   []string{compiler},
	Still:   true,
	Settles: true,
	Must:    all(staysPut, stalledFor(stallFor*9/10, "R")),
	Steps: func(ctx context.Context, r *Run) error {
		port := r.Holder.Ports[0]
		if err := r.Holder.stallNext("fork", stallFor, port); err != nil {
			return err
		}
		return r.stall(ctx, r.Holder, port, "BGSAVE", func(ctx context.Context) error {
			_, err := resp.Ask(ctx, stallLimit, r.Holder.Instance(port), "BGSAVE")
			return err
		})
	},
}

var fsyncStalls = Scenario{
	Name:    "fsync-stalls",
	About:   "the disk under the masters' append only files does not answer for 2 s (appendfsync always): they wait in state D",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Prepare: func(b *Host) error { return errors.Join(canStall(b), fsyncAlways(b)) },
	Needs:   []string{compiler},
	Still:   true,
	Settles: true,
	Must:    all(staysPut, stalledFor(stallFor*3/4, "D")),
	Steps: func(ctx context.Context, r *Run) error {
		// All of them, as it is one disk. The writer writes to each many times a second, so each has its next fdatasync at once.
		if err := r.Holder.stallNext("fdatasync", stallFor, r.Holder.Ports...); err != nil {
			return err
		}
		port := r.Holder.Ports[0]
		return r.stall(ctx, r.Holder, port, "the disk stalls", func(ctx context.Context) error {
			if err := r.Holder.awaitStalling(ctx, "fdatasync", r.Holder.Ports...); err != nil {
				return err
			}
			_, err := resp.Ask(ctx, stallLimit, r.Holder.Instance(port), "PING")
			return err
		})
	},
}

// standbyBusyFor is longer than every wait for a server that is silent, and shorter than busy_grace.
const standbyBusyFor = 2 * time.Second

var standbyBusy = Scenario{
	Name:    "standby-busy",
	About:   "a script that only reads keeps a replica on the host without the VIP busy for 2 s",
	Layout:  AllMastersOnRedis1,
	Env:     []string{"KEEPALIVED_REDIS_POLICY=follow"},
	Still:   true,
	Settles: true,
	Must:    all(staysPut, bothStayHealthy, stalledFor(standbyBusyFor, "R")),
	Steps: func(ctx context.Context, r *Run) error {
		port := r.Standby.Ports[0]
		return r.stall(ctx, r.Standby, port, "a script runs for 2 s", func(ctx context.Context) error {
			_, err := r.Standby.BulkLoad(ctx, port, standbyBusyFor, 0)
			return err
		})
	},
}

// fsyncAlways lets the instances of a host wait for the disk at every write.
func fsyncAlways(b *Host) error {
	for _, p := range b.Ports {
		name := fmt.Sprintf("etc/redis/%d.conf", p)
		text, err := os.ReadFile(filepath.Join(b.dir, name))
		if err != nil {
			return fmt.Errorf("let %s wait for its disk: %w", b.Name, err)
		}
		if err := b.WriteFile(name, string(text)+"appendfsync always\n", 0o644); err != nil {
			return err
		}
	}
	return nil
}
