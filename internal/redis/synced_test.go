package redis_test

import (
	"fmt"
	"testing"

	"keepalived-redis/internal/model"
	"keepalived-redis/internal/testing/redistest"
)

// A replica that has never had its master's data is told from one whose master had nothing: Redis gives the first an offset of 1 and
// the second an offset of 0.
func TestNeverSynced(t *testing.T) {
	nobody := redistest.FreePort(t)
	lonely := redistest.Start(t, fmt.Sprintf("slaveof 127.0.0.1 %d", nobody))
	if l := lonely.Look(); l.Info == nil || l.Info.LinkUp || !l.Info.NeverSynced() {
		t.Errorf("a replica without a master: %+v", l.Info)
	}
	master := redistest.Start(t)
	replica := redistest.Start(t, fmt.Sprintf("slaveof 127.0.0.1 %d", master.Addr.Port()))
	info := func() model.Info {
		if l := replica.Look(); l.Info != nil {
			return *l.Info
		}
		return model.Info{}
	}
	redistest.Await(t, "the replica is linked", func() bool { return info().LinkUp })
	master.Kill()
	redistest.Await(t, "the link is down", func() bool { i := info(); return i.Role == model.Replica && !i.LinkUp })
	if i := info(); i.Keys != 0 || i.NeverSynced() {
		t.Errorf("a replica whose master had nothing: %+v", i)
	}
}
