package storm

import (
	"context"
	"fmt"
	"time"

	"keepalived-redis/lab"
	"keepalived-redis/lab/resp"
)

// bulkSize is what a script loads: it must fit many times into the small disk.
const bulkSize = 200_000

// bulkSlack is how much longer it may take than it should; then somebody has cut the network, and nobody hears of the end.
const bulkSlack = 2 * time.Second

// bulkLoad keeps an instance busy with a script, beside the other faults. A master loads values meanwhile.
func bulkLoad(ctx context.Context, s *Storm, b *lab.Host, f Fault) error {
	port := b.Ports[f.Instance]
	// One that hangs would run the script when it wakes up.
	if _, err := resp.Ask(ctx, askLimit, b.Instance(port), "PING"); err != nil {
		return fmt.Errorf("%w: %w", errNobody, err)
	}
	s.beside.Add(1)
	go func() {
		defer s.beside.Done()
		ctx, cancel := context.WithTimeout(ctx, f.For+bulkSlack)
		defer cancel()
		// One that dies, or has a password, has no more to do.
		if loaded, err := b.BulkLoad(ctx, port, f.For, bulkSize); err != nil {
			s.note("%s: %v", f, err)
		} else {
			s.note("%s: loaded %d bytes", f, loaded)
		}
	}()
	return nil
}

// bulkLoaded is the end of it, which comes by itself.
func bulkLoaded(context.Context, *Storm, *lab.Host, Fault) error { return nil }
