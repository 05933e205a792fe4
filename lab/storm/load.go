package storm

import (
	"context"
	"fmt"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/resp"
)

const (
	// bulkSize is what a script loads: it must fit many times into the small disk.
	bulkSize = 200_000
	// delSets is how many sets go at once; they must fit into the small disk as well, where a replica gets everything again meanwhile.
	delSets = 40
)

// bulkSlack is how much longer a command may take than it should; then somebody has cut the network, and nobody hears of the end.
const bulkSlack = 2 * time.Second

// busy keeps an instance busy beside the other faults. do returns what there is to say of it.
func busy(do func(context.Context, *lab.Host, int, Fault) (string, error)) func(context.Context, *Storm, *lab.Host, Fault) error {
	return func(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
		port := b.Ports[f.Instance]
		// One that hangs would do it when it wakes up.
		if _, err := resp.Ask(ctx, askLimit, b.Instance(port), "PING"); err != nil {
			return fmt.Errorf("%w: %w", errNobody, err)
		}
		s.beside.Add(1)
		go func() {
			defer s.beside.Done()
			ctx, cancel := context.WithTimeout(ctx, f.For+bulkSlack)
			defer cancel()
			// One that dies, or has a password, or follows another one, has no more to do.
			said, err := do(ctx, b, port, f)
			if err != nil {
				said = err.Error()
			}
			s.note("%s: %s", f, said)
		}()
		return nil
	}
}

// bulkLoad is a script that loads values into a master.
func bulkLoad(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
	return busy(func(ctx context.Context, b *lab.Host, port int, f Fault) (string, error) {
		loaded, err := b.BulkLoad(ctx, port, f.For, bulkSize)
		return fmt.Sprintf("loaded %d bytes", loaded), err
	})(ctx, s, b, f)
}

// slowKeys is a KEYS that takes long.
func slowKeys(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
	return busy(func(ctx context.Context, b *lab.Host, port int, f Fault) (string, error) {
		began := time.Now()
		err := b.SlowKeys(ctx, port, f.For)
		return fmt.Sprintf("it took %s", time.Since(began).Round(time.Millisecond)), err
	})(ctx, s, b, f)
}

// bigDel fills a master with sets, which go by one DEL.
func bigDel(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
	return busy(func(ctx context.Context, b *lab.Host, port int, _ Fault) (string, error) {
		return fmt.Sprintf("%d sets are gone", delSets), b.BigDel(ctx, port, delSets)
	})(ctx, s, b, f)
}

// bulkLoaded is the end of it, which comes by itself.
func bulkLoaded(context.Context, *Storm, *lab.Host, Fault) error { return nil }

// slowFork is a BGSAVE whose fork takes long: until then the instance runs and answers nothing.
func slowFork(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
	return busy(func(ctx context.Context, b *lab.Host, port int, f Fault) (string, error) {
		if err := b.StallNext("fork", f.For, port); err != nil {
			return "", err
		}
		_, err := resp.Ask(ctx, f.For+bulkSlack, b.Instance(port), "BGSAVE")
		return "it has forked", err
	})(ctx, s, b, f)
}

func forked(_ context.Context, _ *Storm, b *lab.Host, f Fault) error {
	return b.StallNoMore("fork", b.Ports[f.Instance])
}

// fsyncStall lets the disk of an instance not answer: the server waits for it with everything (state D).
func fsyncStall(ctx context.Context, _ *Storm, b *lab.Host, f Fault) error {
	port := b.Ports[f.Instance]
	if _, err := resp.Ask(ctx, askLimit, b.Instance(port), "CONFIG", "SET", "appendfsync", "always"); err != nil {
		return fmt.Errorf("%w: %w", errNobody, err)
	}
	if err := b.StallNext("fdatasync", f.For, port); err != nil {
		return fmt.Errorf("%w: %w", errNobody, err)
	}
	return nil
}

// fsynced undoes what is left of it. An instance that was started in between is as it ever was.
func fsynced(ctx context.Context, _ *Storm, b *lab.Host, f Fault) error {
	port := b.Ports[f.Instance]
	if err := b.StallNoMore("fdatasync", port); err != nil {
		return err
	}
	if _, err := resp.Ask(ctx, askLimit, b.Instance(port), "CONFIG", "SET", "appendfsync", "everysec"); err != nil {
		return fmt.Errorf("%w: %w", errNobody, err)
	}
	return nil
}
