package loop

import (
	"testing"

	"keepalived-redis/internal/session"
)

func TestDamagedStateIsSetAsideAndSaid(t *testing.T) {
	r := reconciler(t)
	r.Memory = nil
	if err := r.Store.Run.StoreBytes(session.MemoryFile, []byte("{garbage")); err != nil {
		t.Fatal(err)
	}
	r.Begin()
	r.Keep()
	if r.Memory == nil || len(r.Memory.Stretches) != 0 {
		t.Error("a damaged memory was used")
	}
	var again session.Memory
	if found, err := r.Store.Run.Load(session.MemoryFile, &again); found || err != nil {
		t.Errorf("the damaged file is still there: %v, %v", found, err)
	}
}
